"""O-56: whether an id_token that came with a refresh is about the same person (OpenID Connect Core 12.2)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.model import Secret
from grantkeeper.oauth.identity import same_identity
from oauth.clients import GOOGLE, client
from oauth.signing import RSA, b64, sign

ISSUER = "https://accounts.google.com"
SUBJECT = "110169484474386276334"
CLAIMS: dict[str, Any] = {"iss": ISSUER, "sub": SUBJECT, "aud": GOOGLE.client_id, "azp": GOOGLE.client_id}
HEADER = {"alg": "RS256", "kid": "k1"}


def same(token: str, *, issuer: str = ISSUER, subject: str = SUBJECT, by: Any = GOOGLE) -> bool:
    """Tell whether the id_token is about the grant's person."""
    return same_identity(Secret(token), issuer=issuer, subject=subject, client=by)


def of(changes: dict[str, Any]) -> str:
    """Return an id_token with changed claims; ... leaves a claim out."""
    return sign(HEADER, {name: value for name, value in (CLAIMS | changes).items() if value is not ...}, RSA)


SAME: dict[str, dict[str, Any]] = {
    "as-before": {},
    "other-name-of-the-issuer": {"iss": "accounts.google.com"},
    "azp-absent": {"azp": ...},
    "aud-as-array": {"aud": [GOOGLE.client_id]},
    "aud-as-array-without-azp": {"aud": [GOOGLE.client_id], "azp": ...},
    "another-audience-beside": {"aud": ["another-client", GOOGLE.client_id]},
    "over": {"iat": 1, "exp": 2},
    "a-nonce": {"nonce": "of-the-consent"},
}


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME)
def test_the_same_person_is_known_again(changes: dict[str, Any]) -> None:
    """O-56: iss, sub and aud are the same; times and nonce say nothing about who it is."""
    assert same(of(changes))


OTHER: dict[str, dict[str, Any]] = {
    "refresh-token-invalid-issuer": {"iss": "https://evil.example"},
    "issuer-with-slash": {"iss": ISSUER + "/"},
    "issuer-in-capitals": {"iss": ISSUER.upper()},
    "issuer-as-list": {"iss": [ISSUER]},
    "issuer-absent": {"iss": ...},
    "refresh-token-invalid-sub": {"sub": "999"},
    "sub-longer": {"sub": SUBJECT + " "},
    "sub-as-number": {"sub": int(SUBJECT)},
    "sub-as-list": {"sub": [SUBJECT]},
    "sub-absent": {"sub": ...},
    "invalid-aud": {"aud": "another-client"},
    "aud-holds-it-as-part": {"aud": f"x{GOOGLE.client_id}x"},
    "aud-absent": {"aud": ...},
    "aud-empty": {"aud": []},
    "aud-nested": {"aud": [[GOOGLE.client_id]]},
    "aud-as-object": {"aud": {GOOGLE.client_id: 1}},
    "aud-null": {"aud": None},
    "other-audiences": {"aud": ["another-client", "third"]},
    "invalid-azp": {"azp": "another-client"},
    "null-azp": {"azp": None},
    "several-audiences-without-azp": {"aud": ["another-client", GOOGLE.client_id], "azp": ...},
    "several-audiences-issued-to-another": {"aud": ["another-client", GOOGLE.client_id], "azp": "another-client"},
}


@pytest.mark.parametrize("changes", OTHER.values(), ids=OTHER)
def test_another_person_issuer_or_client_is_noticed(changes: dict[str, Any]) -> None:
    """O-56: OIDF refresh-token-invalid-issuer and -sub, and their neighbours."""
    assert not same(of(changes))


def test_a_grant_of_another_issuer_is_never_the_same() -> None:
    """O-56: a grant that another provider gave (the client was moved) does not match this provider's id_token."""
    assert not same(of({}), issuer="https://as.example.com")
    moved = client(dataclasses.replace(GOOGLE.provider, issuer="https://as.example.com", issuer_aliases=()))
    assert not same(of({}), by=moved)


GOOD = of({})
MALFORMED: dict[str, str] = {
    "empty": "",
    "two-parts": GOOD.rpartition(".")[0],
    "five-parts": GOOD + ".e30.e30",
    "unsigned": GOOD.rpartition(".")[0] + ".",
    "line-break": GOOD + "\n",
    "surrogate": "\ud800." + GOOD,
    "header-no-object": f"{b64(b'[]')}.{GOOD.partition('.')[2]}",
    "claims-no-object": sign(HEADER, b"[]", RSA),
    "claims-no-json": sign(HEADER, b"{", RSA),
    "claims-nested-deep": sign(HEADER, b'{"a":' * 2500, RSA),
    "sub-twice": sign(
        HEADER, f'{{"iss":"{ISSUER}","aud":"{GOOGLE.client_id}","sub":"1","sub":"{SUBJECT}"}}'.encode(), RSA
    ),
    "impossible-base64": "e30.a.AAAA",
    "too-long": of({"name": "a" * 16 * 1024}),
}


@pytest.mark.parametrize("token", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_id_token_is_nobodys(token: str) -> None:
    """O-56: unreadable is not "the same", and no error either: the refresh token beside it has to be saved."""
    assert not same(token)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", fullmatch=True))
def test_no_text_makes_it_raise(token: str) -> None:
    """O-56: any text is nobody's id_token."""
    assert not same(token)


@given(st.binary())
def test_no_claims_make_it_raise(claims: bytes) -> None:
    """O-56: nor do any bytes as claims."""
    assert not same(f"e30.{b64(claims) or 'e30'}.AAAA")
