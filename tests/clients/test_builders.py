"""What the builders accept, refuse and import."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.ads.admanager_v1 import NetworkServiceClient, ReportServiceClient
from googleads.ad_manager import AdManagerClient
from googleads.oauth2 import GoogleCredentialsClient

from clients.libraries import GOOGLEADS_WARNINGS
from clients.sources import GRANT, ScriptedSource, dead
from grantkeeper.clients import ad_manager, google_ads, google_auth
from grantkeeper.errors import ConsentRequired, InvalidInput

HOSTILE = ["", " ", "\x00", "1" * 10_000, "١٢٣٤٥٦٧٨٩٠", "\u202e0987654321", "123-456-7890\r\nx: y", "-", "null"]
"""Empty, blank, a control character, far too long, digits of another script, right to left, a second header ..."""


# --- google_ads.client -----------------------------------------------------------------------------------------------


def test_a_google_ads_client_is_built_without_asking_anybody(source: ScriptedSource) -> None:
    """300 clients for 300 grants cost no request."""
    client = google_ads.client(source, GRANT)

    assert source.asked == []
    assert (client.developer_token, client.login_customer_id, client.use_proto_plus) == (None, None, True)


@pytest.mark.parametrize("given", ["123-456-7890", "1234567890", 1234567890, " 123-456-7890 "])
@pytest.mark.parametrize("name", ["login_customer_id", "linked_customer_id"])
def test_customer_ids_are_taken_in_every_form_and_sent_in_one(
    source: ScriptedSource, name: str, given: str | int
) -> None:
    """google-ads itself checks nothing: dashes would be refused by the API, and an int breaks gRPC's metadata."""
    made: Any = google_ads.client
    assert getattr(made(source, GRANT, **{name: given}), name) == "1234567890"


@pytest.mark.parametrize(
    "given", [*HOSTILE, "123456789", "12345678901", "12-3456-7890", 123, -1234567890, True, "customers/1234567890"]
)
@pytest.mark.parametrize("name", ["login_customer_id", "linked_customer_id"])
def test_other_customer_ids_are_refused_with_what_is_allowed(
    source: ScriptedSource, name: str, given: str | int
) -> None:
    """The message names the argument and the forms, and stays short."""
    made: Any = google_ads.client
    with pytest.raises(InvalidInput, match=rf"{name}=.*Allowed are ten digits") as caught:
        made(source, GRANT, **{name: given})

    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("unset", [None, ""])
def test_an_unset_developer_token_is_left_out(source: ScriptedSource, unset: str | None) -> None:
    """Google refuses an empty one (DEVELOPER_TOKEN_PARAMETER_MISSING) and needs none since 2026-09-09."""
    assert google_ads.client(source, GRANT, developer_token=unset).developer_token is None
    assert google_ads.client(source, GRANT, developer_token="made-up").developer_token == "made-up"


@pytest.mark.parametrize("endpoint", ["localhost:1234", "googleads.googleapis.com", "10.0.0.1:443", "[::1]:50051"])
def test_an_endpoint_is_a_host_and_perhaps_a_port(source: ScriptedSource, endpoint: str) -> None:
    """As gRPC takes it."""
    assert google_ads.client(source, GRANT, endpoint=endpoint).endpoint == endpoint


@pytest.mark.parametrize("endpoint", ["https://host", "host/path", "host:port", "unix:/tmp/s", "", "a b", "user@host"])
def test_other_endpoints_are_refused(source: ScriptedSource, endpoint: str) -> None:
    """A URL would fail late and darkly inside gRPC."""
    with pytest.raises(InvalidInput, match="Allowed are 'host' and 'host:port'"):
        google_ads.client(source, GRANT, endpoint=endpoint)


def test_versions_are_those_of_the_installed_library(source: ScriptedSource) -> None:
    """The refusal names them."""
    assert google_ads.client(source, GRANT, version="v26").version == "v26"
    for wrong in ("v1", "26", "../v26", ""):
        with pytest.raises(InvalidInput, match=r"Allowed are .*v26"):
            google_ads.client(source, GRANT, version=wrong)


def test_what_leaks_between_clients_is_not_offered(source: ScriptedSource) -> None:
    """`http_proxy` would be added to every later client of the process (google-ads 34, client.py)."""
    made: Any = google_ads.client
    with pytest.raises(TypeError, match="http_proxy"):
        made(source, GRANT, http_proxy="http://proxy.example")


# --- ad_manager.client -----------------------------------------------------------------------------------------------


@GOOGLEADS_WARNINGS
def test_an_ad_manager_client_is_built_without_asking_anybody(source: ScriptedSource) -> None:
    """And is googleads' own class."""
    client = ad_manager.client(
        source, GRANT, application_name="Nordwind reports", network_code=21700000001, timeout=timedelta(minutes=2)
    )

    assert isinstance(client, AdManagerClient)
    assert (client.network_code, client.application_name, client.timeout) == ("21700000001", "Nordwind reports", 120)
    assert source.asked == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        *[({"network_code": code}, "network_code=.*digits only") for code in (*HOSTILE, "abc", "-1", -1, 1.5, True)],
        *[({"application_name": name}, "application_name=.*words") for name in ("", " ", "a\nb", "\u202ex")],
        ({"application_name": "INSERT_APPLICATION_NAME_HERE"}, "application_name=.*words"),
        ({"timeout": timedelta()}, "timeout=.*one second"),
        ({"custom_http_headers": {"authorization": "Bearer x"}}, "custom_http_headers sets Authorization"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_built(
    source: ScriptedSource, wrong: dict[str, Any], words: str
) -> None:
    """Each refusal names the argument and what is allowed, and stays short."""
    made: Any = ad_manager.client
    with pytest.raises(InvalidInput, match=words) as caught:
        made(source, GRANT, **{"application_name": "Tests", **wrong})

    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


def test_create_http_header_returns_a_new_dict_each_time(source: ScriptedSource) -> None:
    """Googleads merges its own headers into what it gets."""
    oauth2 = ad_manager.oauth2_client(source, GRANT)
    first = oauth2.CreateHttpHeader()
    first["x-other"] = "1"

    assert oauth2.CreateHttpHeader() == {"authorization": "Bearer token-1"}
    assert len(source.asked) == 1


def test_refresh_brings_another_token(source: ScriptedSource) -> None:
    """As GoogleRefreshTokenClient.Refresh did."""
    oauth2 = ad_manager.oauth2_client(source, GRANT)
    oauth2.CreateHttpHeader()
    oauth2.Refresh()

    assert oauth2.CreateHttpHeader() == {"authorization": "Bearer token-2"}


@pytest.mark.parametrize("verb", ["CreateHttpHeader", "Refresh"])
def test_the_oauth2_client_raises_our_errors(source: ScriptedSource, verb: str) -> None:
    """Typed, not wrapped in google-auth's RefreshError."""
    source.trouble = dead()
    with pytest.raises(ConsentRequired, match="The grant is over"):
        getattr(ad_manager.oauth2_client(source, GRANT), verb)()


def test_googleads_own_wrapper_takes_our_credentials_too(source: ScriptedSource) -> None:
    """GoogleCredentialsClient refreshes at every call where credentials know no expiry; ours do."""
    wrapped = GoogleCredentialsClient(google_auth.credentials(source, GRANT))

    assert [wrapped.CreateHttpHeader() for _ in range(3)] == [{"authorization": "Bearer token-1"}] * 3
    assert (len(source.asked), source.rejected) == (1, [])


# --- ad_manager.rest_client ------------------------------------------------------------------------------------------


def test_a_rest_client_is_built_without_asking_anybody(source: ScriptedSource) -> None:
    """By default for networks, else of the class that is passed."""
    assert isinstance(ad_manager.rest_client(source, GRANT), NetworkServiceClient)
    assert isinstance(ad_manager.rest_client(source, GRANT, service=ReportServiceClient), ReportServiceClient)
    assert source.asked == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "admanager.googleapis.com",
        "host:443",
        "https://host",
        "http://127.0.0.1:8910",
        "http://localhost:1/",
        "http://[::1]:1",
    ],
)
def test_a_rest_endpoint_is_https_or_this_machine(source: ScriptedSource, endpoint: str) -> None:
    """A bare host means https."""
    assert ad_manager.rest_client(source, GRANT, api_endpoint=endpoint).api_endpoint == endpoint.rstrip("/")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://host",
        "http://127.0.0.1.example",
        "ftp://host",
        "https://u:p@host",
        "https://host/path",
        "",
        "https://",
        "h?q=1",
    ],
)
def test_an_access_token_is_not_sent_in_clear_to_another_machine(source: ScriptedSource, endpoint: str) -> None:
    """Http elsewhere is refused, and what is no endpoint at all."""
    with pytest.raises(InvalidInput, match="cannot be called safely"):
        ad_manager.rest_client(source, GRANT, api_endpoint=endpoint)


# --- imports ---------------------------------------------------------------------------------------------------------

BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r} or name in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
from grantkeeper.errors import Misconfigured
from grantkeeper.clients import ad_manager, google_ads, google_auth
try:
    {call}
except Misconfigured as error:
    print(error)
"""


def python(code: str) -> str:
    """Run code in a new interpreter; return what it printed."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout


def test_importing_the_builders_imports_nothing_of_google() -> None:
    """The libraries weigh 100 MB in memory; who only imports the names does not pay."""
    loaded = python(
        "from grantkeeper.clients import ad_manager, google_ads, google_auth; import sys;"
        "print([name for name in sys.modules if name.split('.')[0] in {'google', 'googleads', 'grpc', 'zeep'}])"
    )

    assert loaded.strip() == "[]"


@pytest.mark.parametrize(
    ("blocked", "call", "extra"),
    [
        ({"google"}, "google_auth.credentials(None, 'g')", "google-ads"),
        ({"google"}, "google_auth.GrantCredentials", "google-ads"),
        ({"google"}, "google_ads.client(None, 'g')", "google-ads"),
        ({"google.ads"}, "google_ads.client(None, 'g')", "google-ads"),
        ({"grpc"}, "google_ads.client(None, 'g')", "google-ads"),
        ({"google"}, "ad_manager.oauth2_client(None, 'g')", "ad-manager"),
        ({"googleads"}, "ad_manager.client(None, 'g', application_name='n')", "ad-manager"),
        ({"google.ads.admanager_v1"}, "ad_manager.rest_client(None, 'g')", "ad-manager"),
    ],
)
def test_a_missing_library_is_said_with_the_command_that_installs_it(blocked: set[str], call: str, extra: str) -> None:
    """Misconfigured, not an ImportError from somewhere deep."""
    assert f"Run: pip install 'grantkeeper[{extra}]'" in python(BLOCKED.format(blocked=blocked, call=call))


def test_no_builder_reads_a_configuration_file(
    source: ScriptedSource, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The libraries' own load_from_* refresh in their constructor, at a fixed URL: nothing here goes that way."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GOOGLE_ADS_CONFIGURATION_FILE_PATH", str(tmp_path / "missing.yaml"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    google_ads.client(source, GRANT)
    ad_manager.rest_client(source, GRANT)

    assert list(tmp_path.iterdir()) == []
