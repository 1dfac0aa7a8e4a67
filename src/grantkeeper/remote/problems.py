"""What the service says went wrong (RFC 9457), as the error that a Keeper would have raised."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final, Literal, TypeAlias

import msgspec

from .. import errors
from ..errors import GrantkeeperError, ProviderWords, printable, without_secrets
from ..model import Response

CONTENT_TYPE: Final = "application/problem+json"

_SENTENCE: Final = 1000
"""The longest message of ours names a few grants and stays below."""
_NAME: Final = 500
"""The longest id of an account is as long."""
_A_MOMENT: Final = timedelta(seconds=1)
_LONGEST_WAIT: Final = timedelta(days=1)


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """The provider's own words, as the service passes them on."""

    error: str = ""
    error_description: str = ""
    error_uri: str = ""
    subtype: str = ""
    request_id: str = ""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document; members that another version added are passed over (RFC 9457 3.2)."""

    error: str = ""
    title: str = ""
    detail: str = ""
    advice: str = ""
    provider: Words | None = None
    grant_id: str | None = None
    reason: str = ""
    retry_after: float | None = None
    sent: bool = True
    who: Literal["person", "account"] = "account"
    code: str = ""
    account_id: str = ""
    expected: tuple[str, ...] = ()
    actual: str = ""

    @property
    def message(self) -> str:
        """What happened, clean: it goes into logs."""
        return _clean(self.detail or self.title, _SENTENCE) or "The service refused without saying why."

    @property
    def what_to_do(self) -> str:
        """The advice, clean."""
        return _clean(self.advice, _SENTENCE)

    @property
    def words(self) -> ProviderWords | None:
        """What the provider said; it cleans itself."""
        said = self.provider
        if said is None:
            return None
        return ProviderWords(
            error=said.error,
            description=said.error_description,
            uri=said.error_uri,
            subtype=said.subtype,
            request_id=said.request_id,
        )

    @property
    def wait(self) -> timedelta | None:
        """How long to wait."""
        return None if self.retry_after is None else duration(self.retry_after)

    @property
    def grant(self) -> str | None:
        """The grant in question."""
        return None if self.grant_id is None else _clean(self.grant_id, _NAME)


def problem(response: Response) -> Problem | None:
    """Return the problem document that the service answered with, or None when this is not one."""
    if response.headers.get("content-type", "").partition(";")[0].strip().casefold() != CONTENT_TYPE:
        return None
    try:
        return msgspec.json.decode(response.body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def duration(seconds: float) -> timedelta | None:
    """Return so many seconds, at most a day; None for what is no time."""
    if not 0 <= seconds < float("inf"):  # NaN is neither
        return None
    return timedelta(seconds=min(seconds, _LONGEST_WAIT.total_seconds()))


def raised(said: Problem) -> GrantkeeperError | None:
    """Return the error of the class that the service names, with its attributes; None for one that is not known here.

    The text is cleaned as a stranger's is: what stands before the service may have written it.
    """
    make = MAKERS.get(said.error)
    return None if make is None else make(said)


def _clean(text: str, limit: int) -> str:
    return printable(without_secrets(text), limit)


Plain: TypeAlias = Callable[..., GrantkeeperError]


def _plain(kind: Plain) -> Callable[[Problem], GrantkeeperError]:
    return lambda said: kind(said.message, advice=said.what_to_do, provider=said.words)


def _provider_unavailable(said: Problem) -> GrantkeeperError:
    return errors.ProviderUnavailable(
        said.message, advice=said.what_to_do, provider=said.words, retry_after=said.wait, sent=said.sent
    )


def _service_unavailable(said: Problem) -> GrantkeeperError:
    return errors.ServiceUnavailable(said.message, advice=said.what_to_do, retry_after=said.wait, sent=said.sent)


def _too_many(said: Problem) -> GrantkeeperError:
    return errors.TooManyRequests(said.message, advice=said.what_to_do, retry_after=said.wait or _A_MOMENT)


def _consent_required(said: Problem) -> GrantkeeperError:
    return errors.ConsentRequired(
        said.message,
        reason=_clean(said.reason, _NAME),
        grant_id=said.grant,
        advice=said.what_to_do,
        provider=said.words,
    )


def _account_mismatch(said: Problem) -> GrantkeeperError:
    return errors.AccountMismatch(
        said.message,
        grant_id=said.grant,
        expected=tuple(_clean(each, _NAME) for each in said.expected),
        actual=_clean(said.actual, _NAME),
        advice=said.what_to_do,
    )


def _access_refused(said: Problem) -> GrantkeeperError:
    return errors.AccessRefused(
        said.message,
        who=said.who,
        code=_clean(said.code, _NAME),
        grant_id=said.grant,
        account_id=_clean(said.account_id, _NAME),
        advice=said.what_to_do,
        provider=said.words,
    )


MAKERS: Final[dict[str, Callable[[Problem], GrantkeeperError]]] = {
    "ProviderUnavailable": _provider_unavailable,
    "ServiceUnavailable": _service_unavailable,
    "TooManyRequests": _too_many,
    "ConsentRequired": _consent_required,
    "AccountMismatch": _account_mismatch,
    "AccessRefused": _access_refused,
    **{
        kind.__name__: _plain(kind)
        for kind in (
            errors.BadCallback,
            errors.Conflict,
            errors.ConsentDenied,
            errors.DatabaseUnavailable,
            errors.InvalidInput,
            errors.KeyRefused,
            errors.Misconfigured,
            errors.NotAllowed,
            errors.NotFound,
            errors.SealBroken,
        )
    },
}
"""How each error is made again; a test makes every one of `grantkeeper.errors`."""
