"""What is asked of the token and revocation endpoints."""

from __future__ import annotations

import base64
import dataclasses
from urllib.parse import unquote_plus

import pytest

from grantkeeper.errors import Misconfigured
from grantkeeper.model import Request, Response, Secret
from grantkeeper.oauth.revocation import revocation_answer, revocation_request
from grantkeeper.oauth.token import exchange_request, refresh_request
from oauth.clients import GOOGLE, PLAIN, client, form

BASIC = dataclasses.replace(
    PLAIN, client_authentication="client_secret_basic", revocation_endpoint="https://as.example.com/revoke"
)
ODD_ID, ODD_SECRET = "gk:odd%id", "s+e&c=r/e t~:é"


def test_a_code_is_exchanged_with_all_that_binds_it() -> None:
    """RFC 6749 4.1.3, RFC 7636 4.5; client_secret_post."""
    request = exchange_request(
        GOOGLE,
        secret=Secret("GOCSPX-new-secret"),
        code="4/0A+b=",
        redirect_uri=GOOGLE.redirect_uri,
        code_verifier=Secret("v" * 43),
    )

    assert (request.method, request.url) == ("POST", "https://oauth2.googleapis.com/token")
    assert request.headers == {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    assert form(request) == {
        "grant_type": "authorization_code",
        "code": "4/0A+b=",
        "redirect_uri": "https://app.example.com/callback",
        "code_verifier": "v" * 43,
        "client_id": GOOGLE.client_id,
        "client_secret": "GOCSPX-new-secret",
    }


@pytest.mark.parametrize(
    "redirect_uri", ["https://old.example.com/cb", "https://a.example.com/cb/?x=1&y=%20", "HTTPS://A"]
)
def test_the_redirect_uri_is_the_one_of_the_authorization_request(redirect_uri: str) -> None:
    """O-06: byte by byte, whatever the configuration says by now."""
    request = exchange_request(
        GOOGLE, secret=Secret("GOCSPX-new"), code="c", redirect_uri=redirect_uri, code_verifier=Secret("v" * 43)
    )
    assert form(request)["redirect_uri"] == redirect_uri


def test_a_refresh_asks_for_no_scope() -> None:
    """RFC 6749 6: to ask could only narrow; Google refuses what exceeds the grant."""
    request = refresh_request(GOOGLE, secret=Secret("GOCSPX-new-secret"), refresh_token=Secret("1//0refresh"))
    assert form(request) == {
        "grant_type": "refresh_token",
        "refresh_token": "1//0refresh",
        "client_id": GOOGLE.client_id,
        "client_secret": "GOCSPX-new-secret",
    }


def test_basic_authentication_encodes_what_would_break_it() -> None:
    """O-30: RFC 6749 2.3.1 and appendix B: form-encoded first, then base64; O-31: and nothing in the body."""
    odd = client(BASIC, client_id=ODD_ID)
    request = refresh_request(odd, secret=Secret(ODD_SECRET), refresh_token=Secret("1//0refresh"))

    scheme, _, packed = request.headers["authorization"].partition(" ")
    name, _, password = base64.b64decode(packed).decode("ascii").partition(":")
    assert scheme == "Basic"
    assert (unquote_plus(name), unquote_plus(password)) == (ODD_ID, ODD_SECRET)
    assert form(request) == {"grant_type": "refresh_token", "refresh_token": "1//0refresh"}


def test_the_secret_in_the_body_is_form_encoded() -> None:
    """O-30: the same oddities by client_secret_post; O-31: and no header then."""
    request = refresh_request(client(client_id=ODD_ID), secret=Secret(ODD_SECRET), refresh_token=Secret("1//0r"))

    assert form(request)["client_id"] == ODD_ID
    assert form(request)["client_secret"] == ODD_SECRET
    assert "authorization" not in request.headers


def test_a_client_without_a_secret_says_who_it_is() -> None:
    """RFC 6749 3.2.1: installed applications of some providers have none."""
    for public in (client(), client(BASIC)):
        request = refresh_request(public, secret=Secret(""), refresh_token=Secret("1//0refresh"))
        assert form(request)["client_id"] == public.client_id
        assert "client_secret" not in form(request)
        assert "authorization" not in request.headers


def every_request() -> list[Request]:
    """Return one request of each kind."""
    secret, token = Secret("GOCSPX-new-secret"), Secret("1//0refresh")
    return [
        exchange_request(
            GOOGLE, secret=secret, code="4/0A", redirect_uri="https://a.b/c", code_verifier=Secret("v" * 43)
        ),
        refresh_request(GOOGLE, secret=secret, refresh_token=token),
        refresh_request(client(BASIC), secret=secret, refresh_token=token),
        revocation_request(GOOGLE, token),
    ]


@pytest.mark.parametrize("request_", every_request(), ids=lambda request: request.url)
def test_no_secret_is_in_a_url_or_a_repr(request_: Request) -> None:
    """O-31, V-21: URLs are logged by everybody; a Request shows method and URL only."""
    for shown in (request_.url, repr(request_), str(request_)):
        assert "?" not in shown
        assert all(secret not in shown for secret in ("GOCSPX", "1//0", "4/0A", "vvv", "Basic"))


def test_a_revocation_authenticates_with_the_newest_secret() -> None:
    """RFC 7009 2.1."""
    request = revocation_request(GOOGLE, Secret("1//0refresh"))
    assert (request.method, request.url) == ("POST", "https://oauth2.googleapis.com/revoke")
    assert form(request) == {
        "token": "1//0refresh",
        "client_id": GOOGLE.client_id,
        "client_secret": "GOCSPX-new-secret",
    }


def test_a_provider_without_revocation_says_so() -> None:
    """RFC 7009 is optional."""
    with pytest.raises(Misconfigured, match="no revocation endpoint"):
        revocation_request(client(), Secret("1//0refresh"))


@pytest.mark.parametrize(
    ("status", "body", "dead"),
    [
        (200, b"{}", True),
        (200, b"", True),
        (204, b"", True),
        (400, b'{"error":"invalid_token","error_description":"Token expired or revoked"}', True),
        (400, b'{"error":"invalid_request"}', False),
        (400, b"", False),
        (400, b"<html>", False),
        (401, b'{"error":"invalid_client"}', False),
        (302, b"", False),
        (404, b"", False),
        (429, b'{"error":"invalid_token"}', False),
        (503, b'{"error":"temporarily_unavailable"}', False),
        (503, b'{"error":"invalid_token"}', False),
    ],
)
def test_a_revocation_is_done_or_to_be_tried_again(status: int, body: bytes, dead: bool) -> None:
    """RFC 7009 2.2; Google answers 400 invalid_token for a token that was dead before."""
    assert revocation_answer(Response(status=status, body=body)) is dead
