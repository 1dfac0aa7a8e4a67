"""What a refusal means: the one of its codes whose fix comes first, and whether another token may be that fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from grantkeeper.accounts.refusals import Who, meaning, refused, title
from grantkeeper.errors import GrantkeeperError, ProviderUnavailable, ProviderWords

from .reading import Refusal, read

SECONDS_OLD: Final = timedelta(seconds=30)
"""How long after a refresh a keeper has no other token to give (its MIN_INTERVAL)."""

_ORDER: Final[tuple[Who, ...]] = ("grant", "project", "person", "account", "wait")
"""Without a grant nothing else matters, without an approved project no account does."""

_TOKEN: Final = frozenset(
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
"""Codes after which another token may be accepted; asking for one is what tells a grant that is over from a token that
is. Others of the same status (NOT_ADS_USER ...) say nothing against the token."""

_OF_THE_REQUEST: Final = frozenset(
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
"""Codes of google.rpc.Code about what was asked for; programs handle them by the library's own classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a failure is as an error of ours.

    `ask_again` is True when the token is to be reported as rejected first, and another asked for: whether there is one
    says more than the API does. `error` is then for the case that there is, and `same_again`, which is there for all
    refusals of a token, for the case that it is the refused one.
    """

    error: GrantkeeperError
    same_again: GrantkeeperError | None = None
    ask_again: bool = False


def judged(error: BaseException, *, sent: Callable[[str], bool], grant_id: str, account_id: str = "") -> Judged | None:
    """Return what the failure of an API call is as an error of ours; None when it is nothing for us.

    `sent` tells whether an access token is one that was sent in the name of this grant.
    """
    refusal = read(error, sent=sent)
    code = _first(refusal) if refusal else None
    if refusal is None or code is None:
        return None
    if code in _TOKEN:
        return Judged(
            error=_replaced(refusal, code),
            same_again=_same_again(refusal, code),
            ask_again=not refusal.tried_again,
        )
    return Judged(
        error=refused(
            refusal.api,
            code,
            said=refusal.said,
            request_id=refusal.request_id,
            grant_id=grant_id,
            account_id=account_id,
            retry_after=refusal.retry_after,
        )
    )


def _first(refusal: Refusal) -> str | None:
    """Return the code that counts; None when none is known, or it is about the request itself."""
    ranked = [(_ORDER.index(found.who), code) for code in refusal.errors if (found := meaning(refusal.api, code))]
    if ranked:
        return min(ranked, key=lambda each: each[0])[1]
    known = next((code for code in refusal.otherwise if meaning(refusal.api, code)), None)
    return None if known in _OF_THE_REQUEST else known


def _replaced(refusal: Refusal, code: str) -> ProviderUnavailable:
    return ProviderUnavailable(
        f"{title(refusal.api)} did not accept the access token, but the grant is alive: another token was asked for.",
        advice="Call again. If it stays, let the owner connect again.",
        provider=_words(refusal, code),
        retry_after=refusal.retry_after,
    )


def _same_again(refusal: Refusal, code: str) -> ProviderUnavailable:
    return ProviderUnavailable(
        f"{title(refusal.api)} refused a token that is seconds old; whether the grant is over is not known yet.",
        advice="Call again in half a minute: then another token is asked for, or the grant is found to be over.",
        provider=_words(refusal, code),
        retry_after=max(refusal.retry_after or SECONDS_OLD, SECONDS_OLD),
    )


def _words(refusal: Refusal, code: str) -> ProviderWords:
    return ProviderWords(error=code, description=refusal.said, request_id=refusal.request_id)
