"""An API, or something before it, that repeats the access token: it is in nothing that people read or logs keep."""

from __future__ import annotations

import secrets
import time

import pytest

from accounts.driver import status_error
from grantkeeper.accounts import soap
from grantkeeper.accounts.refusals import refused, rest_refusal, rest_said
from grantkeeper.accounts.refusals.table import TABLE
from grantkeeper.errors import GrantkeeperError, ProviderWords, without_secrets
from grantkeeper.model import Response

OPAQUE = "q7" + secrets.token_urlsafe(60)
TOKENS = [
    "ya29.a0" + secrets.token_urlsafe(120),
    "1//0" + secrets.token_urlsafe(72),
    "4/0A" + secrets.token_urlsafe(40),
    "GOCSPX-" + secrets.token_urlsafe(21),
    f"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.{secrets.token_urlsafe(20)}",
    OPAQUE,
    OPAQUE[:30] + "+" + OPAQUE[30:],
]
SENTENCES = ["{} is blocked", 'authorization: Bearer {}"', "token={}&x=1", "[{}]", "header was 'bearer {}'."]


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:4])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_token_that_is_repeated_is_hidden(token: str, sentence: str) -> None:
    """V-20, V-23: not even a part of it is left, and the rest of the sentence is."""
    said = without_secrets(sentence.format(token))

    assert "[hidden]" in said
    assert all(token[start : start + 8] not in said for start in range(len(token) - 8))


def test_a_short_bearer_token_is_hidden_because_of_the_word_before_it() -> None:
    """V-20: tokens of other providers are shorter than Google's."""
    assert without_secrets("sent Authorization: Bearer abcdefghijklmnop1234, blocked") == (
        "sent Authorization: [hidden], blocked"
    )


@pytest.mark.parametrize(
    "words",
    [
        *(code for codes in TABLE.values() for code in codes),
        "Token has been expired or revoked.",
        "Expected OAuth 2 access token, login cookie or other valid authentication credential.",
        "Visit https://console.developers.google.com/apis/api/googleads.googleapis.com/overview?project=1000000001",
        "customers/1112223330/customerClients/2223334441",
        "The bearer token is missing",
        "c7d7d6a6-1f2b-4c8e-9a51-0d7f1f6f2a11",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_what_google_really_says_stays_readable(words: str) -> None:
    """Codes, addresses, resource names and request ids are what people search for."""
    assert without_secrets(words) == words


def test_the_error_of_a_rest_answer_holds_no_token() -> None:
    """V-20: neither its message nor the words beside it, be they in the text, the request id or a header."""
    token = TOKENS[0]
    answers = [
        status_error(403, "PERMISSION_DENIED", message=f"Caller with Bearer {token} blocked"),
        status_error(403, "PERMISSION_DENIED", {"requestId": token}),
        Response(status=403, headers={"request-id": token}),
    ]

    for answer in answers:
        error = rest_refusal("google_ads", answer)
        assert token[:12] not in f"{error} {error!r} {error.provider!r} {rest_said(answer)!r}"


def test_the_error_of_a_soap_fault_holds_no_token() -> None:
    """V-20: with a code and without one."""
    error = "<errors><errorString>AuthenticationError.NETWORK_NOT_FOUND</errorString></errors>"
    for errors in (error, ""):
        detail = f"<detail><ApiExceptionFault>{errors}</ApiExceptionFault></detail>"
        fault = f"<Fault><faultstring>saw {TOKENS[0]}</faultstring>{detail}</Fault>"
        body = f"<Envelope><Body>{fault}</Body></Envelope>"
        with pytest.raises(GrantkeeperError) as caught:
            soap.values(Response(status=200, body=body.encode()))
        assert "saw [hidden]" in str(caught.value)
        assert "ya29" not in f"{caught.value} {caught.value.provider!r}"


def test_words_that_clients_pass_on_are_hidden_too() -> None:
    """V-20: gRPC's details and zeep's faults do not come through the REST reader."""
    error = refused("google_ads", "UNAVAILABLE", said=f"metadata: {TOKENS[0]}", request_id=TOKENS[1])

    assert error.provider == ProviderWords(error="UNAVAILABLE", description="metadata: [hidden]", request_id="[hidden]")


@pytest.mark.parametrize("piece", ["bearer ", "a", "-", "eyJ", "1/", "ya29", "a.", "+a1"])
def test_hiding_takes_no_time_to_speak_of(piece: str) -> None:
    """Whoever answers chooses the words: sixteen megabytes of them cost nothing."""
    words = piece * (16 * 1024 * 1024 // len(piece))

    started = time.process_time()
    ProviderWords(error="x", description=words)

    assert time.process_time() - started < 0.2
