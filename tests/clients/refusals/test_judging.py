"""Which of several errors counts, what stays of the API's words, and what becomes of a grant that is over."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import requests
from google.ads.googleads.errors import GoogleAdsException
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure

from clients.libraries import IDA
from clients.sources import GRANT, ScriptedSource, send
from grantkeeper.clients import google_ads, google_auth
from grantkeeper.clients.google_auth import GrantCredentials
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.emulator.server import Serving
from grantkeeper.errors import AccessRefused, ConsentRequired, Misconfigured, ProviderUnavailable
from grantkeeper.keeper import Keeper
from grantkeeper.testing import Connect

LIST = "/v26/customers:listAccessibleCustomers"
CUSTOMER = "2223334441"
A_WHILE = timedelta(minutes=5)

NOT_ADS_USER = {"authenticationError": "NOT_ADS_USER"}
DENIED = {"authorizationError": "USER_PERMISSION_DENIED"}
NO_PROJECT = {"authorizationError": "PROJECT_DISABLED"}
QUOTA = {"quotaError": "RESOURCE_TEMPORARILY_EXHAUSTED"}
WRONG_QUERY = {"queryError": "UNRECOGNIZED_FIELD"}


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
    source: ScriptedSource, keeper: Keeper, connect: Connect, serving: Serving
) -> None:
    """The emulator refuses it as Google Ads does."""
    ads = google_ads.client(keeper, connect("nordwind", IDA).id, customer_id=CUSTOMER, endpoint=serving.grpc_target)
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
    """Another site's 403 in the same block is not Google's."""
    error = judged(credentials, made({"Authorization": "Bearer token-1"}))
    assert isinstance(error, Misconfigured)
    assert error.provider is not None
    assert error.provider.error == "SERVICE_DISABLED"

    other = made({})
    assert judged(credentials, other) is other


# --- a grant that is over --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["OAUTH_TOKEN_REVOKED", "GOOGLE_ACCOUNT_DELETED", "OAUTH_TOKEN_DISABLED"])
def test_a_grant_that_an_api_says_is_over_is_asked_about_and_updated(
    keeper: Keeper, connect: Connect, serving: Serving, emulator: Emulator, clock: Clock, code: str
) -> None:
    """The provider's word decides; the API's is how it was found out."""
    grant = connect("nordwind", IDA)
    ads = google_ads.client(keeper, grant.id, customer_id=CUSTOMER, endpoint=serving.grpc_target)
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


def test_scopes_that_are_missing_ask_for_consent_and_for_no_token(
    source: ScriptedSource, credentials: GrantCredentials
) -> None:
    """Another token would have the same scopes."""
    body = {"error": {"code": 403, "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}
    answer = requests.Response()
    answer.status_code, answer._content = 403, json.dumps(body).encode()
    answer.request = requests.Request("GET", "https://x.example", headers={"Authorization": "Bearer t"}).prepare()
    error = judged(credentials, requests.HTTPError("403", response=answer))

    assert isinstance(error, ConsentRequired)
    assert (error.reason, error.grant_id, source.rejected) == ("scopes_missing", GRANT, [])
