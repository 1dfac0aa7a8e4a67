"""What Google's front end, and its older REST APIs, say when they refuse a call: reasons, their status, their words.

Source: google/api/error_reason.proto of googleapis-common-protos (names; which status goes with which: its links and
cloud.google.com/apis/design/errors); developers.google.com/youtube/v3/docs/errors and
developers.google.com/webmaster-tools/limits (old names), 2026-11-23. SERVICE_DISABLED's and the old names' words are
captured ones, the other words are the meaning that the sources give: nobody should read them by program.
"""

from __future__ import annotations

from collections.abc import Mapping

from grantkeeper.emulator.apis.status import Code

REASONS: Mapping[str, tuple[Code, str]] = {
    "SERVICE_DISABLED": (
        Code.PERMISSION_DENIED,
        (
            "{service} has not been used in project {project} before or it is disabled. Enable it by visiting "
            "https://console.developers.google.com/apis/api/{service}/overview?project={project} then retry. If you "
            "enabled this API recently, wait a few minutes for the action to propagate to our systems and retry."
        ),
    ),
    "BILLING_DISABLED": (Code.PERMISSION_DENIED, "This API method requires billing to be enabled."),
    "API_KEY_INVALID": (Code.INVALID_ARGUMENT, "API key not valid. Please pass a valid API key."),
    "API_KEY_SERVICE_BLOCKED": (Code.PERMISSION_DENIED, "Requests to this API {service} are blocked."),
    "RATE_LIMIT_EXCEEDED": (
        Code.RESOURCE_EXHAUSTED,
        (
            "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute' of service '{service}' for "
            "consumer 'project_number:{project}'."
        ),
    ),
    "RESOURCE_QUOTA_EXCEEDED": (Code.RESOURCE_EXHAUSTED, "There is not enough resource quota for the consumer."),
    "LOCATION_TAX_POLICY_VIOLATED": (Code.PERMISSION_DENIED, "The request violates location tax policies."),
    "USER_PROJECT_DENIED": (
        Code.PERMISSION_DENIED,
        "Caller does not have required permission to use project {project}.",
    ),
    "CONSUMER_SUSPENDED": (
        Code.PERMISSION_DENIED,
        "Permission denied: Consumer 'projects/{project}' has been suspended.",
    ),
    "CONSUMER_INVALID": (Code.PERMISSION_DENIED, "The consumer 'projects/{project}' is invalid."),
    "SECURITY_POLICY_VIOLATED": (Code.PERMISSION_DENIED, "Request is prohibited by organization's policy."),
    "ACCESS_TOKEN_EXPIRED": (Code.UNAUTHENTICATED, "The access token has expired."),
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": (
        Code.PERMISSION_DENIED,
        "Request had insufficient authentication scopes.",
    ),
    "ACCOUNT_STATE_INVALID": (Code.UNAUTHENTICATED, "The account is disabled or deleted."),
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": (Code.UNAUTHENTICATED, "Request had invalid authentication credentials."),
    "CREDENTIALS_MISSING": (Code.UNAUTHENTICATED, "Request is missing required authentication credential."),
    "RESOURCE_PROJECT_INVALID": (Code.PERMISSION_DENIED, "The project that owns the resource is invalid."),
    "USER_BLOCKED_BY_ADMIN": (Code.PERMISSION_DENIED, "The user is blocked by its admin from using {service}."),
    "RESOURCE_USAGE_RESTRICTION_VIOLATED": (
        Code.PERMISSION_DENIED,
        "The request is denied by an organization policy on resource usage restrictions.",
    ),
    "ORG_RESTRICTION_VIOLATION": (Code.PERMISSION_DENIED, "The request violates organization restrictions."),
    "GCP_SUSPENDED": (Code.PERMISSION_DENIED, "Google Cloud access is suspended for projects/{project}."),
    "LOCATION_POLICY_VIOLATED": (Code.PERMISSION_DENIED, "The request violates location policies."),
}
"""google.api.ErrorReason, as far as a call with an access token can meet it."""

OLD_NAMES: Mapping[str, tuple[Code, str, str]] = {
    "accessNotConfigured": (Code.PERMISSION_DENIED, "usageLimits", "Access Not Configured."),
    "insufficientPermissions": (Code.PERMISSION_DENIED, "global", "Insufficient Permission"),
    "rateLimitExceeded": (Code.PERMISSION_DENIED, "usageLimits", "Rate Limit Exceeded"),
    "userRateLimitExceeded": (Code.PERMISSION_DENIED, "usageLimits", "User Rate Limit Exceeded"),
    "dailyLimitExceeded": (Code.PERMISSION_DENIED, "usageLimits", "Daily Limit Exceeded"),
    "quotaExceeded": (
        Code.PERMISSION_DENIED,
        "youtube.quota",
        "The request cannot be completed because you have exceeded your quota.",
    ),
    "youtubeSignupRequired": (Code.UNAUTHENTICATED, "youtube.header", "Unauthorized"),
}
"""`reason` of the older list `errors`: its status, its domain, its words."""

STATUSES: Mapping[Code, str] = {
    Code.PERMISSION_DENIED: "The caller does not have permission",
    Code.UNAUTHENTICATED: "Request had invalid authentication credentials.",
    Code.INVALID_ARGUMENT: "Request contains an invalid argument.",
    Code.FAILED_PRECONDITION: "Precondition check failed.",
    Code.NOT_FOUND: "Requested entity was not found.",
    Code.ALREADY_EXISTS: "Requested entity already exists",
    Code.RESOURCE_EXHAUSTED: "Resource has been exhausted (e.g. check quota).",
    Code.DEADLINE_EXCEEDED: "Deadline expired before operation could complete.",
    Code.UNIMPLEMENTED: "Operation is not implemented, or supported, or enabled.",
    Code.INTERNAL: "Internal error encountered.",
    Code.UNAVAILABLE: "The service is currently unavailable.",
    Code.CANCELLED: "The operation was cancelled.",
    Code.UNKNOWN: "Unknown error.",
    Code.ABORTED: "The operation was aborted.",
    Code.OUT_OF_RANGE: "The operation was attempted past the valid range.",
    Code.DATA_LOSS: "Unrecoverable data loss or corruption.",
}
"""What the front end says of a status alone."""

NAMES = frozenset({*REASONS, *OLD_NAMES, *(code.name for code in STATUSES)})
