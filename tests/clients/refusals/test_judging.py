"""Which of several errors counts, what stays of the API's words, and what becomes of a grant that is over."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import grpc
import httpx2
import pytest
import requests
from google.ads.googleads.errors import GoogleAdsException
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.auth.transport.requests import AuthorizedSession

from clients.further.told import Tell, Told
from clients.libraries import IDA
from clients.sources import GRANT, ScriptedSource, send
from grantkeeper.clients import google_ads, google_auth
from grantkeeper.clients.google_auth import GrantCredentials
from grantkeeper.clients.reached import GrantSource
from grantkeeper.clients.refusals.judging import SECONDS_OLD
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.emulator.server import Serving
from grantkeeper.errors import AccessRefused, ConsentRequired, Misconfigured, ProviderUnavailable
from grantkeeper.keeper import Keeper
from grantkeeper.keeper.tokens.keeping import MIN_INTERVAL
from grantkeeper.testing import Connect

LIST = "/v26/customers:listAccessibleCustomers"
CUSTOMER = "2223334441"
A_WHILE = timedelta(minutes=5)

NOT_ADS_USER = {"authenticationError": "NOT_ADS_USER"}
DENIED = {"authorizationError": "USER_PERMISSION_DENIED"}
NO_PROJECT = {"authorizationError": "PROJECT_DISABLED"}
QUOTA = {"quotaError": "RESOURCE_TEMPORARILY_EXHAUSTED"}
WRONG_QUERY = {"queryError": "UNRECOGNIZED_FIELD"}


@pytest.fixture
def told() -> Iterator[Told]:
    """A server that answers as it is told."""
    with Told() as server:
        yield server


def failure(*codes: dict[str, str], details: dict[str, Any] | None = None) -> GoogleAdsException:
    """Return what google-ads raises for a failure with these errors."""
    errors = [{"errorCode": code, "message": f"About {code}", "details": details or {}} for code in codes]
    made = GoogleAdsFailure.from_json(json.dumps({"errors": errors, "requestId": "req-7"}))
    return GoogleAdsException(None, None, made, "req-7")


def judged(credentials: GrantCredentials, error: Exception) -> Exception:
    """Return what comes out of the block."""
    with pytest.raises(Exception) as caught, google_auth.api_errors(credentials, account_id=CUSTOMER):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("codes", "expected", "counts"),
    [
        ((DENIED, NOT_ADS_USER, NO_PROJECT), Misconfigured, "AuthorizationError.PROJECT_DISABLED"),
        ((QUOTA, DENIED, NOT_ADS_USER), AccessRefused, "AuthenticationError.NOT_ADS_USER"),
        ((QUOTA, DENIED), AccessRefused, "AuthorizationError.USER_PERMISSION_DENIED"),
        ((WRONG_QUERY, QUOTA), ProviderUnavailable, "QuotaError.RESOURCE_TEMPORARILY_EXHAUSTED"),
    ],
)
def test_of_several_errors_the_one_whose_fix_comes_first_counts(
    credentials: GrantCredentials, codes: tuple[dict[str, str], ...], expected: type[Exception], counts: str
) -> None:
    """Project before person before account before waiting; what only the query is to blame for does not count."""
    error = judged(credentials, failure(*codes))

    assert type(error) is expected
    assert isinstance(error, AccessRefused | Misconfigured | ProviderUnavailable)
    assert error.provider is not None
    assert (error.provider.error, error.provider.request_id) == (counts, "req-7")
    assert isinstance(error.__cause__, GoogleAdsException)


def test_a_dead_token_comes_before_everything(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """Without a grant no other fix helps: the source is asked at once."""
    send(credentials)
    error = judged(credentials, failure(NO_PROJECT, {"authenticationError": "OAUTH_TOKEN_REVOKED"}))

    assert isinstance(error, ProviderUnavailable)
    assert source.rejected == ["token-1"]
    assert "Call again" in error.advice


def test_a_refusal_names_grant_and_account(credentials: GrantCredentials) -> None:
    """Whoever handles it for 300 grants knows which."""
    error = judged(credentials, failure(DENIED))

    assert isinstance(error, AccessRefused)
    assert (error.grant_id, error.account_id, error.who) == (GRANT, CUSTOMER, "account")


def test_how_long_to_wait_is_kept(credentials: GrantCredentials) -> None:
    """Google Ads says it in a quota error's details."""
    details = {"quotaErrorDetails": {"retryDelay": "31s"}}
    error = judged(credentials, failure(QUOTA, details=details))

    assert isinstance(error, ProviderUnavailable)
    assert error.retry_after == timedelta(seconds=31)


@pytest.mark.parametrize("codes", [(), (WRONG_QUERY,), ({"fieldError": "REQUIRED"}, WRONG_QUERY), ({},)])
def test_what_is_about_the_request_passes_unchanged(
    credentials: GrantCredentials, codes: tuple[dict[str, str], ...]
) -> None:
    """A wrong query is the program's, and its handler knows GoogleAdsException."""
    error = failure(*codes)

    assert judged(credentials, error) is error


def test_a_code_that_is_newer_than_the_library_passes_unchanged(credentials: GrantCredentials) -> None:
    """A number without a name says nothing against the grant."""
    error = failure()
    error.failure.errors = [{"error_code": {"authorization_error": 987}}]

    assert judged(credentials, error) is error


def test_a_real_wrong_query_passes_unchanged(
    source: ScriptedSource, giving: GrantSource, connect: Connect, serving: Serving
) -> None:
    """The emulator refuses it as Google Ads does."""
    ads = google_ads.client(giving, connect("nordwind", IDA).id, customer_id=CUSTOMER, endpoint=serving.grpc_target)
    with pytest.raises(GoogleAdsException), google_auth.api_errors(ads):
        ads.get_service("GoogleAdsService").search(customer_id=CUSTOMER, query="SELECT nothing.such FROM customer")


# --- REST by other clients -------------------------------------------------------------------------------------------

SERVICE_DISABLED = {
    "error": {
        "code": 403,
        "status": "PERMISSION_DENIED",
        "message": "Not used before.",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}],
    }
}


def by_requests(headers: dict[str, str]) -> Exception:
    """Return what requests raises for a refusal."""
    answer = requests.Response()
    answer.status_code, answer._content = 403, json.dumps(SERVICE_DISABLED).encode()
    answer.request = requests.Request("GET", "https://tagmanager.googleapis.com/", headers=headers).prepare()
    return requests.HTTPError("403", response=answer)


def by_httpx2(headers: dict[str, str]) -> Exception:
    """Return what httpx2 raises for a refusal."""
    request = httpx2.Request("GET", "https://tagmanager.googleapis.com/", headers=headers)
    answer = httpx2.Response(403, json=SERVICE_DISABLED, request=request)
    return httpx2.HTTPStatusError("403", request=request, response=answer)


@pytest.mark.parametrize("made", [by_requests, by_httpx2])
def test_an_answer_over_http_counts_when_it_was_asked_for_with_a_token(
    credentials: GrantCredentials, made: Any
) -> None:
    """Another site's 403 in the same block is not Google's, nor is one that was asked for with another's token."""
    send(credentials)
    error = judged(credentials, made({"Authorization": "Bearer token-1"}))
    assert isinstance(error, Misconfigured)
    assert error.provider is not None
    assert error.provider.error == "SERVICE_DISABLED"

    for headers in ({}, {"Authorization": "Bearer xoxb-of-a-chat"}, {"Authorization": "Basic token-1"}):
        other = made(headers)
        assert judged(credentials, other) is other


def test_a_token_that_was_replaced_meanwhile_still_counts(
    source: ScriptedSource, credentials: GrantCredentials
) -> None:
    """A slow answer is about the token that its request carried; a copy of the credentials may have sent it."""
    twin = credentials.with_quota_project("billing")
    send(twin)
    twin.refresh(None)
    assert (twin.token, source.rejected) == ("token-2", ["token-1"])

    assert isinstance(judged(credentials, by_requests({"Authorization": "Bearer token-1"})), Misconfigured)


@pytest.mark.parametrize(("status", "expected"), [(401, ProviderUnavailable), (503, ProviderUnavailable), (403, None)])
@pytest.mark.parametrize("library", ["requests", "httpx2"])
def test_of_a_stream_that_nobody_can_read_any_more_the_status_counts_if_it_says_enough(
    credentials: GrantCredentials, told: Told, library: str, status: int, expected: type[Exception] | None
) -> None:
    """What a 403 is about is in its body: the original passes, and not the library's trouble with reading it."""
    headers = {"Authorization": f"Bearer {send(credentials)}"}
    told.answers.append(Tell(status=status, body=json.dumps(SERVICE_DISABLED).encode()))
    with pytest.raises(Exception) as caught, google_auth.api_errors(credentials):
        if library == "requests":
            with requests.Session() as session, session.get(told.url, headers=headers, stream=True) as answer:
                assert b"".join(answer.iter_content(10))
                answer.raise_for_status()
        else:
            with httpx2.stream("GET", told.url, headers=headers) as streamed:
                streamed.raise_for_status()

    original = requests.HTTPError if library == "requests" else httpx2.HTTPStatusError
    assert type(caught.value) is (expected or original)


# --- what only looks alike -------------------------------------------------------------------------------------------


class JobFailed(Exception):
    """As google-ads' has."""

    failure = "disk full"


class Invalid(Exception):
    """As googleads' has."""

    document = "x"

    def errors(self) -> list[str]:
        """Say nothing."""
        return []


class Coded(Exception):
    """As gRPC's has."""

    def code(self) -> grpc.StatusCode:
        """Return a code."""
        return grpc.StatusCode.PERMISSION_DENIED

    def details(self) -> str:
        """Return words."""
        return "no"


class Answerless(Exception):
    """As googleapiclient's has."""

    resp = None
    content = b""


class Halfway(grpc.RpcError, Coded):  # type: ignore[misc]
    """One of a library's family that does not read as that library's do."""

    details = None  # type: ignore[assignment]


@pytest.mark.parametrize("kind", [JobFailed, Invalid, Coded, Answerless, Halfway])
def test_a_programs_own_errors_pass_whatever_they_look_like(
    credentials: GrantCredentials, kind: type[Exception]
) -> None:
    """Neither taken for an API's word, nor hidden behind a failure to read them."""
    error = kind()

    assert judged(credentials, error) is error


# --- a grant that is over --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["OAUTH_TOKEN_REVOKED", "GOOGLE_ACCOUNT_DELETED", "OAUTH_TOKEN_DISABLED"])
def test_a_grant_that_an_api_says_is_over_is_asked_about_and_updated(
    giving: GrantSource, keeper: Keeper, connect: Connect, serving: Serving, emulator: Emulator, clock: Clock, code: str
) -> None:
    """The provider's word decides; the API's is how it was found out."""
    grant = connect("nordwind", IDA)
    ads = google_ads.client(giving, grant.id, customer_id=CUSTOMER, endpoint=serving.grpc_target)
    service = ads.get_service("CustomerService")
    service.list_accessible_customers()
    clock.advance(A_WHILE)
    emulator.refuse("google_ads", f"authenticationError.{code}")
    with pytest.raises(ProviderUnavailable, match="Call again"), google_auth.api_errors(ads):
        service.list_accessible_customers()
    assert keeper.get(grant.id).status == "active"

    clock.advance(A_WHILE)
    emulator.revoke(IDA)
    with pytest.raises(ConsentRequired) as caught, google_auth.api_errors(ads):
        service.list_accessible_customers()
    assert caught.value.__cause__ is not None
    assert keeper.get(grant.id).status == "consent_required"


def test_of_a_token_that_is_seconds_old_nothing_is_known_yet(
    giving: GrantSource, keeper: Keeper, connect: Connect, serving: Serving, emulator: Emulator, clock: Clock
) -> None:
    """The keeper asks for no other so soon, so nobody may call the grant alive; half a minute later it is found out."""
    grant = connect("nordwind", IDA)
    clock.advance(A_WHILE)
    keeper.refresh(grant.id)
    ads = google_ads.client(giving, grant.id, customer_id=CUSTOMER, endpoint=serving.grpc_target)
    emulator.revoke(IDA)
    session = AuthorizedSession(google_auth.credentials(giving, grant.id))  # type: ignore[no-untyped-call]
    calls: list[tuple[object, Callable[[], object]]] = [
        (session, lambda: session.get(serving.url + LIST).raise_for_status()),
        (ads, lambda: ads.get_service("CustomerService").list_accessible_customers()),
    ]
    for target, call in calls:
        with pytest.raises(ProviderUnavailable, match="is not known yet") as early, google_auth.api_errors(target):
            call()
        assert early.value.retry_after == SECONDS_OLD == MIN_INTERVAL

    clock.advance(SECONDS_OLD)
    for target, call in calls:
        with pytest.raises(ConsentRequired), google_auth.api_errors(target):
            call()


def test_scopes_that_are_missing_ask_for_consent_and_for_no_token(
    source: ScriptedSource, credentials: GrantCredentials
) -> None:
    """Another token would have the same scopes."""
    body = {"error": {"code": 403, "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}
    answer = requests.Response()
    answer.status_code, answer._content = 403, json.dumps(body).encode()
    sent = {"Authorization": f"Bearer {send(credentials)}"}
    answer.request = requests.Request("GET", "https://x.example", headers=sent).prepare()
    error = judged(credentials, requests.HTTPError("403", response=answer))

    assert isinstance(error, ConsentRequired)
    assert (error.reason, error.grant_id, source.rejected) == ("scopes_missing", GRANT, [])
