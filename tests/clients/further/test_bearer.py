"""A grant as `auth=` of HTTP clients: its token on every request, another one after a 401, and never elsewhere."""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import cast

import httpx2
import pytest
import requests

from clients.further.callers import BLOCKING, CALLERS, REQUESTS, Caller
from clients.further.conftest import SITE
from clients.further.told import Told
from clients.libraries import IDA
from clients.sources import CALLERS as THREADS
from clients.sources import GRANT, ScriptedSource, at_once, dead, down
from grantkeeper import AsyncRemote, Remote
from grantkeeper.aio import AsyncKeeper
from grantkeeper.clients import bearer
from grantkeeper.clients.bearer import BearerAuth
from grantkeeper.clients.reached import GrantSource
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.emulator.server import Serving
from grantkeeper.errors import ConsentRequired, InvalidInput, ProviderUnavailable
from grantkeeper.keeper import Keeper
from grantkeeper.model import Grant

A_WHILE = timedelta(minutes=5)
"""Long enough for the keeper to take a report of a rejected token seriously, short enough for the token to live."""
PATH = "/webmasters/v3/sites"


@pytest.fixture(params=CALLERS, ids=lambda each: each.name)
def caller(request: pytest.FixtureRequest) -> Caller:
    """Each client in turn."""
    assert isinstance(request.param, Caller)
    return request.param


@pytest.fixture
def scripted(source: ScriptedSource) -> BearerAuth:
    """The auth of the scripted grant."""
    return bearer.auth(source, GRANT)


@pytest.fixture
def kept(giving: GrantSource, grant: Grant) -> BearerAuth:
    """The auth of Ida's grant."""
    return bearer.auth(giving, grant.id)


def refreshes(emulator: Emulator) -> int:
    """Count the refreshes that reached the provider."""
    return len(emulator.requests("/token", grant_type="refresh_token"))


def sites(text: str) -> list[str]:
    """Return the sites in an answer."""
    return [each["siteUrl"] for each in json.loads(text)["siteEntry"]]


# --- with a keeper, at the emulator ----------------------------------------------------------------------------------


def test_requests_carry_the_grants_token(
    caller: Caller, kept: BearerAuth, serving: Serving, emulator: Emulator
) -> None:
    """The token of the consent itself: nothing is refreshed."""
    answer = caller.call(serving.url + PATH, kept)

    assert (answer.status, sites(answer.text)) == (200, [SITE])
    assert refreshes(emulator) == 0


def test_a_token_that_the_api_refuses_is_replaced_within_the_call(
    caller: Caller, kept: BearerAuth, serving: Serving, emulator: Emulator, clock: Clock
) -> None:
    """R-37: a 401 is reported and the request sent once more; the caller sees the good answer only."""
    caller.call(serving.url + PATH, kept)
    clock.advance(A_WHILE)
    emulator.expire_tokens()

    assert caller.call(serving.url + PATH, kept).status == 200
    assert [each.status for each in emulator.requests(PATH)] == [200, 401, 200]
    assert refreshes(emulator) == 1


def test_a_401_right_after_the_token_was_issued_is_the_answer(
    caller: Caller, kept: BearerAuth, serving: Serving, emulator: Emulator
) -> None:
    """R-37: the keeper has no other token then, and the same one is not sent twice."""
    emulator.expire_tokens()

    assert caller.call(serving.url + PATH, kept).status == 401
    assert [each.status for each in emulator.requests(PATH)] == [401]
    assert refreshes(emulator) == 0


def test_a_grant_revoked_while_its_token_lives_is_consent_required(
    caller: Caller, kept: BearerAuth, grant: Grant, serving: Serving, emulator: Emulator, clock: Clock
) -> None:
    """The 401 leads to the reason: ours, unchanged, through the client."""
    clock.advance(A_WHILE)
    emulator.revoke(IDA)
    with pytest.raises(ConsentRequired) as caught:
        caller.call(serving.url + PATH, kept)

    assert (caught.value.grant_id, caught.value.reason) == (grant.id, "revoked_or_expired")


def test_many_threads_on_one_auth_cause_one_refresh(
    kept: BearerAuth, serving: Serving, emulator: Emulator, clock: Clock
) -> None:
    """One object serves a whole program, whatever its clients."""
    clock.advance(timedelta(hours=2))

    assert at_once(lambda: REQUESTS.call(serving.url + PATH, kept).status) == [200] * THREADS
    assert refreshes(emulator) == 1


def awaited(source: GrantSource) -> AsyncKeeper | AsyncRemote:
    """Return a source as async programs have it."""
    return AsyncKeeper(source) if isinstance(source, Keeper) else AsyncRemote(cast("Remote", source))


def test_an_async_source_is_awaited(
    giving: GrantSource, grant: Grant, serving: Serving, emulator: Emulator, clock: Clock
) -> None:
    """The same, with the keeper or the remote of async programs, a 401 included."""

    async def call() -> list[int]:
        async with awaited(giving) as source, httpx2.AsyncClient(auth=bearer.auth(source, grant.id)) as client:
            first = await client.get(serving.url + PATH)
            clock.advance(A_WHILE)
            emulator.expire_tokens()
            second = await client.get(serving.url + PATH)
            return [first.status_code, second.status_code]

    assert asyncio.run(call()) == [200, 200]
    assert refreshes(emulator) == 1


@pytest.mark.parametrize("blocking", BLOCKING, ids=lambda each: each.name)
def test_an_async_source_is_none_for_a_blocking_client(
    blocking: Caller, giving: GrantSource, grant: Grant, serving: Serving
) -> None:
    """Said at once, instead of a coroutine that nobody awaits."""
    source = awaited(giving)
    with pytest.raises(InvalidInput, match=r"Async(Keeper|Remote) is for async clients only"):
        blocking.call(serving.url + PATH, bearer.auth(source, grant.id))


# --- what is sent, and how often -------------------------------------------------------------------------------------


def test_a_second_401_is_the_answer(caller: Caller, scripted: BearerAuth, source: ScriptedSource, told: Told) -> None:
    """No loop: two requests, one report."""
    told.refuse(times=10)

    assert caller.call(told.url, scripted).status == 401
    assert told.tokens == ["token-1", "token-2"]
    assert source.rejected == ["token-1"]


@pytest.mark.parametrize("status", [403, 503])
def test_only_a_401_is_about_the_token(
    caller: Caller, scripted: BearerAuth, source: ScriptedSource, told: Told, status: int
) -> None:
    """What a 403 or a 503 means is for the caller."""
    told.refuse()
    told.answers[0] = type(told.answers[0])(status=status)

    assert caller.call(told.url, scripted).status == status
    assert (len(told.calls), source.rejected) == (1, [])


def test_a_body_in_memory_is_sent_again_whole(caller: Caller, scripted: BearerAuth, told: Told) -> None:
    """Method, path and body are the same; only the token is another."""
    told.refuse()

    assert caller.call(f"{told.url}/upload?a=b", scripted, method="PUT", body=b"0123456789").status == 200
    first, second = told.calls
    assert (first.method, first.path, first.body) == (second.method, second.path, second.body)
    assert (second.method, second.path, second.body) == ("PUT", "/upload?a=b", b"0123456789")


def test_a_body_that_can_be_read_once_is_sent_once(
    caller: Caller, scripted: BearerAuth, source: ScriptedSource, told: Told
) -> None:
    """A half or empty repetition would be worse than a 401; the next request has another token."""
    told.refuse()

    assert caller.stream(told.url, scripted, b"0123456789").status == 401
    assert [each.body for each in told.calls] == [b"0123456789"]
    assert source.rejected == ["token-1"]
    assert caller.call(told.url, scripted).status == 200
    assert told.tokens == ["token-1", "token-2"]


@pytest.mark.parametrize("blocking", BLOCKING, ids=lambda each: each.name)
def test_an_open_file_is_sent_once(blocking: Caller, scripted: BearerAuth, told: Told, tmp_path: Path) -> None:
    """It stands at its end after the first time."""
    path = tmp_path / "body"
    path.write_bytes(b"0123456789")
    told.refuse()
    with path.open("rb") as file:
        assert blocking.call(told.url, scripted, method="POST", body=file).status == 401

    assert [each.body for each in told.calls] == [b"0123456789"]


def test_a_header_that_the_caller_set_gives_way(scripted: BearerAuth, told: Told) -> None:
    """As with any `auth` of these clients."""
    httpx2.get(told.url, auth=scripted, headers={"authorization": "Basic x"})
    requests.get(told.url, auth=scripted, headers={"Authorization": "Basic x"}, timeout=20)

    assert told.tokens == ["token-1", "token-1"]


def test_min_ttl_reaches_the_source(caller: Caller, source: ScriptedSource, told: Told) -> None:
    """For a long upload, say."""
    caller.call(told.url, bearer.auth(source, GRANT, min_ttl=timedelta(minutes=20)))

    assert source.asked == [timedelta(minutes=20)]


@pytest.mark.parametrize("trouble", [dead(), down()], ids=["dead", "down"])
def test_an_error_of_ours_passes_unchanged_and_nothing_is_sent(
    caller: Caller, scripted: BearerAuth, source: ScriptedSource, told: Told, trouble: Exception
) -> None:
    """No client wraps it."""
    source.trouble = trouble
    with pytest.raises(type(trouble)) as caught:
        caller.call(told.url, scripted)

    assert caught.value is trouble
    assert told.calls == []


def test_an_error_of_ours_after_a_401_passes_too(
    caller: Caller, scripted: BearerAuth, source: ScriptedSource, told: Told
) -> None:
    """The report leads to a provider that does not answer: that is what the caller has to know."""
    told.refuse()
    source.token(GRANT)
    report = source.report_rejected

    def then_down(grant_id: str, token: object) -> None:
        source.trouble = down()

    source.report_rejected = then_down  # type: ignore[method-assign]
    with pytest.raises(ProviderUnavailable):
        caller.call(told.url, scripted)
    source.trouble, source.report_rejected = None, report  # type: ignore[method-assign]

    assert caller.call(told.url, scripted).status == 200


# --- where a token goes ----------------------------------------------------------------------------------------------


def test_a_redirect_to_another_host_carries_no_token(
    caller: Caller, scripted: BearerAuth, source: ScriptedSource, told: Told
) -> None:
    """The token is for the API alone: a 401 there is not about it, and brings it nothing."""
    told.redirect(f"{told.elsewhere}/there")
    told.refuse()

    assert caller.call(told.url, scripted).status == 401
    assert [(each.host, each.token) for each in told.calls] == [("127.0.0.1", "token-1"), ("localhost", "")]
    assert (source.rejected, len(source.asked)) == ([], 1)


def test_a_redirect_within_the_host_keeps_the_token_and_is_repeated_alone(
    caller: Caller, scripted: BearerAuth, told: Told
) -> None:
    """Only what was refused is sent again: the first request was carried out."""
    told.redirect(f"{told.url}/there")
    told.refuse()

    assert caller.call(f"{told.url}/here", scripted).status == 200
    assert [(each.path, each.token) for each in told.calls] == [
        ("/here", "token-1"),
        ("/there", "token-1"),
        ("/there", "token-2"),
    ]


def test_a_redirect_after_the_repetition_carries_the_new_token(
    caller: Caller, scripted: BearerAuth, source: ScriptedSource, told: Told
) -> None:
    """The one that was just refused would be refused again, and reported twice."""
    told.refuse()
    told.redirect(f"{told.url}/there")

    assert caller.call(f"{told.url}/here", scripted).status == 200
    assert [(each.path, each.token) for each in told.calls] == [
        ("/here", "token-1"),
        ("/here", "token-2"),
        ("/there", "token-2"),
    ]
    assert source.rejected == ["token-1"]


def test_the_history_of_requests_has_what_was_sent(scripted: BearerAuth, told: Told) -> None:
    """Whoever looks for the token of a refusal finds that of the refusal."""
    told.refuse()
    answer = requests.get(told.url, auth=scripted, timeout=20)

    sent = [each.request.headers["Authorization"] for each in (*answer.history, answer)]
    assert sent == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("url", ["http://api.example/", "http://10.0.0.1:8080/"])
def test_a_token_is_not_sent_in_clear(caller: Caller, scripted: BearerAuth, url: str) -> None:
    """RFC 6750 5.3: TLS always; only this machine may be called without. Nothing is connected to."""
    with pytest.raises(InvalidInput, match="not sent over a connection that others can read"):
        caller.call(url, scripted)


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://www.googleapis.com/x", True),
        ("http://localhost:8080", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:1/", True),
        ("http://localhost.example", False),
        ("http://0x7f.1", False),
        ("ftp://localhost/", False),
        ("https://", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_only_tls_or_this_machine_carries_tokens(url: str, safe: bool) -> None:
    """A name that merely looks local is not."""
    assert bearer.carries_tokens(url) is safe


# --- the object ------------------------------------------------------------------------------------------------------


def test_the_event_loop_runs_on_while_a_token_is_got(scripted: BearerAuth, source: ScriptedSource, told: Told) -> None:
    """A blocking source is asked in a thread: here it answers only because the loop lets another task open it."""
    source.open.clear()

    async def call() -> int:
        async with httpx2.AsyncClient(auth=scripted) as client:
            request = asyncio.create_task(client.get(told.url))
            await asyncio.to_thread(source.entered.wait, 20)
            source.open.set()
            return (await request).status_code

    assert asyncio.run(call()) == 200


def test_many_tasks_share_one_auth(scripted: BearerAuth, source: ScriptedSource, told: Told) -> None:
    """Each has its own request under way; one token serves them all."""

    async def call() -> list[int]:
        async with httpx2.AsyncClient(auth=scripted) as client:
            return [each.status_code for each in await asyncio.gather(*(client.get(told.url) for _ in range(20)))]

    assert asyncio.run(call()) == [200] * 20
    assert set(told.tokens) == {"token-1"}


def test_the_object_shows_no_token_and_stays_here(scripted: BearerAuth, told: Told) -> None:
    """Neither in a log nor in a pickle."""
    REQUESTS.call(told.url, scripted)

    assert repr(scripted) == f"BearerAuth(grant_id='{GRANT}')"
    with pytest.raises(TypeError, match="make it anew"):
        pickle.dumps(scripted)


def test_making_one_asks_for_nothing(source: ScriptedSource) -> None:
    """No I/O before the first request."""
    bearer.auth(source, GRANT)

    assert source.asked == []


def test_the_history_of_requests_has_the_401(scripted: BearerAuth, told: Told) -> None:
    """Whoever wants to know can see that it took two."""
    told.refuse()
    answer = requests.get(told.url, auth=scripted, timeout=20)

    assert [each.status_code for each in (*answer.history, answer)] == [401, 200]


def test_no_client_library_has_to_be_there(tmp_path: Path) -> None:
    """Whoever uses one of them does not need the others."""
    code = (
        "import sys; sys.modules.update({name: None for name in ('httpx', 'httpx2', 'requests')})\n"
        "from grantkeeper.clients import bearer\n"
        "class Source:\n"
        "    def token(self, grant_id, *, min_ttl): ...\n"
        "    def report_rejected(self, grant_id, token): ...\n"
        "print(bearer.auth(Source(), 'g'))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path)

    assert done.stdout.strip() == "BearerAuth(grant_id='g')"


def test_importing_it_imports_no_client_library() -> None:
    """They come with `auth`, not with the module."""
    code = "import sys, grantkeeper.clients.bearer; print({'httpx', 'httpx2', 'requests'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "set()"
