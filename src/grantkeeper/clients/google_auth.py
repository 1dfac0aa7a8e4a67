"""A grant as google-auth credentials, for every library of Google's that takes some; and API errors as ours.

credentials = google_auth.credentials(keeper, grant.id)
with google_auth.api_errors(credentials):
    google.auth.transport.requests.AuthorizedSession(credentials).get(url)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from grantkeeper.errors import GrantkeeperError, InvalidInput
from grantkeeper.model import TokenSource

from .extras import extra
from .refusals import judged

if TYPE_CHECKING:
    from .grant_credentials import GrantCredentials

__all__ = ["GrantCredentials", "api_errors", "credentials", "raise_api_error"]


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
def api_errors(target: object, *, account_id: str = "") -> Iterator[None]:
    """Turn a failure of an API call into our typed error that names who must act, and the fix.

    gRPC hides a dead grant behind `503 Getting metadata from plugin failed`, REST behind a RefreshError; they become
    what the source raised. What an API refuses becomes what the table of docs/errors.md says of its code, with the
    request id in `.provider`; when it does not accept the token, the source is told and asked for another, and so finds
    out when the grant is over; of a token that is seconds old it is too early to tell, and the error says so. Failures
    about the request itself (a wrong query), all that no API said, and answers to requests with other tokens than these
    credentials', pass unchanged. The original is the `__cause__`.

    Args:
        target: credentials or a client made by `grantkeeper.clients`, or an AuthorizedSession over such credentials.
        account_id: the account that is called, for the error; by default the one that `target` was made for, if any.

    Raises:
        ConsentRequired: the grant is over, or does not cover the API.
        AccessRefused: the account or the person may not.
        Misconfigured: the Cloud project or the program.
        ProviderUnavailable: a limit, trouble at the API, or a token that was refused: call again, after `retry_after`.
        GrantkeeperError: whatever else the source raised.
        InvalidInput: `target` does not work with a grant's credentials.
    """
    found = _credentials_of(target)
    # Without a valid token the first call asks for one: then that one is what an API rejects, not an older one.
    since = found.round + (0 if found.valid else 1)
    try:
        yield
    except Exception as error:
        _raise_typed(found, error, since, account_id or _account_of(target))
        raise


def raise_api_error(target: object, error: Exception, *, account_id: str = "") -> None:
    """Raise the error of ours that `error` is, or return when it is none. For `except` blocks; see `api_errors`."""
    found = _credentials_of(target)
    _raise_typed(found, error, found.round, account_id or _account_of(target))


def _raise_typed(found: GrantCredentials, error: Exception, since: int, account_id: str) -> None:
    from .grant_credentials import again

    if isinstance(error, GrantkeeperError):
        return
    typed = found.error_behind(error)
    if typed is not None:
        raise again(typed) from error
    verdict = judged(error, sent=found.has_sent, grant_id=found.grant_id, account_id=account_id)
    if verdict is None:
        return
    over = found.error_after_rejection(since) if verdict.ask_again else None
    if over is None and verdict.same_again is not None and found.same_came_back:
        raise verdict.same_again from error
    raise (again(over) if over else verdict.error) from error


def _account_of(target: Any) -> str:
    """Return the account that a client was made for: GrantAdsClient has a customer id, AdManagerClient a network."""
    return str(getattr(target, "customer_id", None) or getattr(target, "network_code", None) or "")


_ROADS = (
    ("credentials",),  # GoogleAdsClient, AuthorizedSession, our OAuth2 client for googleads
    ("oauth2_client", "credentials"),  # AdManagerClient
    ("_http", "credentials"),  # a service of googleapiclient
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
