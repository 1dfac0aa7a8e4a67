"""Google's client_secret.json: every member checked, every message says what to do."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.errors import Misconfigured
from grantkeeper.model import Secret
from grantkeeper.providers import google
from grantkeeper.providers.google_client_secrets import ParsedClient, parse_client_secret_json

REDIRECT_URI = "https://app.example.com/callback"
SECRET = "GOCSPX-canary-1d7c"
WEB: dict[str, Any] = {
    "client_id": "1234567890-abc.apps.googleusercontent.com",
    "project_id": "nordwind-ads",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
    "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
    "client_secret": SECRET,
    "redirect_uris": ["https://other.example.com/", REDIRECT_URI],
    "javascript_origins": ["https://app.example.com"],
}


def parse(data: bytes | str | dict[str, Any], redirect_uri: str = REDIRECT_URI) -> ParsedClient:
    """Parse a file's content, or what would be JSON in it."""
    raw = json.dumps(data) if isinstance(data, dict) else data
    return parse_client_secret_json(raw, redirect_uri=redirect_uri, provider=google.PROVIDER)


def web(**changes: Any) -> dict[str, Any]:
    """Return a file for a web application with changes; ... leaves a member out."""
    return {"web": {name: value for name, value in (WEB | changes).items() if value is not ...}}


def complaint(data: bytes | str | dict[str, Any], redirect_uri: str = REDIRECT_URI) -> str:
    """Return what is wrong with a file. Never the secret, always something to do."""
    with pytest.raises(Misconfigured) as caught:
        parse(data, redirect_uri)
    message = str(caught.value)
    assert "canary" not in message
    assert message.endswith(".")
    assert message.isprintable()
    return message


def test_googles_file_is_read() -> None:
    """As downloaded today."""
    assert parse(web()) == ParsedClient(
        client_id=WEB["client_id"],
        client_secret=Secret(SECRET),
        kind="web",
        project_id="nordwind-ads",
        redirect_uris=("https://other.example.com/", REDIRECT_URI),
    )
    assert "canary" not in repr(parse(web()))


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(web()),
        json.dumps(web()).encode(),
        b"\xef\xbb\xbf" + json.dumps(web()).encode(),
        "\ufeff" + json.dumps(web()),
    ],
)
def test_text_bytes_and_a_byte_order_mark_are_fine(data: bytes | str) -> None:
    """Editors on Windows write one."""
    assert parse(data).kind == "web"


@pytest.mark.parametrize("name", ["project_id", "auth_provider_x509_cert_url", "javascript_origins"])
def test_older_files_lack_some_members(name: str) -> None:
    """What is not needed may be absent."""
    assert parse(web(**{name: ...})).client_id == WEB["client_id"]


@pytest.mark.parametrize(
    "uri",
    [
        "https://oauth2.googleapis.com/token",
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v4/token",
    ],
)
def test_googles_older_endpoints_are_known(uri: str) -> None:
    """Old files have old spellings; requests go to today's all the same."""
    assert parse(web(token_uri=uri)).kind == "web"


def test_an_installed_application_has_any_loopback_port() -> None:
    """RFC 8252 7.3."""
    for members in (
        WEB | {"redirect_uris": ["http://localhost"]},
        {name: WEB[name] for name in WEB if name != "redirect_uris"},
    ):
        assert parse({"installed": members}, "http://127.0.0.1:51234/").kind == "installed"
    assert "loopback" in complaint({"installed": WEB}, REDIRECT_URI)


def test_the_emulators_file_fits_the_emulator() -> None:
    """All three spellings of its token endpoint; Google's own file does not fit, and the message says why."""
    base = "http://127.0.0.1:8910"
    for token in ("/token", "/o/oauth2/token", "/oauth2/v4/token"):
        data = json.dumps(web(auth_uri=f"{base}/o/oauth2/auth", token_uri=base + token))
        found = parse_client_secret_json(data, redirect_uri=REDIRECT_URI, provider=google.at(base))
        assert found.kind == "web"
        assert "auth_uri" in complaint(data)
    with pytest.raises(Misconfigured, match="emulator"):
        parse_client_secret_json(json.dumps(web()), redirect_uri=REDIRECT_URI, provider=google.at(base))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("", "not a JSON object"),
        ("{", "not a JSON object"),
        ("[]", "not a JSON object"),
        ('"web"', "not a JSON object"),
        ("null", "not a JSON object"),
        (b"\xff\xfe{\x00}\x00", "UTF-8"),
        (b"PK\x03\x04", "not a JSON object"),
        ("[" * 60_000, "not a JSON object"),
        (" " * 70_000 + "{}", "64 kB"),
        ('{"web":{},"web":{}}', "twice"),
        ('{"web":{"client_id":"a","client_id":"b"}}', "twice"),
        ('{"web":{"client_id":NaN}}', "a number is none"),
        ({}, "exactly one"),
        ({"WEB": WEB}, "exactly one"),
        ({"web": WEB, "installed": WEB}, "exactly one"),
        ({"web": []}, "not an object"),
        ({"web": None}, "not an object"),
        ({"type": "service_account", "private_key": "x"}, "service account"),
        ({"type": "authorized_user", "refresh_token": "x"}, "one person"),
        (WEB, "exactly one"),
    ],
)
def test_another_file_is_named_as_such(data: Any, says: str) -> None:
    """Not JSON, wrong types, both kinds, doubled, oversized, or a file of another kind."""
    assert says in complaint(data)


@pytest.mark.parametrize("name", ["client_id", "client_secret", "auth_uri", "token_uri"])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        (..., "is missing"),
        ("", "is empty"),
        (None, "not a plain string"),
        (7, "not a plain string"),
        (["canary"], "not a plain string"),
        ("canary with spaces", "not a plain string"),
        ("canary\n", "not a plain string"),
        ("canäry", "not a plain string"),
        ("canary" * 200, "not a plain string"),
    ],
)
def test_a_needed_member_is_a_plain_string(name: str, value: object, says: str) -> None:
    """The message names the member, not its value."""
    message = complaint(web(**{name: value}))
    assert f"'{name}'" in message
    assert says in message


@pytest.mark.parametrize("name", ["auth_uri", "token_uri"])
@pytest.mark.parametrize(
    "value",
    [
        "https://evil.example/token",
        "http://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com/token/",
        "https://oauth2.googleapis.com.evil.example/token",
        "https://accounts.google.com@evil.example/o/oauth2/auth",
        "https://OAUTH2.googleapis.com/token",
        "http://127.0.0.1:8910/token",
    ],
)
def test_a_hostile_file_gets_neither_the_secret_nor_the_customers(name: str, value: str) -> None:
    """RFC 9700 4.4: endpoints are the provider's, not the file's; the message has the right one."""
    message = complaint(web(**{name: value}))
    assert f"'{name}'" in message
    assert "somebody changed" in message
    assert (
        getattr(google.PROVIDER, {"auth_uri": "authorization_endpoint", "token_uri": "token_endpoint"}[name]) in message
    )


@pytest.mark.parametrize("value", [..., None, "https://app.example.com/callback", [7], {}, []])
def test_the_redirect_uris_are_a_list_of_strings(value: object) -> None:
    """Missing, empty, wrong type."""
    assert "'redirect_uris'" in complaint(web(redirect_uris=value))


def test_an_unregistered_redirect_uri_is_shown_the_list() -> None:
    """Issue text: it is compared at start, and the message shows what is registered."""
    for near in (
        REDIRECT_URI + "/",
        REDIRECT_URI.upper(),
        "https://app.example.com/Callback",
        "https://app.example.com",
    ):
        message = complaint(web(), near)
        assert "https://other.example.com/, https://app.example.com/callback" in message


@pytest.mark.parametrize("uri", ["", "http://app.example.com/callback", "https://app.example.com/callback#x"])
def test_a_redirect_uri_that_google_would_refuse_is_refused(uri: str) -> None:
    """http, a fragment, nothing at all: even when the file lists it."""
    assert "redirect" in complaint(web(redirect_uris=[uri]), uri).casefold()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("project_id", 7),
        ("project_id", ""),
        ("auth_provider_x509_cert_url", None),
        ("javascript_origins", "x"),
        ("javascript_origins", [7]),
    ],
)
def test_optional_members_are_checked_too(name: str, value: object) -> None:
    """Every member is checked."""
    assert f"'{name}'" in complaint(web(**{name: value}))


def test_no_frame_of_a_complaint_holds_the_secret() -> None:
    """V-22: a traceback with local values, below the caller's frame, shows nothing of the file."""
    for data in (
        web(token_uri="https://evil.example"),
        web(redirect_uris=[]),
        web(client_secret=SECRET + " "),
        web(project_id=7),
    ):
        with pytest.raises(Misconfigured) as caught:
            parse_client_secret_json(json.dumps(data), redirect_uri=REDIRECT_URI, provider=google.PROVIDER)
        assert caught.value.__traceback__ is not None
        below = caught.value.__traceback__.tb_next
        assert below is not None
        shown = traceback.TracebackException(Misconfigured, caught.value, below, capture_locals=True)
        assert "redirect_uri = " in "".join(shown.format())
        assert "canary" not in "".join(shown.format())
        assert caught.value.__context__ is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
applications = st.dictionaries(st.sampled_from(sorted(WEB)), values).map(lambda changes: {"web": WEB | changes})


@given(
    st.one_of(st.binary(), st.text(), applications.map(json.dumps), st.dictionaries(st.text(), values).map(json.dumps)),
    st.text() | st.just(REDIRECT_URI),
)
def test_any_file_is_read_or_complained_about(data: bytes | str, redirect_uri: str) -> None:
    """V-71: nothing but Misconfigured."""
    try:
        found = parse(data, redirect_uri)
    except Misconfigured:
        return
    assert redirect_uri in found.redirect_uris
