"""What the Google Ads API says: each code about who calls and what they may, and what passes by itself.

Source: google-ads 34, v26/errors/types/*.py (authentication_error, authorization_error, header_error, request_error,
quota_error, internal_error, database_error); developers.google.com/google-ads/api/docs/common-errors and
.../api-policy/access-levels; read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...model import Reason
from .meaning import Meaning, account, grant, person, project, wait

_CONNECT: Final = "Let the owner connect again."
_NEW_TOKEN: Final = "Ask again: a new access token is got first, and if the grant is over, that will say so."  # noqa: S105
_REPORT: Final = "Update grantkeeper and the client library; if it stays, report it with the request id."
_NO_TOKEN: Final = (
    "Leave developer_token out of your configuration: "  # noqa: S105
    "since 2026-09-09 the access level belongs to the Google Cloud project."
)
_ACCESS: Final = "ads.google.com > Admin > Access and security"
_COOKIE: Final = "Google Ads was called with a browser's cookie and not with an access token."
_CENTRE: Final = "console.cloud.google.com/google/ads-apis/overview"
_LEVEL: Final = (
    f"Apply for Explorer, Basic or Standard access at {_CENTRE}, in the project of the OAuth client; until then, "
    "connect test accounts."
)
_SLOW: Final = f"Ask less often. The project's access level sets how many operations a day it has: {_CENTRE}."
_LATER: Final = "Ask again in a while; if it stays, report the request id."

_AUTHENTICATION: Final[Mapping[str, Meaning]] = {
    "AUTHENTICATION_ERROR": wait("Google Ads could not authenticate the call.", _NEW_TOKEN),
    "CLIENT_CUSTOMER_ID_INVALID": project(
        "The customer id is not a number.", "Pass ten digits without dashes: 1234567890."
    ),
    "CUSTOMER_NOT_FOUND": account(
        "There is no Google Ads account with this customer id.",
        "Check the id: it stands at the top right of ads.google.com, once the account is chosen.",
    ),
    "GOOGLE_ACCOUNT_DELETED": grant(
        "The Google account of the person who consented was deleted.",
        "Let somebody connect whose Google account has access to the Google Ads account.",
        Reason.ACCOUNT_GONE,
    ),
    "GOOGLE_ACCOUNT_COOKIE_INVALID": project(_COOKIE, _REPORT),
    "GOOGLE_ACCOUNT_AUTHENTICATION_FAILED": person(
        "Google could not authenticate the person's Google account.",
        "The person signs in at ads.google.com, does what Google asks for there, and connects again if this stays.",
    ),
    "GOOGLE_ACCOUNT_USER_AND_ADS_USER_MISMATCH": project(_COOKIE, _REPORT),
    "LOGIN_COOKIE_REQUIRED": project(_COOKIE, _REPORT),
    "LOGIN_COOKIE_INVALID": project(_COOKIE, _REPORT),
    "NOT_ADS_USER": person(
        "The person who consented has access to no Google Ads account.",
        f"Somebody with admin access invites the person at {_ACCESS}, or somebody connects who has access.",
    ),
    "OAUTH_TOKEN_INVALID": wait("Google Ads does not accept the access token.", _NEW_TOKEN),
    "OAUTH_TOKEN_EXPIRED": wait("The access token has expired.", _NEW_TOKEN),
    "OAUTH_TOKEN_DISABLED": grant(
        "The person's access was disabled: the Google account or the consent is suspended.", _CONNECT
    ),
    "OAUTH_TOKEN_REVOKED": grant(
        "The person took the consent back.",
        f"{_CONNECT} What was revoked is listed at myaccount.google.com/connections.",
    ),
    "OAUTH_TOKEN_HEADER_INVALID": project(
        "The Authorization header is malformed.",
        "Check that nothing between here and Google (a proxy, a custom transport) changes the header.",
    ),
    "INVALID_EMAIL_ADDRESS": person(
        "The person's e-mail address is invalid or does not exist.",
        "The person checks the address at myaccount.google.com > Personal info.",
    ),
    "USER_ID_INVALID": project("The user id in a header is not valid.", _REPORT),
    "TWO_STEP_VERIFICATION_NOT_ENROLLED": person(
        "The Google Ads account lets in only people who use 2-Step Verification, and the person does not.",
        "The person turns it on at myaccount.google.com/security > 2-Step Verification.",
    ),
    "ADVANCED_PROTECTION_NOT_ENROLLED": person(
        "The Google Ads account lets in only people in the Advanced Protection Program, and the person is not.",
        "The person enrols at landing.google.com/advancedprotection.",
    ),
    "ORGANIZATION_NOT_RECOGNIZED": project(
        "Google Ads does not recognise the Cloud organisation that your project belongs to.",
        f"Check the project's organisation at console.cloud.google.com > IAM & Admin, and its standing at {_CENTRE}.",
    ),
    "ORGANIZATION_NOT_APPROVED": project(
        "The Cloud organisation of your project is not approved for accounts that are no test accounts.", _LEVEL
    ),
    "ORGANIZATION_NOT_ASSOCIATED_WITH_DEVELOPER_TOKEN": project(
        "A developer token was sent that belongs to another organisation.", _NO_TOKEN
    ),
    "DEVELOPER_TOKEN_INVALID": project("A developer token was sent that is not valid.", _NO_TOKEN),
}

_AUTHORIZATION: Final[Mapping[str, Meaning]] = {
    "USER_PERMISSION_DENIED": account(
        "The person who consented has no access to this account, or not by the login-customer-id that was sent.",
        f"An admin of the account invites the person at {_ACCESS}; if access is through a manager account, name an "
        "account that the person reaches directly as login_customer_id.",
    ),
    "DEVELOPER_TOKEN_NOT_ON_ALLOWLIST": project("A developer token was sent that is not on the allow-list.", _NO_TOKEN),
    "DEVELOPER_TOKEN_PROHIBITED": project(
        "A developer token was sent that may not be used with this project.", _NO_TOKEN
    ),
    "PROJECT_DISABLED": project(
        "Your Google Cloud project may not use the Google Ads API.",
        "Enable it at console.cloud.google.com > APIs & Services > Library, and check the project's standing at "
        f"{_CENTRE}.",
    ),
    "AUTHORIZATION_ERROR": account(
        "Google Ads does not authorise the call and does not say why.",
        f"Open the account at ads.google.com as the same person; compare the person's role at {_ACCESS}.",
    ),
    "ACTION_NOT_PERMITTED": account(
        "The person's role in the account does not allow this.",
        f"An admin of the account raises the role at {_ACCESS}. With API versions before v25, it also means that the "
        "Google Cloud project is approved for test accounts only.",
    ),
    "INCOMPLETE_SIGNUP": account(
        "The account was begun and never finished.", "Somebody with access finishes setting it up at ads.google.com."
    ),
    "CUSTOMER_NOT_ENABLED": account(
        "The account is cancelled, closed or not set up yet.",
        "An admin of the account reactivates it at ads.google.com > Admin > Preferences > Account status.",
    ),
    "MISSING_TOS": project(
        "The terms of the Google Ads API are not accepted for your Google Cloud project.", f"Accept them at {_CENTRE}."
    ),
    "DEVELOPER_TOKEN_NOT_APPROVED": project("A developer token was sent that is for test accounts only.", _NO_TOKEN),
    "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION": project(
        "Your Google Cloud project is approved for test accounts only, and this is no test account.", _LEVEL
    ),
    "INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION": account(
        "The account is not below the one that was sent as login-customer-id.",
        "Leave login_customer_id out, so that the way is looked up, or name an account above it that the person "
        "reaches directly; look for accounts again if the managers changed.",
    ),
    "SERVICE_ACCESS_DENIED": project(
        "Your Google Cloud project may not use this service of the Google Ads API.",
        f"Ask for it at {_CENTRE}; some services need Standard access or an allow-list.",
    ),
    "ACCESS_DENIED_FOR_ACCOUNT_TYPE": account(
        "The account is not one of Google Ads: it belongs to another of Google's ads systems.",
        "Choose another account; this one is reached through its own system's API.",
    ),
    "METRIC_ACCESS_DENIED": project(
        "Your Google Cloud project may not read one of these metrics.",
        "Leave it out of the query, or ask Google for it.",
    ),
    "CLOUD_PROJECT_NOT_UNDER_ORGANIZATION": project(
        "Your Google Cloud project is not in the organisation that it has to be in.",
        "Move it there at console.cloud.google.com > IAM & Admin > Manage resources.",
    ),
    "ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT": account(
        "Google suspended the account, and this may not be done meanwhile.",
        "An admin opens ads.google.com; the banner says why and has the appeal.",
    ),
}

_REQUEST: Final[Mapping[str, Meaning]] = {
    "INVALID_CUSTOMER_ID": project("The customer id is not one.", "Pass ten digits without dashes: 1234567890."),
    "DEVELOPER_TOKEN_PARAMETER_MISSING": project(
        "The developer-token header was sent empty, or the API version still asks for one.",
        f"{_NO_TOKEN} Use API version v25 or newer.",
    ),
    "LOGIN_CUSTOMER_ID_PARAMETER_MISSING": project(
        "This call needs a login-customer-id.",
        "Build the client with google_ads.client(..., customer_id=...), which looks it up, or pass login_customer_id.",
    ),
    "UNSUPPORTED_VERSION": project(
        "This version of the Google Ads API is switched off.", "Update grantkeeper and the package google-ads."
    ),
    "CLOUD_PROJECT_NOT_FOUND": project(
        "Google Ads does not find your Google Cloud project.",
        "Check that the OAuth client's project still exists, and that the Google Ads API is enabled in it.",
    ),
    "CANNOT_BE_EXECUTED_BY_MANAGER_ACCOUNT": account(
        "This cannot be done in a manager account.", "Choose an account below it."
    ),
    "EXPIRED_PAGE_TOKEN": wait("The next page came too late.", "Ask again from the first page."),
    "RPC_DEADLINE_TOO_SHORT": wait("The call was given too little time.", "Ask again with a longer deadline."),
}

_QUOTA: Final[Mapping[str, Meaning]] = {
    "RESOURCE_EXHAUSTED": wait("Too many calls: the day's operations are used up.", _SLOW),
    "ACCESS_PROHIBITED": project(
        "Google prohibits your project's access to the Google Ads API.", f"See what Google says at {_CENTRE}."
    ),
    "RESOURCE_TEMPORARILY_EXHAUSTED": wait("Too many calls in a short time.", _SLOW),
    "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION": wait("Too many expensive queries in a short time.", _SLOW),
    "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION": wait("Too many expensive queries over a long time.", _SLOW),
}

_INTERNAL: Final[Mapping[str, Meaning]] = {
    "INTERNAL_ERROR": wait("Google Ads met an error of its own.", _LATER),
    "TRANSIENT_ERROR": wait("Google Ads met an error that passes.", "Ask again."),
    "DEADLINE_EXCEEDED": wait("Google Ads took too long.", "Ask again, or for less at once."),
}

_HEADER: Final[Mapping[str, Meaning]] = {
    "INVALID_LOGIN_CUSTOMER_ID": project(
        "The login-customer-id is not a customer id that can be used.",
        "Pass ten digits without dashes, or leave login_customer_id out, so that the way is looked up.",
    ),
    "INVALID_LINKED_CUSTOMER_ID": project(
        "The linked-customer-id is not a customer id that can be used.",
        "Pass ten digits without dashes; it is only for partners whose accounts are linked to the customer's.",
    ),
}

_CONFLICT: Final = wait("Somebody changed the same thing at the same time.", "Ask again.")

CODES: Final[Mapping[str, Meaning]] = {
    **{f"AuthenticationError.{name}": each for name, each in _AUTHENTICATION.items()},
    **{f"AuthorizationError.{name}": each for name, each in _AUTHORIZATION.items()},
    **{f"HeaderError.{name}": each for name, each in _HEADER.items()},
    **{f"RequestError.{name}": each for name, each in _REQUEST.items()},
    **{f"QuotaError.{name}": each for name, each in _QUOTA.items()},
    **{f"InternalError.{name}": each for name, each in _INTERNAL.items()},
    "DatabaseError.CONCURRENT_MODIFICATION": _CONFLICT,
}
"""Kind of error and name -> what it means."""
