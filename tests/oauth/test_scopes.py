"""What was granted: read from an answer, and beside what was asked."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.model import Response
from grantkeeper.oauth.reading import MAX_SCOPE_LENGTH, MAX_SCOPES
from grantkeeper.oauth.token import TokenAnswer, scope_difference, token_answer
from oauth.clients import ADWORDS, DFP, EMAIL, GOOGLE, client

ASKED = frozenset({ADWORDS, DFP, "openid", EMAIL})
OLDER = "https://www.googleapis.com/auth/webmasters"


@pytest.mark.parametrize(
    ("granted", "missing", "extra"),
    [
        (ASKED, set(), set()),
        (None, set(), set()),
        (frozenset({ADWORDS, "openid", EMAIL}), set(), set()),
        (frozenset({DFP, "openid", EMAIL}), {ADWORDS}, set()),
        (frozenset({"openid", "email"}), {ADWORDS}, set()),
        (frozenset(), {ADWORDS}, set()),
        (ASKED | {OLDER}, set(), {OLDER}),
        (frozenset({OLDER, ADWORDS.upper()}), {ADWORDS}, {OLDER, ADWORDS.upper()}),
    ],
)
def test_a_scope_difference_is_data(granted: frozenset[str] | None, missing: set[str], extra: set[str]) -> None:
    """O-24: granted, missing of the required ones, extra from earlier consents; never an exception."""
    found = scope_difference(GOOGLE, granted)
    assert set(found.missing) == missing
    assert set(found.extra) == extra
    assert found.granted == (ASKED if granted is None else {EMAIL if one == "email" else one for one in granted})


def test_googles_other_spellings_are_no_difference() -> None:
    """email, profile and plus.business.manage are answered under other names (google-api-python-client#1969)."""
    auth = "https://www.googleapis.com/auth/"
    asking = client(GOOGLE.provider, scopes=(f"{auth}plus.business.manage", "profile", "email"), optional_scopes=())
    found = scope_difference(asking, frozenset({f"{auth}business.manage", f"{auth}userinfo.profile", EMAIL, "openid"}))
    assert (found.missing, found.extra) == (frozenset(), frozenset())


def read_scopes(spelled: Any) -> frozenset[str] | None:
    """Return the scopes of an answer that spells them so; ... leaves the member out."""
    body = {"access_token": "ya29.access"} | ({} if spelled is ... else {"scope": spelled})
    answer = Response(status=200, body=json.dumps(body).encode())
    found = token_answer(answer, sent_at=datetime(2026, 11, 22, tzinfo=UTC))
    assert isinstance(found, TokenAnswer)
    return found.scopes


@pytest.mark.parametrize(
    ("spelled", "read"),
    [
        (f"{ADWORDS} openid", {ADWORDS, "openid"}),
        (f"openid  {ADWORDS} ", {ADWORDS, "openid"}),
        (ADWORDS, {ADWORDS}),
        (f"{ADWORDS},openid", {ADWORDS, "openid"}),
        (f"{ADWORDS}, openid", {ADWORDS, "openid"}),
        ([ADWORDS, "openid", 7], {ADWORDS, "openid"}),
        (..., None),
        (None, None),
        ("", None),
        (" , ", None),
        ("openid a\0b", {"openid"}),
        ("openid \ud800", {"openid"}),
        ("\u00e9 openid\x7f a\u00a0b a\x0bb", None),
        ('openid "a" b\\c', {"openid"}),
        (["openid a", "\0", ["b"]], {"openid", "a"}),
        ("a\tb\r\nc", {"a", "b", "c"}),
        ("a" * MAX_SCOPE_LENGTH + " " + "b" * (MAX_SCOPE_LENGTH + 1), {"a" * MAX_SCOPE_LENGTH}),
        (" ".join(["a"] * 2000 + ["b"]), {"a", "b"}),
        (" ".join(map(str, range(2000))), set(map(str, range(MAX_SCOPES)))),
        ("\0", None),
        (7, None),
        ({}, None),
    ],
)
def test_every_spelling_of_scopes_is_read(spelled: object, read: set[str] | None) -> None:
    """O-24: narrower, wider, reordered, absent, comma-separated; absent means as asked (OIDF no-scope-in-...).

    R-12: what is no scope-token (RFC 6749 A.4) or beyond all measure is left out; a database could not keep it.
    """
    assert read_scopes(spelled) == (None if read is None else frozenset(read))


@given(st.text() | st.lists(st.text() | st.integers()))
def test_whatever_is_granted_can_be_stored(spelled: object) -> None:
    """R-12: visible ASCII without quote and backslash, none of it empty or long."""
    for scope in read_scopes(spelled) or ():
        assert re.fullmatch(r"[!#-\[\]-~]{1,500}", scope)
