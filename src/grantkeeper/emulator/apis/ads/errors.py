"""Google Ads' own errors: a GoogleAdsFailure inside a google.rpc.Status.

Source: google-ads 34, errors/types/*.py (names and texts of v26), and captured answers as named below.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

from grantkeeper.emulator.apis.access import MISSING_CREDENTIAL
from grantkeeper.emulator.apis.status import ApiError, Code

# The outer status of each kind of error. A person whom Google Ads does not know gets the words of a missing credential:
# so captured with NOT_ADS_USER in cohnen/mcp-google-ads#7.
_OUTER = {
    "authenticationError": (Code.UNAUTHENTICATED, MISSING_CREDENTIAL),
    "authorizationError": (Code.PERMISSION_DENIED, "The caller does not have permission"),
    "quotaError": (Code.RESOURCE_EXHAUSTED, "Resource has been exhausted (e.g. check quota)."),
    "internalError": (Code.INTERNAL, "Internal error encountered."),
    "requestError": (Code.INVALID_ARGUMENT, "Request contains an invalid argument."),
    "headerError": (Code.INVALID_ARGUMENT, "Request contains an invalid argument."),
    "databaseError": (Code.ABORTED, "The operation was aborted."),
    "queryError": (Code.INVALID_ARGUMENT, "Request contains an invalid argument."),
}


class AdsError(Exception):
    """A refusal by Google Ads: its kind (a member of ErrorCode, as JSON spells it), the enum value's name, the text."""

    def __init__(self, kind: str, name: str, message: str) -> None:
        super().__init__(f"{kind}.{name}: {message}")
        self.kind = kind
        self.name = name
        self.message = message

    def refusal(self, version: str, request_id: str) -> ApiError:
        """Return the google.rpc.Status of it, for an API version such as "v26"."""
        code, outer = _OUTER[self.kind]
        failure = {
            "@type": f"type.googleapis.com/google.ads.googleads.{version}.errors.GoogleAdsFailure",
            "errors": [{"errorCode": {self.kind: self.name}, "message": self.message}],
            "requestId": request_id,
        }
        return ApiError(code, outer, details=(failure,))


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """Return the enum docs of google-ads 34 for v26: kind, name, text; those of the kinds that any call may meet."""
    found: Mapping[str, Mapping[str, str]] = json.loads(
        resources.files(__package__).joinpath("errors.json").read_text("utf-8")
    )
    return found


def ordered(code: str) -> AdsError:
    """Return the error of a code such as "authorizationError.USER_PERMISSION_DENIED"; KeyError for an unknown one."""
    kind, _, name = code.partition(".")
    return AdsError(kind, name, texts()[kind][name])


def permission_denied() -> AdsError:
    """Nobody gave the caller a way to this customer. Text: googleads/google-ads-php#721."""
    return AdsError(
        "authorizationError",
        "USER_PERMISSION_DENIED",
        "User doesn't have permission to access customer. Note: If you're accessing a client customer, the manager's "
        "customer id must be set in the 'login-customer-id' header. See "
        "https://developers.google.com/google-ads/api/docs/concepts/call-structure#cid",
    )


def not_enabled() -> AdsError:
    """The customer is cancelled or closed."""
    return AdsError(
        "authorizationError",
        "CUSTOMER_NOT_ENABLED",
        "The customer account can't be accessed because it is not yet enabled or has been deactivated.",
    )


def not_ads_user() -> AdsError:
    """The person has no Google Ads account at all. Text: cohnen/mcp-google-ads#7."""
    return AdsError(
        "authenticationError",
        "NOT_ADS_USER",
        "The Google account (@gmail.com user) that generated the OAuth access tokens is not associated with any Ads "
        "accounts. Create a new account, or add the Google account to an existing Ads account.",
    )


def customer_not_found() -> AdsError:
    """There is no such customer."""
    return AdsError("authenticationError", "CUSTOMER_NOT_FOUND", "No customer found for the provided customer id.")


def invalid_customer_id(customer_id: str) -> AdsError:
    """The id in the request is not ten digits."""
    return AdsError("requestError", "INVALID_CUSTOMER_ID", f"Invalid customer ID '{customer_id}'.")


def invalid_login_customer_id() -> AdsError:
    """The id in the login-customer-id header is not ten digits."""
    return AdsError("headerError", "INVALID_LOGIN_CUSTOMER_ID", "The login customer ID could not be validated.")


def project_not_approved(version: int) -> AdsError:
    """The Cloud project may use test accounts only.

    Since v25 with a code of its own; older versions say ACTION_NOT_PERMITTED. Source:
    developers.google.com/google-ads/api/docs/api-policy/developer-token, 2026-11-22.
    """
    if version < 25:
        text = "The user does not have permission to perform this action on the resource or call a method."
        return AdsError("authorizationError", "ACTION_NOT_PERMITTED", text)
    return AdsError(
        "authorizationError",
        "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION",
        "The Google Cloud project is only approved for use with test accounts. To access non-test accounts, apply for "
        "Explorer, Basic or Standard access.",
    )


def developer_token_missing() -> AdsError:
    """The developer-token header was sent, but empty: still refused (Opteo/google-ads-api#553, 2026-09-21)."""
    return AdsError("requestError", "DEVELOPER_TOKEN_PARAMETER_MISSING", "The developer-token parameter is missing.")


def unsupported_version(version: str) -> AdsError:
    """The version is switched off."""
    text = f"Version {version} is deprecated. Requests to this version will be blocked."
    return AdsError("requestError", "UNSUPPORTED_VERSION", text)


def invalid_page_token() -> AdsError:
    """The page token is not one of this query on this customer."""
    return AdsError("requestError", "INVALID_PAGE_TOKEN", "Next page token specified in user request is invalid.")


def page_size_not_supported(rows: int) -> AdsError:
    """The request set a page size."""
    text = f"Setting the page size is not supported. Search Responses will have fixed page size of '{rows}' rows."
    return AdsError("requestError", "PAGE_SIZE_NOT_SUPPORTED", text)


def required_field(name: str) -> AdsError:
    """A member that the request needs is absent."""
    return AdsError("requestError", "REQUIRED_FIELD_MISSING", f"Required field is missing: {name}")


def query(name: str, message: str) -> AdsError:
    """A query is wrong; `name` is of QueryErrorEnum."""
    return AdsError("queryError", name, message)
