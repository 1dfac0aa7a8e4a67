"""What every Google API says over REST: the reasons of google.api.ErrorReason and the codes of google.rpc.Code.

Source: google/api/error_reason.proto and google/rpc/code.proto of googleapis; cloud.google.com/apis/design/errors;
both read 2026-11-22. A reason says more than a code, so it counts first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...model import Reason
from .meaning import Meaning, account, grant, person, project, wait

_NEW_TOKEN: Final = "Ask again: a new access token is got first, and if the grant is over, that will say so."  # noqa: S105

_ENABLE: Final = (
    "Enable it at console.cloud.google.com > APIs & Services > Library, in the project that the OAuth client belongs "
    "to, and wait a few minutes."
)
_SLOW: Final = (
    "Ask less often. Quotas are at console.cloud.google.com > APIs & Services > the API > Quotas & System Limits; more "
    "can be asked for there."
)

REASONS: Final[Mapping[str, Meaning]] = {
    "SERVICE_DISABLED": project("This API is not enabled in your Google Cloud project.", _ENABLE),
    "BILLING_DISABLED": project(
        "Billing is switched off in your Google Cloud project.",
        "Link a billing account at console.cloud.google.com > Billing.",
    ),
    "CONSUMER_SUSPENDED": project(
        "Google suspended your Google Cloud project.",
        "Open the project at console.cloud.google.com; the banner on its dashboard says why and has the appeal.",
    ),
    "CONSUMER_INVALID": project(
        "Google does not know the Google Cloud project that the call is counted for.",
        "Check that the OAuth client's project still exists, and that no x-goog-user-project header names another.",
    ),
    "USER_PROJECT_DENIED": project(
        "The person may not use the Google Cloud project that the call is to be counted for.",
        "Leave out the quota project (x-goog-user-project); the OAuth client's own project then counts.",
    ),
    "API_KEY_INVALID": project(
        "An API key was sent that is not valid.", "Leave it out: calls for a grant need no API key."
    ),
    "API_KEY_SERVICE_BLOCKED": project(
        "An API key was sent that may not be used for this API.",
        "Leave it out: calls for a grant need no API key.",
    ),
    "SECURITY_POLICY_VIOLATED": project(
        "A security perimeter (VPC Service Controls) of the project's organisation forbids the call.",
        "Have the organisation's administrator allow it; the audit log names the rule.",
    ),
    "CREDENTIALS_MISSING": project(
        "No access token arrived with the call.",
        "Check that nothing between here and Google (a proxy, a custom transport) takes the Authorization header away.",
    ),
    "ACCESS_TOKEN_EXPIRED": wait("The access token has expired.", _NEW_TOKEN),
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": wait(
        "Google does not accept the access token: it has expired, was revoked, or is none.", _NEW_TOKEN
    ),
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": grant(
        "The consent does not cover this API: its scope was not asked for, or its box was left unticked.",
        "Name the scope in the OAuth client's scopes, then let the owner connect again and tick every box.",
        Reason.SCOPES_MISSING,
    ),
    "ACCOUNT_STATE_INVALID": grant(
        "The person's Google account is disabled or deleted.",
        "The person restores it at accounts.google.com, or somebody else who has access connects.",
        Reason.ACCOUNT_GONE,
    ),
    "USER_BLOCKED_BY_ADMIN": person(
        "An administrator of the person's organisation does not let them use this API.",
        "The administrator allows it at admin.google.com > Security > Access and data control > API controls.",
    ),
    "ORG_RESTRICTION_VIOLATION": person(
        "A restriction of the person's organisation forbids access to this resource.",
        "Ask the organisation's administrator to lift it (organisation restrictions, admin.google.com).",
    ),
    "RATE_LIMIT_EXCEEDED": wait("Too many calls in a short time.", _SLOW),
    "RESOURCE_QUOTA_EXCEEDED": wait("A quota of your Google Cloud project is used up.", _SLOW),
    # Names of Google's older APIs, where a reason is spelt so (developers.google.com/webmaster-tools/limits,
    # developers.google.com/youtube/v3/docs/errors, read 2026-11-22).
    "accessNotConfigured": project("This API is not enabled in your Google Cloud project.", _ENABLE),
    "insufficientPermissions": grant(
        "The consent does not cover this API: its scope was not asked for, or its box was left unticked.",
        "Name the scope in the OAuth client's scopes, then let the owner connect again and tick every box.",
        Reason.SCOPES_MISSING,
    ),
    "rateLimitExceeded": wait("Too many calls in a short time.", _SLOW),
    "userRateLimitExceeded": wait("Too many calls in a short time for one person.", _SLOW),
    "quotaExceeded": wait("A quota of your Google Cloud project is used up.", _SLOW),
    "dailyLimitExceeded": wait("The day's quota of your Google Cloud project is used up.", _SLOW),
    "youtubeSignupRequired": person(
        "The person's Google account has no YouTube channel.",
        "The person makes a channel at youtube.com, or somebody connects who has one.",
    ),
}
"""ErrorInfo.reason -> what it means."""

STATUSES: Final[Mapping[str, Meaning]] = {
    "UNAUTHENTICATED": wait("Google does not accept the access token.", _NEW_TOKEN),
    "PERMISSION_DENIED": account(
        "The person who consented may not do this here.",
        "Let somebody with a higher role in the account give the person access, or let that somebody connect.",
    ),
    "NOT_FOUND": account(
        "There is no such thing, or the person who consented may not see it.",
        "Check the id, and that the person still has access to the account.",
    ),
    "RESOURCE_EXHAUSTED": wait("A quota is used up.", _SLOW),
    "UNAVAILABLE": wait("Google's API is in trouble.", "Ask again in a while."),
    "INTERNAL": wait(
        "Google's API met an error of its own.", "Ask again in a while; if it stays, report the request id."
    ),
    "DEADLINE_EXCEEDED": wait("Google's API took too long.", "Ask again in a while."),
    "ABORTED": wait("Somebody changed the same thing at the same time.", "Ask again."),
    "CANCELLED": wait("The call was cancelled on its way.", "Ask again."),
    "UNKNOWN": wait("Google's API met an error that it does not name.", "Ask again in a while."),
    "INVALID_ARGUMENT": project("Google finds the request wrong in itself.", "Check the values that were passed."),
    "FAILED_PRECONDITION": account(
        "The account is not in a state in which this can be done.",
        "Look at the account in Google's own interface: something has to be set up or accepted there first.",
    ),
    "OUT_OF_RANGE": project("A value of the request is out of range.", "Check the values that were passed."),
    "ALREADY_EXISTS": account("It is there already.", "Use the one that is there."),
    "UNIMPLEMENTED": project(
        "Google's API does not have this method.",
        "Check the API's version: old ones are switched off. Update grantkeeper or the client library.",
    ),
    "DATA_LOSS": wait("Google's API lost data.", "Ask again in a while; if it stays, report the request id."),
}
"""google.rpc.Code -> what it means."""
