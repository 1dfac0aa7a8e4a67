"""Which codes are treated in another way than the table's; docs/errors.md says so."""

from __future__ import annotations

TOKEN = frozenset(
    {
        "AuthenticationError.AUTHENTICATION_ERROR",
        "AuthenticationError.GOOGLE_ACCOUNT_DELETED",
        "AuthenticationError.OAUTH_TOKEN_DISABLED",
        "AuthenticationError.OAUTH_TOKEN_EXPIRED",
        "AuthenticationError.OAUTH_TOKEN_INVALID",
        "AuthenticationError.OAUTH_TOKEN_REVOKED",
        "AuthenticationError.AUTHENTICATION_FAILED",
        "AuthenticationError.INVALID_OAUTH_SIGNATURE",
        "ACCESS_TOKEN_EXPIRED",
        "ACCESS_TOKEN_TYPE_UNSUPPORTED",
        "ACCOUNT_STATE_INVALID",
        "UNAUTHENTICATED",
    }
)
"""Another token is asked for; that there is one says that the grant is alive."""

OF_THE_REQUEST = frozenset(
    {
        "ABORTED",
        "ALREADY_EXISTS",
        "CANCELLED",
        "FAILED_PRECONDITION",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
    }
)
"""Passes as the library raises it."""
