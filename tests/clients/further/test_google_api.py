"""Any other Google API, through Google's own client, for a grant: at the emulator, and in a crowd."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from googleapiclient.errors import HttpError
from googleapiclient.http import build_http

from clients.further.conftest import SITE
from clients.further.told import Told
from clients.libraries import IDA
from clients.sources import CALLERS as THREADS
from clients.sources import GRANT, ScriptedSource, at_once
from grantkeeper.clients import google_api, google_auth
from grantkeeper.clients.reached import GrantSource
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.emulator.server import Serving
from grantkeeper.errors import ConsentRequired, InvalidInput, Misconfigured, ProviderUnavailable
from grantkeeper.keeper import Keeper
from grantkeeper.model import Grant, TokenSource

A_WHILE = timedelta(minutes=5)
"""Long enough for the keeper to take a report of a rejected token seriously, short enough for the token to live."""
PATH = "/webmasters/v3/sites"


@pytest.fixture
def search_console(giving: GrantSource, grant: Grant, serving: Serving) -> Iterator[Any]:
    """Search Console, for Ida's grant."""
    with google_api.service(giving, grant.id, "searchconsole", "v1", api_endpoint=serving.url) as made:
        yield made


@pytest.fixture
def scripted(source: ScriptedSource, told: Told) -> Iterator[Any]:
    """Search Console, for the scripted grant, at the server that answers as it is told."""
    with google_api.service(source, GRANT, "searchconsole", "v1", api_endpoint=told.url) as made:
        yield made


def sites(service: Any) -> list[str]:
    """Ask for the sites."""
    return [each["siteUrl"] for each in service.sites().list().execute()["siteEntry"]]


def refreshes(emulator: Emulator) -> int:
    """Count the refreshes that reached the provider."""
    return len(emulator.requests("/token", grant_type="refresh_token"))


# --- calls -----------------------------------------------------------------------------------------------------------


def test_a_service_acts_for_the_grant_across_an_expiry(search_console: Any, emulator: Emulator, clock: Clock) -> None:
    """One object for as long as the grant lives: one refresh, and it goes on."""
    assert sites(search_console) == [SITE]
    assert refreshes(emulator) == 0
    clock.advance(timedelta(hours=2))

    assert [sites(search_console), sites(search_console)] == [[SITE]] * 2
    assert refreshes(emulator) == 1


def test_an_api_whose_paths_have_a_prefix_is_reached_at_another_endpoint(
    giving: GrantSource, grant: Grant, serving: Serving
) -> None:
    """The endpoint replaces the host; googleapiclient's own option would drop the prefix `webmasters/v3/`."""
    with google_api.service(giving, grant.id, "webmasters", "v3", api_endpoint=serving.url) as made:
        assert sites(made) == [SITE]


def test_batches_go_to_the_endpoint_too(source: ScriptedSource, told: Told) -> None:
    """Nothing that is meant for a stand-in may reach Google, and no token but by the named host."""
    with google_api.service(source, GRANT, "webmasters", "v3", api_endpoint=told.url) as made:
        batch = made.new_batch_http_request()
        batch.add(made.sites().list())
        told.refuse(times=2)
        with pytest.raises(HttpError):
            batch.execute()

    assert [each.path for each in told.calls] == ["/batch/webmasters/v3"] * 2


def test_a_token_that_the_api_refuses_is_replaced_within_the_call(
    search_console: Any, emulator: Emulator, clock: Clock
) -> None:
    """R-37: reported, and sent once more with another token."""
    sites(search_console)
    clock.advance(A_WHILE)
    emulator.expire_tokens()

    assert sites(search_console) == [SITE]
    assert [each.status for each in emulator.requests(PATH)] == [200, 401, 200]
    assert refreshes(emulator) == 1


def test_a_second_401_is_the_answer(scripted: Any, source: ScriptedSource, told: Told) -> None:
    """No loop: two requests, one report (google-auth-httplib2 by itself would try three times)."""
    told.refuse(times=10)
    with pytest.raises(HttpError) as caught:
        scripted.sites().list().execute()

    assert caught.value.status_code == 401
    assert told.tokens == ["token-1", "token-2"]
    assert source.rejected == ["token-1"]


def test_a_grant_revoked_while_its_token_lives_is_a_typed_error(
    search_console: Any, grant: Grant, emulator: Emulator, clock: Clock
) -> None:
    """R-37: the 401 is reported, and the reason found out."""
    sites(search_console)
    clock.advance(A_WHILE)
    emulator.revoke(IDA)
    with pytest.raises(ConsentRequired) as caught, google_auth.api_errors(search_console):
        sites(search_console)

    assert (caught.value.grant_id, caught.value.reason) == (grant.id, "revoked_or_expired")


def test_a_provider_that_is_down_is_a_typed_error(search_console: Any, emulator: Emulator, clock: Clock) -> None:
    """Nobody has to consent again because of an outage."""
    clock.advance(timedelta(hours=2))
    emulator.fail(503)
    with pytest.raises(ProviderUnavailable), google_auth.api_errors(search_console):
        sites(search_console)

    assert sites(search_console) == [SITE]


def test_what_the_api_itself_refuses_is_a_typed_error(
    giving: GrantSource, grant: Grant, serving: Serving, emulator: Emulator
) -> None:
    """An HttpError whose reason is known says who must act; the original is its cause."""
    youtube: Any = google_api.service(giving, grant.id, "youtube", "v3", api_endpoint=serving.url)
    with youtube, pytest.raises(ConsentRequired) as caught, google_auth.api_errors(youtube):
        youtube.channels().list(part="snippet", mine=True).execute()

    assert isinstance(caught.value.__cause__, HttpError)


def test_the_quota_project_is_sent(keeper: Keeper, grant: Grant, serving: Serving, emulator: Emulator) -> None:
    """`x-goog-user-project` is Google's header for it."""
    with google_api.service(
        keeper, grant.id, "searchconsole", "v1", api_endpoint=serving.url, quota_project_id="billing"
    ) as made:
        sites(made)

    assert emulator.requests(PATH)[-1].headers["x-goog-user-project"] == "billing"


def test_a_redirect_carries_no_token(scripted: Any, source: ScriptedSource, told: Told) -> None:
    """Not to another host, and with httplib2 to none."""
    told.redirect(f"{told.elsewhere}/there")
    scripted.sites().list().execute()

    assert [(each.host, each.token) for each in told.calls] == [("127.0.0.1", "token-1"), ("localhost", "")]
    assert source.rejected == []


def test_a_call_that_takes_too_long_ends(keeper: Keeper, grant: Grant, serving: Serving, emulator: Emulator) -> None:
    """`timeout` is of each wait; the next call has a connection of its own."""
    with google_api.service(
        keeper, grant.id, "searchconsole", "v1", api_endpoint=serving.url, timeout=timedelta(milliseconds=200)
    ) as made:
        emulator.slow(20, path=PATH)
        with pytest.raises(TimeoutError):
            sites(made)
        emulator.release()

        assert sites(made) == [SITE]


# --- threads ---------------------------------------------------------------------------------------------------------


def test_many_threads_share_one_service(search_console: Any, emulator: Emulator, clock: Clock) -> None:
    """Services of googleapiclient are not made for it: httplib2 mixes up answers. One refresh between them."""
    clock.advance(timedelta(hours=2))

    assert at_once(lambda: sites(search_console)) == [[SITE]] * THREADS
    assert refreshes(emulator) == 1


def test_a_request_that_was_built_in_one_thread_may_be_sent_in_others(search_console: Any) -> None:
    """Connections belong to requests under way, not to threads or request objects."""
    request = search_console.sites().list()

    assert [each["siteEntry"][0]["siteUrl"] for each in at_once(request.execute)] == [SITE] * THREADS  # type: ignore[index]


def test_connections_are_used_again(scripted: Any, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten calls one after the other need one."""
    made: list[Any] = []

    def counted() -> Any:
        made.append(build_http())
        return made[-1]

    monkeypatch.setattr("googleapiclient.http.build_http", counted)
    for _ in range(10):
        scripted.sites().list().execute()

    assert len(made) == 1


def test_a_service_that_was_closed_keeps_no_connection(scripted: Any, told: Told) -> None:
    """It can be used on, with a connection for each call."""
    scripted.sites().list().execute()
    http = scripted._http
    (connection,) = http._idle[0].connections.values()
    scripted.close()

    assert connection.sock is None
    assert scripted.sites().list().execute() == {}
    assert len(http._idle) == 0


# --- building --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "version"),
    [("analyticsdata", "v1beta"), ("merchantapi", "accounts_v1"), ("youtube", "v3"), ("displayvideo", "v4")],
)
def test_building_one_needs_no_network_and_no_token(
    source: ScriptedSource, monkeypatch: pytest.MonkeyPatch, name: str, version: str
) -> None:
    """The descriptions of the APIs are part of the package."""

    def connect(*_: object) -> None:
        pytest.fail("it went to the network")

    monkeypatch.setattr(socket.socket, "connect", connect)
    made: Any = google_api.service(source, GRANT, name, version)

    assert made._baseUrl.startswith("https://")
    assert ".googleapis.com/" in made._baseUrl
    assert source.asked == []


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("analyticsdat", "v1beta", "Near names: analyticsdata"),
        ("youtube", "v9", "Its versions are v3."),
        ("../../secret", "v1", "newer google-api-python-client"),
        ("youtube.v3", "", "newer google-api-python-client"),
        ("", "", "newer google-api-python-client"),
    ],
)
def test_an_api_that_is_not_in_the_package_is_said_with_what_is(
    source: TokenSource, name: str, version: str, said: str
) -> None:
    """Not a 404 from the network; the name is no path."""
    with pytest.raises(InvalidInput) as caught:
        google_api.service(source, GRANT, name, version)

    assert said in caught.value.advice


@pytest.mark.parametrize(
    "endpoint",
    ["http://api.example", "https://api.example/path", "https://u@api.example", "https://x/?y", "https://x/#y", ""],
)
def test_an_endpoint_that_cannot_be_called_safely_is_refused(source: TokenSource, endpoint: str) -> None:
    """The token goes there."""
    with pytest.raises(InvalidInput, match="cannot be called safely"):
        google_api.service(source, GRANT, "youtube", "v3", api_endpoint=endpoint)


@pytest.mark.parametrize(
    ("endpoint", "base"),
    [
        ("api.example", "https://api.example/webmasters/v3/"),
        ("api.example:444", "https://api.example:444/webmasters/v3/"),
        ("http://localhost:8080/", "http://localhost:8080/webmasters/v3/"),
    ],
)
def test_an_endpoint_is_a_host_or_a_url(source: TokenSource, endpoint: str, base: str) -> None:
    """As in `ad_manager.rest_client`."""
    made: Any = google_api.service(source, GRANT, "webmasters", "v3", api_endpoint=endpoint)

    assert made._baseUrl == base


def test_a_timeout_of_nothing_is_refused(source: TokenSource) -> None:
    """httplib2 would take 0 for `do not wait at all`."""
    with pytest.raises(InvalidInput, match="too short"):
        google_api.service(source, GRANT, "youtube", "v3", timeout=timedelta(0))


def test_a_missing_library_is_said_with_the_command_that_installs_it(
    source: TokenSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Misconfigured, not an ImportError from somewhere deep."""
    monkeypatch.setitem(sys.modules, "googleapiclient.discovery", None)
    with pytest.raises(Misconfigured) as caught:
        google_api.service(source, GRANT, "youtube", "v3")

    assert caught.value.advice == "Run: pip install 'grantkeeper[google-api]'"


def test_the_http_shows_no_token(scripted: Any) -> None:
    """It is what a debugger shows of a service."""
    scripted.sites().list().execute()

    assert "token-1" not in repr(scripted._http)
    assert GRANT in repr(scripted._http)
