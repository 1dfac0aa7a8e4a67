"""Published vectors: what others computed."""

from __future__ import annotations

import hashlib

import pytest

from grantkeeper.errors import Misconfigured, ProviderUnavailable
from grantkeeper.model import Response, Secret
from grantkeeper.oauth.identity import _signature_is_good
from grantkeeper.oauth.keys import candidates, jwks_answer, jwks_request
from grantkeeper.providers import google
from oauth.clients import PLAIN
from oauth.signing import b64

RFC7515_A3 = (
    {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    },
    "ES256",
    (
        "eyJhbGciOiJFUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    ),
)
RFC8037_A4 = (
    {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    "EdDSA",
    (
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    ),
)


@pytest.mark.parametrize(("key", "algorithm", "token"), [RFC7515_A3, RFC8037_A4], ids=["RFC 7515 A.3", "RFC 8037 A.4"])
def test_published_signatures_are_good_and_their_neighbours_are_not(
    key: dict[str, str], algorithm: str, token: str
) -> None:
    """O-47: ES256 and EdDSA vectors; one changed character in any part, or zeros, is no signature."""
    (found,) = candidates({"keys": [key]}, algorithm=algorithm, kid=None)

    assert _signature_is_good(Secret(token), found, algorithm)
    head, payload, signature = token.split(".")
    for forged in (
        f"{head}.{payload}.{signature[:10]}{'A' if signature[10] != 'A' else 'B'}{signature[11:]}",
        f"{head}.{payload[:10]}{'A' if payload[10] != 'A' else 'B'}{payload[11:]}.{signature}",
        f"{head}.{payload}.{b64(bytes(64))}",
        f"{head}.{payload}.{b64(b'1' * 63)}",
        f"{head}.{payload}.",
    ):
        assert not _signature_is_good(Secret(forged), found, algorithm)


def test_at_hash_is_that_of_the_specification() -> None:
    """O-51a: OpenID Connect Core appendix A.4; our tests' own at_hash is made the same way."""
    access_token = b"jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
    assert b64(hashlib.sha256(access_token).digest()[:16]) == "77QmUPtjPfzWtF2AnpK9RQ"


def test_keys_are_asked_for_where_the_provider_publishes_them() -> None:
    """OpenID Connect Discovery 3."""
    assert jwks_request(google.PROVIDER).url == "https://www.googleapis.com/oauth2/v3/certs"
    with pytest.raises(Misconfigured, match="jwks_uri"):
        jwks_request(PLAIN)


def test_a_key_set_is_read() -> None:
    """RFC 7517 5."""
    assert jwks_answer(Response(status=200, body=b'{"keys":[{"kty":"RSA"}]}')) == {"keys": [{"kty": "RSA"}]}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"keys":{}}'),
        (200, b'{"keys":[],"keys":[]}'),
        (200, b"<html>"),
        (200, b'{"keys":[' + b"[" * 50_000),
        (200, b'{"keys":[' + b",".join([b"{}"] * 101) + b"]}"),
        (200, b'{"keys":[]}' + b" " * 256 * 1024),
        (302, b'{"keys":[]}'),
        (404, b'{"keys":[]}'),
        (500, b'{"keys":[]}'),
    ],
)
def test_what_is_no_key_set_is_the_providers_trouble(status: int, body: bytes) -> None:
    """O-50a, O-41: 256 kB and 100 keys are the most."""
    with pytest.raises(ProviderUnavailable, match="keys could not be read"):
        jwks_answer(Response(status=status, body=body))
