"""Every refusal of the APIs says who must act and what to do."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.driver import ads_error, error_info, status_error
from grantkeeper.accounts.refusals import TABLE, TITLES, WHO, meaning, refused, rest_refusal
from grantkeeper.errors import AccessRefused, ConsentRequired, GrantkeeperError, Misconfigured, ProviderUnavailable
from grantkeeper.model import Reason, Response

# Of google-ads 34, v26: authentication_error, authorization_error, header_error; without UNSPECIFIED and UNKNOWN.
ADS = {
    "AuthenticationError": """
        AUTHENTICATION_ERROR CLIENT_CUSTOMER_ID_INVALID CUSTOMER_NOT_FOUND GOOGLE_ACCOUNT_DELETED
        GOOGLE_ACCOUNT_COOKIE_INVALID GOOGLE_ACCOUNT_AUTHENTICATION_FAILED GOOGLE_ACCOUNT_USER_AND_ADS_USER_MISMATCH
        LOGIN_COOKIE_REQUIRED NOT_ADS_USER OAUTH_TOKEN_INVALID OAUTH_TOKEN_EXPIRED OAUTH_TOKEN_DISABLED
        OAUTH_TOKEN_REVOKED OAUTH_TOKEN_HEADER_INVALID LOGIN_COOKIE_INVALID INVALID_EMAIL_ADDRESS USER_ID_INVALID
        TWO_STEP_VERIFICATION_NOT_ENROLLED ADVANCED_PROTECTION_NOT_ENROLLED ORGANIZATION_NOT_RECOGNIZED
        ORGANIZATION_NOT_APPROVED ORGANIZATION_NOT_ASSOCIATED_WITH_DEVELOPER_TOKEN DEVELOPER_TOKEN_INVALID
    """,
    "AuthorizationError": """
        USER_PERMISSION_DENIED DEVELOPER_TOKEN_NOT_ON_ALLOWLIST DEVELOPER_TOKEN_PROHIBITED PROJECT_DISABLED
        AUTHORIZATION_ERROR ACTION_NOT_PERMITTED INCOMPLETE_SIGNUP CUSTOMER_NOT_ENABLED MISSING_TOS
        DEVELOPER_TOKEN_NOT_APPROVED CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION
        INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION SERVICE_ACCESS_DENIED ACCESS_DENIED_FOR_ACCOUNT_TYPE
        METRIC_ACCESS_DENIED CLOUD_PROJECT_NOT_UNDER_ORGANIZATION ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT
    """,
    "HeaderError": "INVALID_LOGIN_CUSTOMER_ID INVALID_LINKED_CUSTOMER_ID",
    "RequestError": "DEVELOPER_TOKEN_PARAMETER_MISSING CLOUD_PROJECT_NOT_FOUND",
}
AD_MANAGER = """
    AMBIGUOUS_SOAP_REQUEST_HEADER INVALID_EMAIL AUTHENTICATION_FAILED INVALID_OAUTH_SIGNATURE INVALID_SERVICE
    MISSING_SOAP_REQUEST_HEADER MISSING_AUTHENTICATION_HTTP_HEADER MISSING_AUTHENTICATION NOT_WHITELISTED_FOR_API_ACCESS
    NETWORK_API_ACCESS_DISABLED NO_NETWORKS_TO_ACCESS NETWORK_NOT_FOUND NETWORK_CODE_REQUIRED CONNECTION_ERROR
    GOOGLE_ACCOUNT_ALREADY_ASSOCIATED_WITH_NETWORK UNDER_INVESTIGATION UNKNOWN
"""
EVERY = [(api, code) for api, codes in TABLE.items() for code in codes]


@pytest.mark.parametrize(("kind", "names"), ADS.items(), ids=list(ADS))
def test_every_code_of_google_ads_about_who_calls_is_in_the_table(kind: str, names: str) -> None:
    """None of the codes that google-ads 34 knows of these kinds is missing."""
    assert [name for name in names.split() if f"{kind}.{name}" not in TABLE["google_ads"]] == []


def test_every_reason_of_ad_managers_authentication_error_is_in_the_table() -> None:
    """Old and new names of the reasons alike."""
    assert [name for name in AD_MANAGER.split() if f"AuthenticationError.{name}" not in TABLE["ad_manager"]] == []


def test_every_kind_of_account_has_a_title() -> None:
    """Messages name the API as people know it."""
    assert set(TABLE) <= set(TITLES)


@pytest.mark.parametrize(("api", "code"), EVERY)
def test_every_meaning_is_whole_sentences(api: str, code: str) -> None:
    """Who must act is one of five; text and advice end as sentences do; a grant's has a reason."""
    found = TABLE[api][code]

    assert found.who in WHO
    assert found.text.endswith(".")
    assert found.advice.endswith(".")
    assert (found.reason is not Reason.NONE) == (found.who == "grant")


@pytest.mark.parametrize(("api", "code"), EVERY)
def test_every_code_becomes_the_error_of_who_must_act(api: str, code: str) -> None:
    """With the API's own words, its request id and the advice beside it."""
    found = TABLE[api][code]
    error = refused(api, code, said="Words.", request_id="req-7", grant_id="g1", account_id="123")

    expected = {"grant": ConsentRequired, "project": Misconfigured, "wait": ProviderUnavailable}
    assert type(error) is expected.get(found.who, AccessRefused)
    assert error.provider is not None
    assert (error.provider.error, error.provider.description, error.provider.request_id) == (code, "Words.", "req-7")
    assert error.advice == found.advice
    if isinstance(error, AccessRefused):
        assert (error.who, error.code, error.grant_id, error.account_id) == (found.who, code, "g1", "123")
    if isinstance(error, ConsentRequired):
        assert (error.reason, error.grant_id) == (found.reason, "g1")


def test_google_ads_and_ad_manager_mean_their_own_by_the_same_kind_of_error() -> None:
    """Both have an AuthenticationError; codes of one are not codes of the other."""
    assert meaning("google_ads", "AuthenticationError.NOT_ADS_USER") is not None
    assert meaning("ad_manager", "AuthenticationError.NOT_ADS_USER") is None


def test_what_every_api_says_counts_for_apis_without_a_table_of_their_own() -> None:
    """ErrorInfo reasons and google.rpc codes are the same for all, whatever the API is called."""
    found = meaning("tagmanager", "SERVICE_DISABLED")

    assert found is not None
    assert "tagmanager refused" in str(refused("tagmanager", "SERVICE_DISABLED"))


def test_an_unknown_code_blames_neither_the_grant_nor_the_account() -> None:
    """It is for us to look up."""
    error = refused("google_ads", "AuthorizationError.NEW_ONE", said="Something new.")

    assert isinstance(error, Misconfigured)
    assert "AuthorizationError.NEW_ONE: Something new." in str(error)


def test_a_google_ads_failure_tells_more_than_the_status_around_it() -> None:
    """Its code, words and request id are kept."""
    error = rest_refusal("google_ads", ads_error(403, "authorizationError", "CUSTOMER_NOT_ENABLED", request_id="r-9"))

    assert isinstance(error, AccessRefused)
    assert error.code == "AuthorizationError.CUSTOMER_NOT_ENABLED"
    assert error.provider is not None
    assert (error.provider.description, error.provider.request_id) == ("No.", "r-9")


def test_the_error_of_a_streaming_method_is_read_from_its_array() -> None:
    """A streaming method answers [{"error": ...}]."""
    plain = ads_error(401, "authenticationError", "NOT_ADS_USER")

    error = rest_refusal("google_ads", Response(status=401, body=b"[" + plain.body + b"]"))

    assert isinstance(error, AccessRefused)
    assert error.who == "person"


def test_the_request_id_of_the_header_counts_where_the_body_has_none() -> None:
    """Google Ads sends it in both."""
    answer = Response(status=403, headers={"request-id": "from-header"}, body=b"")

    error = rest_refusal("google_ads", answer)

    assert error.provider is not None
    assert error.provider.request_id == "from-header"


@pytest.mark.parametrize(
    ("answer", "expected", "code"),
    [
        (error_info(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), Misconfigured, "SERVICE_DISABLED"),
        (
            error_info(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
            ConsentRequired,
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        ),
        (
            error_info(401, "UNAUTHENTICATED", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
            ProviderUnavailable,
            "ACCESS_TOKEN_TYPE_UNSUPPORTED",
        ),
        (error_info(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"), ProviderUnavailable, "RATE_LIMIT_EXCEEDED"),
        (error_info(403, "PERMISSION_DENIED", "SOMETHING_NEW"), AccessRefused, "SOMETHING_NEW"),
        (ads_error(401, "authenticationError", "NEW_ONE"), Misconfigured, "AuthenticationError.NEW_ONE"),
        (ads_error(500, "authorizationError", "MISSING_TOS"), ProviderUnavailable, "AuthorizationError.MISSING_TOS"),
        (status_error(404, "NOT_FOUND"), AccessRefused, "NOT_FOUND"),
        (status_error(501, "UNIMPLEMENTED"), Misconfigured, "UNIMPLEMENTED"),
        (Response(status=502, body=b"<html>"), ProviderUnavailable, "UNAVAILABLE"),
        (Response(status=429, body=b"slow down"), ProviderUnavailable, "RESOURCE_EXHAUSTED"),
        (Response(status=302, headers={"location": "https://x.example"}), Misconfigured, "HTTP_302"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rest_answers_become_the_error_of_who_must_act(answer: Response, expected: type, code: str) -> None:
    """The most telling code counts; a 5xx and a 429 pass, however they are worded."""
    error = rest_refusal("google_ads", answer)

    assert type(error) is expected
    assert error.provider is not None
    assert error.provider.error == code


def test_the_older_form_of_googles_errors_is_read_too() -> None:
    """YouTube and Search Console name a reason in `errors`."""
    body = {
        "error": {"code": 403, "message": "No.", "errors": [{"domain": "usageLimits", "reason": "accessNotConfigured"}]}
    }

    error = rest_refusal("youtube", Response(status=403, body=json.dumps(body).encode()))

    assert isinstance(error, Misconfigured)
    assert "YouTube" in str(error)


@pytest.mark.parametrize(
    "answer",
    [
        Response(status=429, headers={"retry-after": "30"}),
        status_error(
            429, "RESOURCE_EXHAUSTED", {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30s"}
        ),
        status_error(
            429,
            "RESOURCE_EXHAUSTED",
            {
                "errors": [
                    {
                        "errorCode": {"quotaError": "RESOURCE_EXHAUSTED"},
                        "details": {"quotaErrorDetails": {"retryDelay": "30.5s"}},
                    }
                ]
            },
        ),
    ],
    ids=["header", "RetryInfo", "quotaErrorDetails"],
)
def test_how_long_to_wait_is_read_where_google_says_it(answer: Response) -> None:
    """In a header, a google.rpc.RetryInfo, or a Google Ads quota error."""
    error = rest_refusal("google_ads", answer)

    assert isinstance(error, ProviderUnavailable)
    assert error.retry_after == timedelta(seconds=30)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "details", "errors", "errorCode", "reason", "status", "message", "retryDelay"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(status=st.integers(300, 599), body=JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
def test_whatever_a_refusal_holds_is_an_error_of_ours(status: int, body: bytes) -> None:
    """Hostile bodies are data: no crash, no control characters, no text without end."""
    error = rest_refusal("google_ads", Response(status=status, body=body))

    assert isinstance(error, GrantkeeperError)
    assert str(error).isprintable()
    assert len(str(error)) < 2_000


def test_a_body_nested_without_end_is_an_error_of_ours() -> None:
    """The parser's own limit is not a crash of ours."""
    error = rest_refusal("google_ads", Response(status=403, body=b"[" * 100_000))

    assert isinstance(error, AccessRefused)
