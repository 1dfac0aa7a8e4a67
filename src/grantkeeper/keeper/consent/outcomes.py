"""How a flow ended, as text in its row, so that a reload of the callback shows the same page again (R-59)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from ...errors import (
    AccountMismatch,
    BadCallback,
    Conflict,
    ConsentDenied,
    ConsentRequired,
    DatabaseUnavailable,
    GrantkeeperError,
    Misconfigured,
    NotFound,
    ProviderUnavailable,
    ProviderWords,
    SealBroken,
)

_PLAIN: Final[tuple[tuple[str, type[GrantkeeperError]], ...]] = (
    ("denied", ConsentDenied),
    ("refused", BadCallback),
    ("misconfigured", Misconfigured),
    ("unavailable", ProviderUnavailable),
    ("database", DatabaseUnavailable),
    ("not_found", NotFound),
    ("seal_broken", SealBroken),
    ("conflict", Conflict),
)
"""Subclasses come back as the class of the tree that they stand below."""


class Outcome(msgspec.Struct, omit_defaults=True):
    """What is written: `granted`, `again` (a second pass, for `hint`), or an error's members."""

    kind: str
    message: str = ""
    advice: str = ""
    error: str = ""
    description: str = ""
    uri: str = ""
    subtype: str = ""
    reason: str = ""
    grant_id: str = ""
    expected: list[str] = []
    actual: str = ""
    hint: str = ""
    retry_after: float | None = None


GRANTED: Final = msgspec.json.encode(Outcome(kind="granted")).decode()


def again(hint: str) -> str:
    """Return the outcome of a flow that went on with a second pass, for the person `hint`."""
    return msgspec.json.encode(Outcome(kind="again", hint=hint)).decode()


def encode(error: GrantkeeperError) -> str:
    """Return the outcome of a flow that ended in this error."""
    words = error.provider or ProviderWords(error="")
    outcome = Outcome(
        kind=next((name for name, kind in _PLAIN if isinstance(error, kind)), "refused"),
        message=error.args[0],
        advice=error.advice,
        error=words.error,
        description=words.description,
        uri=words.uri,
        subtype=words.subtype,
    )
    if isinstance(error, ProviderUnavailable) and error.retry_after is not None:
        outcome.retry_after = error.retry_after.total_seconds()
    if isinstance(error, ConsentRequired):
        outcome.kind, outcome.reason, outcome.grant_id = "consent_required", error.reason, error.grant_id or ""
    if isinstance(error, AccountMismatch):
        outcome.kind, outcome.expected, outcome.actual = "other_account", list(error.expected), error.actual
    return msgspec.json.encode(outcome).decode()


def decode(text: str) -> Outcome:
    """Return what `encode`, `again` or GRANTED wrote."""
    return msgspec.json.decode(text, type=Outcome)


def error_of(outcome: Outcome) -> GrantkeeperError:
    """Return the error that `encode` was given."""
    if outcome.kind == "other_account":
        return AccountMismatch(
            outcome.message,
            grant_id=outcome.grant_id or None,
            expected=tuple(outcome.expected),
            actual=outcome.actual,
            advice=outcome.advice,
        )
    words = None
    if outcome.error:
        words = ProviderWords(
            error=outcome.error, description=outcome.description, uri=outcome.uri, subtype=outcome.subtype
        )
    if outcome.kind == "consent_required":
        return ConsentRequired(
            outcome.message,
            reason=outcome.reason,
            grant_id=outcome.grant_id or None,
            advice=outcome.advice,
            provider=words,
        )
    if outcome.kind == "unavailable":
        wait = None if outcome.retry_after is None else timedelta(seconds=outcome.retry_after)
        return ProviderUnavailable(outcome.message, advice=outcome.advice, provider=words, retry_after=wait)
    kind = next((kind for name, kind in _PLAIN if name == outcome.kind), BadCallback)
    return kind(outcome.message, advice=outcome.advice, provider=words)
