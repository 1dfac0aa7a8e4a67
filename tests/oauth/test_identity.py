"""Which id_tokens are believed. Test ids are those of OpenID's conformance suite where it has one (OIDF)."""

from __future__ import annotations

import dataclasses
import hashlib
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.model import Secret
from grantkeeper.oauth.identity import Identity, IdTokenInvalid, id_token_identity
from oauth.clients import GOOGLE, client
from oauth.signing import EC, OTHER_RSA, RSA, SHORT_RSA, b64, jwk, sign

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = int(NOW.timestamp())
ACCESS_TOKEN = "ya29.access-token"
AT_HASH = b64(hashlib.sha256(ACCESS_TOKEN.encode()).digest()[:16])
HEADER = {"alg": "RS256", "kid": "k1", "typ": "JWT"}
KEYS = {"keys": [jwk(RSA, kid="k1", use="sig", alg="RS256"), jwk(OTHER_RSA, kid="k2", use="sig", alg="RS256")]}
CLAIMS: dict[str, Any] = {
    "iss": "https://accounts.google.com",
    "aud": GOOGLE.client_id,
    "azp": GOOGLE.client_id,
    "sub": "110169484474386276334",
    "email": "mara@nordwind.example",
    "email_verified": True,
    "hd": "nordwind.example",
    "name": "Mara Nordwind",
    "at_hash": AT_HASH,
    "nonce": "the-nonce",
    "iat": SECOND,
    "exp": SECOND + 3600,
}
BOTH = client(dataclasses.replace(GOOGLE.provider, id_token_algorithms=("RS256", "ES256")))


def changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with changes; ... leaves a member out."""
    return {name: value for name, value in (base | changes).items() if value is not ...}


def validate(token: str, *, keys: Any = KEYS, nonce: str | None = "the-nonce", by: Any = GOOGLE) -> Identity:
    """Return who the id_token is about."""
    return id_token_identity(
        Secret(token), keys=keys, client=by, nonce=nonce, now=NOW, access_token=Secret(ACCESS_TOKEN)
    )


def identity(**changes: Any) -> Identity:
    """Return who a well-signed id_token with changed claims is about."""
    return validate(sign(HEADER, changed(CLAIMS, changes), RSA))


def refused(token: str, **options: Any) -> IdTokenInvalid:
    """Return why the id_token is not believed."""
    with pytest.raises(IdTokenInvalid) as caught:
        validate(token, **options)
    return caught.value


def test_a_good_id_token_says_who_it_is() -> None:
    """OIDF client-test, idtoken-sig-rs256."""
    assert identity() == Identity(
        issuer="https://accounts.google.com",
        subject="110169484474386276334",
        email="mara@nordwind.example",
        email_verified=True,
        hosted_domain="nordwind.example",
        name="Mara Nordwind",
    )


GOOD_CLAIMS: dict[str, dict[str, Any]] = {
    "valid-aud-as-array": {"aud": [GOOGLE.client_id]},
    "issuer-alias": {"iss": "accounts.google.com"},
    "azp-absent": {"azp": ...},
    "at_hash-absent": {"at_hash": ...},
    "clock-behind": {"iat": SECOND + 59, "exp": SECOND + 3659},
    "clock-ahead": {"iat": SECOND - 3600, "exp": SECOND - 59},
    "fractions-of-seconds": {"iat": SECOND - 0.5, "exp": SECOND + 3600.5},
    "unknown-claims": {"acr": "1", "picture": None},
    "nbf": {"nbf": SECOND + 59},
}


@pytest.mark.parametrize("changes", GOOD_CLAIMS.values(), ids=GOOD_CLAIMS)
def test_claims_that_are_accepted(changes: dict[str, Any]) -> None:
    """O-46, O-52a: OIDF must-pass cases and a clock 60 seconds off; the issuer is always the provider's."""
    assert identity(**changes).issuer == "https://accounts.google.com"


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "invalid-iss": {"iss": "https://evil.example"},
    "invalid-iss-slash": {"iss": "https://accounts.google.com/"},
    "invalid-iss-list": {"iss": ["https://accounts.google.com"]},
    "missing-iss": {"iss": ...},
    "invalid-aud": {"aud": "another-client"},
    "invalid-aud-substring": {"aud": GOOGLE.client_id + "x"},
    "missing-aud": {"aud": ...},
    "empty-aud": {"aud": []},
    "null-aud": {"aud": None},
    "invalid-secondary-aud": {"aud": [GOOGLE.client_id, "another-client"]},
    "nested-aud": {"aud": [[GOOGLE.client_id]]},
    "invalid-azp": {"azp": "another-client"},
    "null-azp": {"azp": None},
    "missing-iat": {"iat": ...},
    "iat-is-string": {"iat": str(SECOND)},
    "iat-is-week-in-past": {"iat": SECOND - 7 * 86400},
    "iat-in-future": {"iat": SECOND + 120},
    "missing-exp": {"exp": ...},
    "exp-is-true": {"exp": True},
    "exp-is-huge": {"exp": 10**30},
    "invalid-expired-exp": {"iat": SECOND - 3000, "exp": SECOND - 60},
    "nbf-in-future": {"nbf": SECOND + 120},
    "nbf-is-string": {"nbf": "now"},
    "missing-sub": {"sub": ...},
    "empty-sub": {"sub": ""},
    "number-sub": {"sub": 110169484474386276334},
    "long-sub": {"sub": "1" * 256},
    "sub-with-line-break": {"sub": "11\n22"},
    "sub-not-ascii": {"sub": "\u0661"},
    "nonce-invalid": {"nonce": "another"},
    "invalid-missing-nonce": {"nonce": ...},
    "nonce-is-number": {"nonce": 7},
    "nonce-surrogate": {"nonce": "\ud800"},
    "invalid-athash": {"at_hash": b64(b"0" * 16)},
    "whole-athash": {"at_hash": b64(hashlib.sha256(ACCESS_TOKEN.encode()).digest())},
    "null-athash": {"at_hash": None},
}


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_claims_that_are_refused(changes: dict[str, Any]) -> None:
    """O-46, O-52a, O-53, O-51a: OIDF must-reject cases, and their neighbours."""
    with pytest.raises(IdTokenInvalid) as caught:
        identity(**changes)
    assert not caught.value.unknown_kid


def test_without_a_nonce_none_is_looked_for() -> None:
    """OIDF nonce-unless-code-flow: who asked without a nonce gets an id_token without one (Core 3.1.3.7 step 11)."""
    token = sign(HEADER, changed(CLAIMS, {"nonce": ...}), RSA)
    assert validate(token, nonce=None).subject == CLAIMS["sub"]


@pytest.mark.parametrize(
    ("claim", "verified"), [(True, True), ("true", True), (False, False), ("false", False), (1, True)]
)
def test_an_email_is_verified_when_it_says_so(claim: object, verified: bool) -> None:
    """O-26: never the key of anything; some providers write strings."""
    assert identity(email_verified=claim).email_verified is verified


@pytest.mark.parametrize(
    "odd",
    [
        "a\x1b[31m@b.example",
        "a\u202e@b.example",
        "a\0@b.example",
        "\ud800@b.example",
        "a\n@b.example",
        " a@b.example",
        "a" * 250 + "@b.example",
        {"a": 1},
        ["a@b.example"],
        7,
        None,
        ...,
    ],
)
def test_an_email_is_as_it_came_or_empty(odd: object) -> None:
    """O-13, R-12: an address that cannot be shown and stored is none, not another one; it stops nobody's consent."""
    found = identity(email=odd, hd=odd)
    assert (found.email, found.hosted_domain) == ("", "")
    assert found.subject == CLAIMS["sub"]


@pytest.mark.parametrize("address", ["jos\u00e9@b\u00fccher.example", "a" * 244 + "@b.example", "o'x+y@b.example"])
def test_an_unusual_email_is_kept(address: str) -> None:
    """RFC 6531 allows letters of all languages; the longest address has 254 characters."""
    assert identity(email=address).email == address


@pytest.mark.parametrize(
    ("name", "shown"), [("a\x1b[31m\u202e b\0\ud800", "a [31m b"), ({"a": 1}, ""), ("x" * 300, "x" * 253 + "\u2026")]
)
def test_a_name_is_cleaned_for_people(name: object, shown: str) -> None:
    """O-13: what a page will show holds no control characters; what is no text is empty."""
    assert identity(name=name).name == shown


def public_pem() -> bytes:
    """Return what a forger takes for an HMAC's key (algorithm confusion)."""
    return RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


UNSIGNED = sign({"alg": "none"}, CLAIMS, None)
GOOD = sign(HEADER, CLAIMS, RSA)
FORGED: dict[str, str] = {
    "idtoken-sig-none": UNSIGNED,
    "none-with-signature": sign({"alg": "none"}, CLAIMS, RSA),
    "None-in-capitals": sign({"alg": "None"}, CLAIMS, None),
    "invalid-null-alg": sign({"kid": "k1"}, CLAIMS, RSA),
    "alg-is-list": sign({"alg": ["RS256"], "kid": "k1"}, CLAIMS, RSA),
    "alg-in-lower-case": sign({"alg": "rs256", "kid": "k1"}, CLAIMS, RSA),
    "invalid-alternate-alg": sign({"alg": "PS256", "kid": "k1"}, CLAIMS, RSA),
    "es256-not-allowed": sign({"alg": "ES256", "kid": "k3"}, CLAIMS, EC),
    "hs256-with-public-key": sign({"alg": "HS256", "kid": "k1"}, CLAIMS, public_pem()),
    "hs256-with-client-secret": sign({"alg": "HS256"}, CLAIMS, b"GOCSPX-new-secret"),
    "invalid-sig-rs256": sign(HEADER, CLAIMS, OTHER_RSA),
    "signature-of-other-claims": GOOD.rpartition(".")[0] + "." + sign(HEADER, {}, RSA).rpartition(".")[2],
    "signature-cut": GOOD[:-4],
    "embedded-jwk": sign(HEADER | {"jwk": jwk(OTHER_RSA)}, CLAIMS, OTHER_RSA),
    "embedded-jwk-without-kid": sign({"alg": "RS256", "jwk": jwk(SHORT_RSA)}, CLAIMS, SHORT_RSA),
    "jku": sign(HEADER | {"jku": "https://evil.example/keys"}, CLAIMS, OTHER_RSA),
    "x5u": sign(HEADER | {"x5u": "https://evil.example/cert"}, CLAIMS, OTHER_RSA),
    "unknown-crit": sign(HEADER | {"crit": ["bork"], "bork": True}, CLAIMS, RSA),
    "empty-crit": sign(HEADER | {"crit": []}, CLAIMS, RSA),
    "b64-false": sign(HEADER | {"b64": False, "crit": ["b64"]}, CLAIMS, RSA),
    "b64-without-crit": sign(HEADER | {"b64": False}, CLAIMS, RSA),
    "another-kind": sign(HEADER | {"typ": "at+jwt"}, CLAIMS, RSA),
    "logout-token": sign(HEADER | {"typ": "logout+jwt"}, CLAIMS, RSA),
    "typ-is-number": sign(HEADER | {"typ": 7}, CLAIMS, RSA),
    "kid-is-number": sign(HEADER | {"kid": 1}, CLAIMS, RSA),
    "header-is-array": sign(b"[]", CLAIMS, RSA),
    "header-is-doubled": sign(b'{"alg":"RS256","alg":"none","kid":"k1"}', CLAIMS, RSA),
    "header-is-deep": sign(b'{"alg":' + b"[" * 5000, CLAIMS, RSA),
    "claims-are-array": sign(HEADER, b"[]", RSA),
    "claims-are-text": sign(HEADER, b"hello", RSA),
    "claims-are-doubled": sign(HEADER, b'{"sub":"a","sub":"b"}', RSA),
    "claims-are-empty": sign(HEADER, b"", RSA),
    "claims-have-nan": sign(HEADER, b'{"exp":NaN}', RSA),
    "two-parts": GOOD.rpartition(".")[0],
    "four-parts": GOOD + ".x",
    "five-parts": "a.b.c.d.e",
    "padding": GOOD + "==",
    "line-break": GOOD + "\n",
    "plus-and-slash": GOOD[:-2] + "+/",
    "json-serialisation": '{"payload":"e30","signatures":[]}',
    "empty": "",
    "not-ascii": GOOD + "é",
    "oversized": GOOD + "A" * 16_384,
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_forgeries_are_refused(token: str) -> None:
    """O-47, O-48, O-49, O-50a: none, HMAC confusion, embedded keys, crit, caps, and every malformed shape."""
    keys = {"keys": [*KEYS["keys"], jwk(EC, kid="k3")]}
    refused(token, keys=keys)


def test_an_embedded_key_is_not_even_looked_at() -> None:
    """O-48: a good signature stays good beside any jwk, jku, x5u or x5c; a good header may be larger than 512 bytes."""
    header = HEADER | {
        "jwk": jwk(OTHER_RSA),
        "jku": "https://evil.example",
        "x5u": "https://evil.example",
        "x5c": ["AA"],
    }
    assert validate(sign(header, CLAIMS, RSA)).subject == CLAIMS["sub"]


def test_a_huge_token_costs_nothing() -> None:
    """O-50a: 100 MB are refused by their length, before anything is decoded."""
    assert "16 kB" in str(refused("A" * 100_000_000))


ES_HEADER = {"alg": "ES256", "kid": "k3"}
ES_KEYS = {"keys": [jwk(EC, kid="k3")]}


def test_es256_is_believed_where_it_is_allowed() -> None:
    """OIDF invalid-sig-es256 and its good twin."""
    good = sign(ES_HEADER, CLAIMS, EC)
    assert validate(good, keys=ES_KEYS, by=BOTH).subject == CLAIMS["sub"]
    refused(good[:-6] + "AAAAAA", keys=ES_KEYS, by=BOTH)
    refused(sign(ES_HEADER, CLAIMS, RSA), keys=ES_KEYS, by=BOTH)


def test_no_provider_can_allow_none_or_hmac() -> None:
    """O-47: not even by a mistake in its description."""
    lax = client(dataclasses.replace(GOOGLE.provider, id_token_algorithms=("none", "HS256")))
    refused(UNSIGNED, by=lax)
    refused(sign({"alg": "HS256"}, CLAIMS, b"k" * 32), keys={"keys": [jwk(b"k" * 32)]}, by=lax)


WITHOUT_KID = sign({"alg": "RS256"}, CLAIMS, RSA)


def test_a_key_without_a_name_is_found_when_it_is_the_only_one() -> None:
    """OIDF kid-absent-single-jwks; keys of other types and uses do not count."""
    keys = [jwk(RSA), jwk(EC), jwk(OTHER_RSA, use="enc"), jwk(OTHER_RSA, alg="RS512"), jwk(b"secret"), {"kty": "x"}]
    assert validate(WITHOUT_KID, keys={"keys": keys}).subject == CLAIMS["sub"]


AMBIGUOUS: dict[str, Any] = {
    "kid-absent-multiple-jwks": (WITHOUT_KID, [jwk(RSA), jwk(OTHER_RSA)]),
    "duplicate-kid": (GOOD, [jwk(RSA, kid="k1"), jwk(OTHER_RSA, kid="k1")]),
    "same-key-twice": (GOOD, [jwk(RSA, kid="k1"), jwk(RSA, kid="k1")]),
}


@pytest.mark.parametrize(("token", "keys"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguous_keys_are_refused(token: str, keys: list[Any]) -> None:
    """O-55: nobody can say which key was meant."""
    assert not refused(token, keys={"keys": keys}).unknown_kid


UNUSABLE: dict[str, Any] = {
    "signing-key-rotation": [jwk(OTHER_RSA, kid="k2")],
    "no-keys": [],
    "for-encryption": [jwk(RSA, kid="k1", use="enc")],
    "other-operation": [jwk(RSA, kid="k1", key_ops=["encrypt"])],
    "operations-no-list": [jwk(RSA, kid="k1", key_ops="verify")],
    "other-algorithm": [jwk(RSA, kid="k1", alg="RS384")],
    "other-type": [jwk(EC, kid="k1")],
    "symmetric": [jwk(b"secret", kid="k1")],
    "short-rsa": [jwk(SHORT_RSA, kid="k1")],
    "broken": [jwk(RSA, kid="k1") | {"n": "!"}],
    "no-modulus": [{"kty": "RSA", "kid": "k1", "e": "AQAB"}],
    "exponent-one": [jwk(RSA, kid="k1") | {"e": "AQ"}],
    "exponent-even": [jwk(RSA, kid="k1") | {"e": "Ag"}],
    "numbers": [{"kty": "RSA", "kid": "k1", "n": 7, "e": 3}],
    "no-object": ["k1", None, 7],
    "kid-is-number": [jwk(RSA, kid=1)],
    "beyond-the-hundredth": [*({"kty": "x"} for _ in range(100)), jwk(RSA, kid="k1")],
}


@pytest.mark.parametrize("keys", UNUSABLE.values(), ids=UNUSABLE)
def test_a_key_that_is_not_there_may_be_fetched_once_more(keys: list[Any]) -> None:
    """O-54: OIDF signing-key-rotation; unusable keys are as good as absent."""
    assert refused(GOOD, keys={"keys": keys}).unknown_kid


@pytest.mark.parametrize("keys", [{}, {"keys": None}, {"keys": {"k1": jwk(RSA)}}, {"keys": "k1"}])
def test_no_key_set_is_an_empty_one(keys: dict[str, Any]) -> None:
    """Never an exception of another kind."""
    assert refused(GOOD, keys=keys).unknown_kid


def test_a_refusal_shows_neither_tokens_nor_keys() -> None:
    """V-22: a traceback with local values holds nothing of the id_token or the access token."""
    for token in (sign(HEADER, CLAIMS, OTHER_RSA), sign(HEADER, CLAIMS | {"exp": 1}, RSA), UNSIGNED, GOOD + "=="):
        with pytest.raises(IdTokenInvalid) as caught:
            id_token_identity(
                Secret(token), keys=KEYS, client=GOOGLE, nonce=None, now=NOW, access_token=Secret(ACCESS_TOKEN)
            )
        inner = caught.value.__traceback__.tb_next if caught.value.__traceback__ else None  # this frame has the token
        shown = traceback.TracebackException(IdTokenInvalid, caught.value, inner, capture_locals=True)
        text = "".join(shown.format())
        assert token.split(".")[2][:20] not in text or token.endswith(".")
        assert ACCESS_TOKEN not in text
        assert "id_token = Secret(…)" in text


def test_times_are_judged_by_the_clock_that_is_given() -> None:
    """O-52a, frozen clock: just valid at both edges, refused beyond."""
    for offset, good in ((-60, True), (-61, False), (3659, True), (3660, False)):
        moment = NOW + timedelta(seconds=offset)
        try:
            id_token_identity(Secret(GOOD), keys=KEYS, client=GOOGLE, nonce="the-nonce", now=moment, access_token=None)
        except IdTokenInvalid:
            assert not good
        else:
            assert good


@given(
    st.text() | st.lists(st.text(alphabet="abcXYZ019-_"), max_size=5).map(".".join),
    st.recursive(st.none() | st.text(), st.lists),
)
def test_whatever_claims_to_be_an_id_token_is_refused(token: str, keys: Any) -> None:
    """V-71: nothing but IdTokenInvalid."""
    refused(token, keys={"keys": keys})
