"""A code of an API as an error of ours."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ...errors import (
    AccessRefused,
    ConsentRequired,
    GrantkeeperError,
    Misconfigured,
    ProviderUnavailable,
    ProviderWords,
)
from .meaning import Meaning, project
from .table import meaning, title

UNKNOWN: Final = project(
    "It refuses for a reason that this version of grantkeeper does not know.",
    "Look the code up in the API's own reference, and update grantkeeper.",
)
"""A code that is not in the table says nothing about the grant: nothing may be ended or blamed for it."""


def refused(
    api: str,
    code: str,
    *,
    said: str = "",
    request_id: str = "",
    grant_id: str | None = None,
    account_id: str = "",
    retry_after: timedelta | None = None,
) -> GrantkeeperError:
    """Return the error of ours that a code of an API is.

    A code of `grant` is ConsentRequired, of `person` or `account` AccessRefused, of `wait` ProviderUnavailable, of
    `project` Misconfigured, and so is a code that the table does not have.

    Args:
        api: `google_ads`, `ad_manager`, or any other API of Google's by its kind or name.
        code: as the table spells it.
        said: what the API said in words.
        request_id: the API's name of the request.
        grant_id: in whose name was asked, if known.
        account_id: the account that was asked for, if any.
        retry_after: how long the API asks to wait.
    """
    found = meaning(api, code) or UNKNOWN
    words = ProviderWords(error=code, description=said, request_id=request_id)
    return as_error(api, found, words, grant_id=grant_id, account_id=account_id, retry_after=retry_after)


def as_error(
    api: str,
    found: Meaning,
    words: ProviderWords,
    *,
    grant_id: str | None,
    account_id: str,
    retry_after: timedelta | None,
) -> GrantkeeperError:
    """Return the error of ours that a meaning is, with the API's own words beside it."""
    message = f"{title(api)} refused: {found.text}"
    if found.who == "grant":
        return ConsentRequired(message, reason=found.reason, grant_id=grant_id, advice=found.advice, provider=words)
    if found.who == "wait":
        return ProviderUnavailable(message, advice=found.advice, provider=words, retry_after=retry_after)
    if found.who == "project":
        return Misconfigured(message, advice=found.advice, provider=words)
    return AccessRefused(
        message,
        who=found.who,
        code=words.error,
        grant_id=grant_id,
        account_id=account_id,
        advice=found.advice,
        provider=words,
    )
