"""What token endpoints answer, good and bad: always a value, never an exception."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.errors import ProviderWords
from grantkeeper.model import DEFAULT_MIN_TTL, Response, Secret
from grantkeeper.oauth.token import (
    DEFAULT_LIFETIME,
    MAX_LIFETIME,
    TokenAnswer,
    TokenRefusal,
    token_answer,
)
from oauth.clients import ADWORDS, EMAIL

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
JSON = {"content-type": "application/json; charset=utf-8"}
GOOD: dict[str, Any] = {
    "access_token": "ya29.access",
    "expires_in": 3599,
    "refresh_token": "1//0refresh",
    "scope": f"{ADWORDS} openid {EMAIL}",
    "token_type": "Bearer",
    "id_token": "eyJ.eyJ.sig",
}


def ask(body: bytes | dict[str, Any], status: int = 200, **headers: str) -> TokenAnswer | TokenRefusal:
    """Return what an answer with this body means."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return token_answer(Response(status=status, headers=JSON | headers, body=raw), sent_at=NOW)


def answer(**changes: Any) -> TokenAnswer:
    """Return the answer in a good body with changes; None as a change is JSON's null, ... leaves the member out."""
    body = {name: value for name, value in (GOOD | changes).items() if value is not ...}
    found = ask(body)
    assert isinstance(found, TokenAnswer)
    return found


def refusal(body: bytes | dict[str, Any], status: int = 400) -> TokenRefusal:
    """Return the refusal in a body."""
    found = ask(body, status)
    assert isinstance(found, TokenRefusal)
    return found


def test_googles_answer_is_read_whole() -> None:
    """RFC 6749 5.1: every member; the lifetime counts from when the request left."""
    assert answer() == TokenAnswer(
        access_token=Secret("ya29.access"),
        refresh_token=Secret("1//0refresh"),
        token_type="Bearer",
        expires_at=NOW + timedelta(seconds=3599),
        scopes=frozenset({ADWORDS, "openid", EMAIL}),
        id_token=Secret("eyJ.eyJ.sig"),
    )


def test_an_answer_shows_no_secret() -> None:
    """V-21: not in repr, not in str."""
    for shown in (repr(answer()), str(answer())):
        assert not any(secret in shown for secret in ("ya29", "1//0", "eyJ"))


@pytest.mark.parametrize(
    ("spelled", "lifetime"),
    [
        (3600, 3600),
        ("3600", 3600),
        (" 3600 ", 3600),
        (3600.5, 3600),
        ("3600.5", 3600),
        (1, 1),
        (1e12, MAX_LIFETIME.total_seconds()),
        ("9" * 400, DEFAULT_LIFETIME.total_seconds()),
        (10**400, DEFAULT_LIFETIME.total_seconds()),
        (..., DEFAULT_LIFETIME.total_seconds()),
        (None, DEFAULT_LIFETIME.total_seconds()),
        (True, DEFAULT_LIFETIME.total_seconds()),
        (float("nan"), DEFAULT_LIFETIME.total_seconds()),
        (float("inf"), DEFAULT_LIFETIME.total_seconds()),
        ("soon", DEFAULT_LIFETIME.total_seconds()),
        ("", DEFAULT_LIFETIME.total_seconds()),
        ([3600], DEFAULT_LIFETIME.total_seconds()),
        ({}, DEFAULT_LIFETIME.total_seconds()),
    ],
)
def test_every_spelling_of_a_lifetime_has_a_meaning(spelled: object, lifetime: float) -> None:
    """O-33: never for ever, and never so short by default that each call renews (OIDF ...-without-expires_in)."""
    found = answer(expires_in=spelled)
    assert found.expires_at == NOW + timedelta(seconds=lifetime)
    assert found.problem == ""
    assert bool(found.warning) == (lifetime == DEFAULT_LIFETIME.total_seconds())


def test_the_default_lifetime_makes_no_hot_loop() -> None:
    """O-33: what is taken when nothing is said outlives what callers ask for, clearly."""
    assert DEFAULT_LIFETIME >= 2 * DEFAULT_MIN_TTL


@pytest.mark.parametrize("spelled", [0, -5, "0", "-5", 0.5, -1e12])
def test_a_token_that_is_over_already_is_not_used(spelled: object) -> None:
    """O-33: nothing is handed out that the provider calls dead; R-12: the refresh token is kept."""
    found = answer(expires_in=spelled)
    assert found.problem
    assert found.expires_at == NOW
    assert found.refresh_token == Secret("1//0refresh")


@pytest.mark.parametrize("spelled", ["Bearer", "bearer", "BEARER", ..., None])
def test_a_bearer_token_is_one_in_any_case(spelled: object) -> None:
    """O-32: OIDF token-type-case-insensitivity; LinkedIn says nothing."""
    found = answer(token_type=spelled)
    assert (found.token_type, found.problem) == ("Bearer", "")


@pytest.mark.parametrize("spelled", ["mac", "DPoP", "N_A", "", 7, ["Bearer"], "Bearer\r\n"])
def test_another_token_type_is_not_used(spelled: object) -> None:
    """O-32: RFC 6749 7.1; R-12: the refresh token is kept."""
    found = answer(token_type=spelled)
    assert "type" in found.problem
    assert found.refresh_token == Secret("1//0refresh")


def test_unknown_members_are_ignored() -> None:
    """O-32: RFC 6749 5.1."""
    assert answer(unheard_of={"a": [1, None]}, **{"access-token": "x"}) == answer()


def test_an_access_token_is_never_looked_into() -> None:
    """O-37: one that is a JWT with another end is as opaque as any (RFC 9068 6)."""
    jwt = ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"none"}', b'{"exp":1}', b"x")
    )
    assert answer(access_token=jwt).expires_at == answer().expires_at


@pytest.mark.parametrize(
    ("spelled", "kept", "warned"),
    [("1//0new", Secret("1//0new"), False), (..., None, False), ("", None, True), (None, None, True)],
)
def test_a_new_refresh_token_replaces_and_anything_else_does_not(
    spelled: object, kept: Secret | None, warned: bool
) -> None:
    """O-35: new, absent, empty, null: the last two keep the old one and are worth a line in the log."""
    found = answer(refresh_token=spelled)
    assert found.refresh_token == kept
    assert bool(found.warning) is warned
    assert found.problem == ""


@pytest.mark.parametrize(
    "spelled", [7, ["1//0"], {"a": 1}, True, "a b", "a\r\nb", "1//0\0", "é", "\ud800", "x" * 20_000]
)
@pytest.mark.parametrize("name", ["refresh_token", "access_token"])
def test_what_cannot_be_a_token_is_none(name: str, spelled: object) -> None:
    """RFC 6749 A.12, A.17: visible ASCII only; a line break in a token would forge a header."""
    found = answer(**{name: spelled})
    assert getattr(found, name) is None
    assert (found.problem if name == "access_token" else found.warning) != ""


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_in": -5},
        {"token_type": "mac"},
        {"access_token": ...},
        {"access_token": None},
        {"access_token": ""},
        {"error": "server_error"},
        {"error": {"code": 500}},
    ],
)
def test_a_refresh_token_in_a_bad_answer_is_kept(changes: dict[str, Any]) -> None:
    """R-12: the one before may be dead already."""
    found = answer(**changes)
    assert found.refresh_token == Secret("1//0refresh")
    assert found.problem != ""


@pytest.mark.parametrize(
    "changes", [{"id_token": "garbage"}, {"id_token": 7}, {"scope": ...}, {"scope": 7}, {"expires_in": None}]
)
def test_what_is_odd_beside_the_tokens_does_not_spoil_them(changes: dict[str, Any]) -> None:
    """R-12: identity and scopes are judged after the tokens are saved."""
    found = answer(**changes)
    assert found.problem == ""
    assert found.refresh_token == Secret("1//0refresh")


@pytest.mark.parametrize(
    ("seconds", "ends"),
    [
        (604799, 604799),
        ("604799", 604799),
        (0, None),
        (-1, None),
        (None, None),
        (True, None),
        (1e15, None),
        ("x", None),
    ],
)
def test_a_refresh_tokens_end_is_read(seconds: object, ends: int | None) -> None:
    """Google: time-based access and Testing mode (604799 s); no end is None, and so is nonsense."""
    expected = None if ends is None else NOW + timedelta(seconds=ends)
    assert answer(refresh_token_expires_in=seconds).ends_at == expected


ERROR = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
WORDS = ProviderWords(error="invalid_grant", description="Token has been expired or revoked.")


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500, 503])
def test_an_error_is_one_whatever_the_status(status: int) -> None:
    """O-34: HTTP 200 with an error, too."""
    assert refusal(ERROR, status) == TokenRefusal(status=status, words=WORDS, retry_after=None)


@pytest.mark.parametrize(
    ("body", "error", "description"),
    [
        ({"error": {"code": 401, "message": "No.", "status": "UNAUTHENTICATED"}}, "UNAUTHENTICATED", "No."),
        ({"error": {"message": "No.", "type": "OAuthException", "code": 190}}, "OAuthException", "No."),
        ({"error": {"code": 190}}, "190", ""),
        ({"error": {}}, "error", ""),
        ({"error": 400}, "400", ""),
        ({"error": True}, "error", ""),
        ({"error": ["a", "b"]}, "error", ""),
        ({"error": "x", "error_description": {"a": 1}}, "x", ""),
        ({"error": "x", "error_description": 7, "error_uri": None}, "x", "7"),
        ({"ok": False, "error": "invalid_auth"}, "invalid_auth", ""),
        ({"ok": False}, "error", ""),
        ({"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid"}, "BAD_REFRESH_TOKEN", "missing or invalid"),
        ({"error": "x" * 9999}, "x" * 299 + "…", ""),
        ({"error": "a\r\nb\x1b[0m\u202ec"}, "a b [0m c", ""),
        ({"error": 10**4000}, "error", ""),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_errors_of_every_shape_are_read(body: dict[str, Any], error: str, description: str, status: int) -> None:
    """O-34: objects, numbers, Slack's ok, HubSpot's status; cleaned and cut (O-13)."""
    assert refusal(body, status).words == ProviderWords(error=error, description=description)


@pytest.mark.parametrize("value", [None, "", False])
def test_an_error_that_says_nothing_is_none(value: object) -> None:
    """Some providers always send the member."""
    assert answer(error=value) == answer()


def test_googles_subtype_is_kept() -> None:
    """O-55r: invalid_rapt tells a session's end from a revocation."""
    body = ERROR | {"error_subtype": "invalid_rapt", "error_uri": "https://support.google.com/a/answer/9368756"}
    words = refusal(body).words
    assert words is not None
    assert (words.subtype, words.uri) == ("invalid_rapt", "https://support.google.com/a/answer/9368756")


FORM = b"access_token=ya29.access&refresh_token=1//0refresh&expires_in=3599&token_type=bearer&scope=a+b"


@pytest.mark.parametrize("kind", ["text/html", "application/x-www-form-urlencoded", "", "image/png"])
def test_the_content_type_does_not_matter(kind: str) -> None:
    """R-34: JSON under a wrong type is JSON; a form (old GitHub, Facebook) is read under any."""
    found = token_answer(
        Response(status=200, headers={"content-type": kind}, body=json.dumps(GOOD).encode()), sent_at=NOW
    )
    assert found == answer()
    found = token_answer(Response(status=200, headers={"content-type": kind}, body=FORM), sent_at=NOW)
    assert isinstance(found, TokenAnswer)
    assert found.refresh_token == Secret("1//0refresh")
    assert found.scopes == frozenset({"a", "b"})
    assert found.problem == found.warning == ""


def test_a_doubled_name_in_a_form_is_told() -> None:
    """R-34, R-12: nobody knows which access token was meant; the last refresh token is kept."""
    found = ask(b"refresh_token=first&access_token=a&access_token=b&refresh_token=last&expires_in=60")
    assert isinstance(found, TokenAnswer)
    assert found.refresh_token == Secret("last")
    assert "access_token twice" in found.problem


def test_an_error_in_a_form_is_read() -> None:
    """R-34: GitHub's default is a form with status 200."""
    found = refusal(b"error=bad_verification_code&error_description=The+code+is+incorrect", 200)
    assert found.words == ProviderWords(error="bad_verification_code", description="The code is incorrect")


def test_a_byte_order_mark_is_skipped() -> None:
    """R-34: UTF-8 with BOM."""
    assert ask(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()) == answer()


def test_latin_1_words_do_not_hide_the_error() -> None:
    """R-34: not UTF-8; names and tokens are ASCII all the same."""
    found = refusal('{"error":"invalid_grant","error_description":"Jeton expiré"}'.encode("latin-1"))
    assert found.words == ProviderWords(error="invalid_grant", description="Jeton expiré")


def test_a_doubled_token_is_kept_and_not_used() -> None:
    """R-34, R-12: nobody knows which access token was meant; the last refresh token is kept."""
    found = ask(
        b'{"access_token":"a1","access_token":"a2","refresh_token":"r1","refresh_token":"r2","token_type":"Bearer"}'
    )
    assert isinstance(found, TokenAnswer)
    assert "twice" in found.problem
    assert found.refresh_token == Secret("r2")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"7",
        b'"text"',
        b"[]",
        b'[{"access_token":"a"}]',
        b"{}",
        b'{"expires_in":3600}',
        b"{",
        b'{"access_token":"ya29',
        b"{'access_token': 'a'}",
        b"<!doctype html><title>502</title>",
        b"a=b",
        b"access_token",
        b"\xff\xfe{\x00}\x00",
        b"\0\0\0\0",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"access_token":' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize("status", [200, 204, 302, 400, 403, 500])
def test_what_holds_no_answer_is_a_refusal_without_words(body: bytes, status: int) -> None:
    """R-34: empty, arrays, other types, HTML, cut off, depth 10^5: typed, never a crash."""
    assert refusal(body, status) == TokenRefusal(status=status, words=None, retry_after=None)


@pytest.mark.parametrize("status", [302, 400, 500])
def test_tokens_count_only_with_success(status: int) -> None:
    """RFC 6749 5.1: an answer with tokens is a 2xx."""
    assert refusal(GOOD, status).words is None


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta(0)),
        (" 7 ", timedelta(seconds=7)),
        ("Sun, 22 Nov 2026 12:02:00 GMT", timedelta(seconds=120)),
        ("Sun, 22 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("Sunday, 22-Nov-26 12:02:00 GMT", timedelta(seconds=120)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(hours=1)),
        ("1000000000", timedelta(hours=1)),
        ("9" * 5000, timedelta(hours=1)),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
        ("٣", None),
        ("Sun, 99 Nov 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_honoured_up_to_an_hour(value: str, wait: timedelta | None) -> None:
    """R-32: seconds, HTTP-date, negative, 10^9, garbage (RFC 9110 10.2.3)."""
    found = ask(b"", 503, **{"retry-after": value})
    assert isinstance(found, TokenRefusal)
    assert found.retry_after == wait


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
members = st.dictionaries(
    st.sampled_from([*GOOD, "error", "error_description", "ok", "status", "refresh_token_expires_in"]),
    json_values | st.text(),
)


@given(members.map(lambda value: json.dumps(value).encode()) | st.binary(), st.integers(100, 599), st.text())
def test_any_bytes_have_a_meaning(body: bytes, status: int, wait: str) -> None:
    """V-71, R-34: an answer or a refusal, whatever comes; what is usable is whole."""
    found = token_answer(Response(status=status, headers={"retry-after": wait}, body=body), sent_at=NOW)
    if isinstance(found, TokenAnswer):
        assert found.access_token or found.refresh_token
        assert found.access_token or found.problem
        assert NOW <= found.expires_at <= NOW + MAX_LIFETIME
        assert found.problem or found.expires_at > NOW
    else:
        assert found.retry_after is None or timedelta(0) <= found.retry_after <= timedelta(hours=1)
