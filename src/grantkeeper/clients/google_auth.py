"""A grant as google-auth credentials, for every library of Google's that takes some; and its errors made ours.

credentials = google_auth.credentials(keeper, grant.id)
with google_auth.grant_errors(credentials):
    google.auth.transport.requests.AuthorizedSession(credentials).get(url)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from grantkeeper.errors import GrantkeeperError, InvalidInput
from grantkeeper.model import TokenSource

from .extras import extra
from .rejections import token_rejected

if TYPE_CHECKING:
    from .grant_credentials import GrantCredentials

__all__ = ["GrantCredentials", "credentials", "grant_errors", "raise_grant_error"]


def credentials(source: TokenSource, grant_id: str, *, quota_project_id: str | None = None) -> GrantCredentials:
    """Return google-auth credentials that act for the grant. No I/O: the first use asks for a token.

    Args:
        source: a Keeper or a Remote.
        grant_id: the grant.
        quota_project_id: sent as `x-goog-user-project`, for the APIs that bill another project than the OAuth client's.

    Raises:
        Misconfigured: google-auth is not installed.
    """
    return _class()(source, grant_id, quota_project_id=quota_project_id)


@contextmanager
def grant_errors(target: object) -> Iterator[None]:
    """Turn a failure of an API call into our typed error where the grant is why it failed.

    gRPC hides a dead grant behind `503 Getting metadata from plugin failed`, REST behind a RefreshError; and an API
    that gets a revoked token over gRPC or SOAP says only that it is not authenticated. Everything else, and an
    unrelated 503 in particular, passes unchanged. The original is the `__cause__`.

    Args:
        target: credentials or a client made by `grantkeeper.clients`, or an AuthorizedSession over such credentials.

    Raises:
        ConsentRequired, ProviderUnavailable, Misconfigured ...: whatever the source raised.
        InvalidInput: `target` does not work with a grant's credentials.
    """
    found = _credentials_of(target)
    # Without a valid token the first call asks for one: then that one is what an API rejects, not an older one.
    since = found.round + (0 if found.valid else 1)
    try:
        yield
    except Exception as error:
        _raise_typed(found, error, since)
        raise


def raise_grant_error(target: object, error: Exception) -> None:
    """Raise our typed error if the grant is why `error` came, else return. For `except` blocks; see `grant_errors`."""
    found = _credentials_of(target)
    _raise_typed(found, error, found.round)


def _raise_typed(found: GrantCredentials, error: Exception, since: int) -> None:
    from .grant_credentials import again

    if isinstance(error, GrantkeeperError):
        return
    typed = found.error_behind(error)
    if typed is None and token_rejected(error):
        typed = found.error_after_rejection(since)
    if typed is not None:
        raise again(typed) from error


_ROADS = (
    ("credentials",),  # GoogleAdsClient, AuthorizedSession, our OAuth2 client for googleads
    ("oauth2_client", "credentials"),  # AdManagerClient
    ("transport", "_credentials"),  # google-ads-admanager: the base class of all generated transports
)


def _credentials_of(target: object) -> GrantCredentials:
    ours = _class()
    for road in ((), *_ROADS):
        found: Any = target
        for name in road:
            found = getattr(found, name, None)
        if isinstance(found, ours):
            return found
    raise InvalidInput(
        f"{type(target).__name__} does not work with the credentials of a grant.",
        advice="Pass credentials, or a client, made by grantkeeper.clients (for a service of google-ads: its client).",
    )


def _class() -> type[GrantCredentials]:
    with extra("google-ads", "google-auth"):
        from .grant_credentials import GrantCredentials

    return GrantCredentials


def __getattr__(name: str) -> type[GrantCredentials]:
    if name == "GrantCredentials":
        return _class()
    raise AttributeError(name)
