"""How a flow ended, as text in its row, so that a reload of the callback shows the same page again (R-59)."""

from __future__ import annotations

from typing import Final

import msgspec

from ..errors import (
    AccountMismatch,
    BadCallback,
    ConsentDenied,
    ConsentRequired,
    GrantkeeperError,
    Misconfigured,
    ProviderUnavailable,
    ProviderWords,
)

_PLAIN: Final[dict[str, type[GrantkeeperError]]] = {
    "denied": ConsentDenied,
    "refused": BadCallback,
    "misconfigured": Misconfigured,
    "unavailable": ProviderUnavailable,
}


class _Outcome(msgspec.Struct, omit_defaults=True):
    """The error's members; an empty kind means that the flow ended in a grant."""

    kind: str = ""
    message: str = ""
    advice: str = ""
    error: str = ""
    description: str = ""
    uri: str = ""
    reason: str = ""
    grant_id: str = ""
    expected: list[str] = []
    actual: str = ""


GRANTED: Final = msgspec.json.encode(_Outcome(kind="granted")).decode()


def encode(error: GrantkeeperError) -> str:
    """Return the outcome of a flow that ended in this error."""
    words = error.provider or ProviderWords(error="")
    outcome = _Outcome(
        kind=next((name for name, kind in _PLAIN.items() if type(error) is kind), "unavailable"),
        message=error.args[0],
        advice=error.advice,
        error=words.error,
        description=words.description,
        uri=words.uri,
    )
    if isinstance(error, ConsentRequired):
        outcome.kind, outcome.reason, outcome.grant_id = "consent_required", error.reason, error.grant_id or ""
    if isinstance(error, AccountMismatch):
        outcome.kind, outcome.expected, outcome.actual = "other_account", list(error.expected), error.actual
    return msgspec.json.encode(outcome).decode()


def decode(text: str) -> GrantkeeperError | None:
    """Return the error that `encode` was given, None when the flow ended in a grant."""
    outcome = msgspec.json.decode(text, type=_Outcome)
    if outcome.kind == "granted":
        return None
    if outcome.kind == "other_account":
        return AccountMismatch(
            outcome.message,
            grant_id=outcome.grant_id or None,
            expected=tuple(outcome.expected),
            actual=outcome.actual,
            advice=outcome.advice,
        )
    words = (
        ProviderWords(error=outcome.error, description=outcome.description, uri=outcome.uri) if outcome.error else None
    )
    if outcome.kind == "consent_required":
        return ConsentRequired(
            outcome.message,
            reason=outcome.reason,
            grant_id=outcome.grant_id or None,
            advice=outcome.advice,
            provider=words,
        )
    return _PLAIN[outcome.kind](outcome.message, advice=outcome.advice, provider=words)
