"""Which failures of an API mean that it rejected the access token. Read by shape, so nothing of Google is imported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_ADS_TOKEN_ERRORS: Final = frozenset({9, 15, 16, 17, 18})
"""google.ads.googleads.v26.errors.AuthenticationErrorEnum: GOOGLE_ACCOUNT_DELETED, OAUTH_TOKEN_INVALID, _EXPIRED,
_DISABLED, _REVOKED. Numbers, because messages hold plain numbers with use_proto_plus=False. Other authentication
errors (NOT_ADS_USER ...) come with the same gRPC status, but another token would not help."""

_SOAP_REASON: Final = "AUTHENTICATION_FAILED"
"""AuthenticationError.Reason of the Ad Manager API (WSDL, v202608)."""


def token_rejected(error: BaseException) -> bool:
    """Return whether the API said in `error` that the access token is not good, and nobody has renewed it yet.

    Over REST google-auth itself gets another token and asks again: a 401 that reaches the caller is not for us.
    """
    if hasattr(error, "failure"):
        return any(code in _ADS_TOKEN_ERRORS for code in _ads_codes(error.failure))
    return _grpc_status(error) == "UNAUTHENTICATED" or _SOAP_REASON in _soap_reasons(error)


def _ads_codes(failure: Any) -> Iterator[int]:
    """Authentication errors of a GoogleAdsFailure (google.ads.googleads.errors.GoogleAdsException.failure)."""
    for each in failure.errors:
        yield int(each.error_code.authentication_error)


def _grpc_status(error: BaseException) -> str:
    """Name of the status of a google.api_core error that came over gRPC, or of a bare grpc.RpcError."""
    status: Any = getattr(error, "grpc_status_code", None)
    code: Any = getattr(error, "code", None)
    if status is None and callable(code):
        status = code()
    return str(getattr(status, "name", ""))


def _soap_reasons(error: BaseException) -> Iterator[str]:
    """Reasons of a googleads.errors.GoogleAdsServerFault: its errors are zeep objects, read by subscription."""
    for each in getattr(error, "errors", None) or ():
        try:
            yield str(each["reason"])
        except (KeyError, TypeError, AttributeError):
            continue
