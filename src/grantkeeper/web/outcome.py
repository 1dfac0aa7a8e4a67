"""How things end, in words for the person in front of the browser and as a problem for a program (RFC 9457).

Pure: a grant or an error in, an `Ending` out. What a provider said is cut and cleaned (`printable`) and escaped by the
template, never trusted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

from grantkeeper.errors import (
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
    SealBroken,
    printable,
)
from grantkeeper.model import Grant, GrantStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

Tone = Literal["good", "attention", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How to call the four parties on a page."""

    business: str
    provider: str
    client: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How something ended: `text` are paragraphs, `again` the label of the button that starts over ("" for none).

    `status` is what a program gets; `page_status` what the page is answered with: that a person said no is a
    successful answer to "how did it end?".
    """

    kind: str
    status: int
    tone: Tone
    title: str
    text: tuple[str, ...]
    said: str = ""
    again: str = ""
    page_status: int = 200


class Stop(Exception):
    """The request goes no further; the ending says why."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.kind)
        self.ending = ending


def ending(result: Grant | GrantkeeperError, names: Names) -> Ending:
    """Return how a flow ended."""
    if isinstance(result, Grant):
        return _connected(result, names) if result.status is GrantStatus.ACTIVE else _incomplete(result, names)
    for kind, words in _ENDINGS:
        if isinstance(result, kind):
            return words(result, names)
    return _our_fault(result, names)


def log_level(error: GrantkeeperError) -> int:
    """Return how loudly the operators are told: our faults are errors, a database that is away is a warning."""
    if isinstance(error, DatabaseUnavailable):
        return logging.WARNING
    return logging.ERROR if isinstance(error, (Misconfigured, SealBroken, Conflict)) else logging.INFO


def _connected(grant: Grant, names: Names) -> Ending:
    who = f" as {printable(grant.email, 120)}" if grant.email else ""
    return Ending(
        kind="connected",
        status=200,
        tone="good",
        title=f"{names.client} is connected",
        text=(f"{names.business} can now work with {names.client} for {names.owner}{who}.",),
    )


def unshared(connected: Ending, names: Names) -> Ending:
    """Return the end of a flow that went well, but whose person shares no account."""
    text = f"The connection is in place, but no account is shared: {names.business} can do nothing with it yet."
    return replace(connected, kind="nothing_shared", tone="attention", text=(text,))


def _incomplete(grant: Grant, names: Names) -> Ending:
    if not grant.missing:
        return _consent(ConsentRequired("", reason=grant.reason), names)
    return Ending(
        kind="scopes_missing",
        status=409,
        tone="attention",
        title="Almost: a permission is missing",
        text=(
            (
                f"{names.provider} told us that you did not allow everything {names.client} needs. "
                f"{names.business} cannot use the connection until this is allowed:"
            ),
        ),
        again="Try again",
    )


def _denied(error: GrantkeeperError, names: Names) -> Ending:
    return Ending(
        kind="denied",
        status=403,
        tone="attention",
        title="Nothing was connected",
        text=(
            (
                f"On {names.provider}’s page you chose not to give access. That is fine: {names.business} received "
                "nothing, and nothing that was connected before has changed."
            ),
            "If it was a slip, you can try again.",
        ),
        said=_provider_words(error, silent="access_denied"),
        again="Try again",
    )


def _other_account(error: GrantkeeperError, names: Names) -> Ending:
    assert isinstance(error, AccountMismatch)  # noqa: S101 - the table below says so
    before = " or ".join(printable(each, 120) for each in error.expected) or "another account"
    return Ending(
        kind="other_account",
        status=409,
        tone="attention",
        title="That was another account",
        text=(
            (
                f"{names.owner} is connected as {before}, and this time {printable(error.actual, 120)} signed in. "
                "To be safe, nothing was changed."
            ),
            (
                f"Try again and choose {before} on {names.provider}’s page. To move to the other account, disconnect "
                f"the old one at {names.business} first."
            ),
        ),
        again="Try again",
    )


def _consent(error: GrantkeeperError, names: Names) -> Ending:
    return Ending(
        kind="consent_required",
        status=409,
        tone="attention",
        title="One more time, please",
        text=(
            (
                f"{names.provider} gave no lasting access this time, so {names.client} is not connected. Going through "
                "it once more usually helps."
            ),
            *((printable(error.advice),) if error.advice else ()),
        ),
        said=_provider_words(error),
        again="Try again",
    )


def _unavailable(error: GrantkeeperError, names: Names) -> Ending:
    return Ending(
        kind="provider_unavailable",
        status=503,
        tone="bad",
        title=f"{names.provider} did not answer",
        text=(
            (
                f"We could not finish with {names.provider}: it could not be reached, or it is in trouble. Nothing was "
                "connected, and nothing you had before has changed."
            ),
            "Wait a minute, then try again.",
        ),
        said=_provider_words(error),
        again="Try again",
    )


def _bad_callback(error: GrantkeeperError, _names: Names) -> Ending:
    return Ending(
        kind="bad_callback",
        status=400,
        tone="bad",
        title="We cannot go on from here",
        text=(
            f"{printable(error.args[0])} Nothing was connected, and nothing you had before has changed.",
            printable(error.advice) or "Start again in this browser.",
            "If somebody sent you this address, just close the page.",
        ),
        said=_provider_words(error),
        again="Start again",
        page_status=400,
    )


def _database(_error: GrantkeeperError, names: Names) -> Ending:
    return Ending(
        kind="database_unavailable",
        status=503,
        tone="bad",
        title="We cannot write this down right now",
        text=(
            f"{names.business} has trouble with its own records, and you did nothing wrong.",
            "Reload this page in a moment. If you keep seeing it, start again.",
        ),
        again="Start again",
        page_status=503,
    )


def unsaved(error: GrantkeeperError, names: Names) -> Ending:
    """Return the end of a choice that could not be saved; its button leads back to the page of the choice."""
    if isinstance(error, DatabaseUnavailable):
        return replace(_database(error, names), again="Open the page")
    return Ending(
        kind="not_saved",
        status=409,
        tone="attention",
        title="Your choice was not saved",
        text=("The connection was changed at the same moment. Open the page again, and look at the ticks once more.",),
        again="Open the page",
        page_status=409,
    )


def _not_found(_error: GrantkeeperError, _names: Names) -> Ending:
    return missing().ending


def _our_fault(_error: GrantkeeperError, names: Names) -> Ending:
    return Ending(
        kind="misconfigured",
        status=500,
        tone="bad",
        title="This is on our side",
        text=(
            (
                f"The connection to {names.provider} is not set up correctly at {names.business}. "
                "Nothing was connected, and you did nothing wrong."
            ),
            f"Please tell {names.business}; trying again will not help until it is mended.",
        ),
    )


_ENDINGS: Final = (
    (ConsentDenied, _denied),
    (AccountMismatch, _other_account),
    (ConsentRequired, _consent),
    (ProviderUnavailable, _unavailable),
    (DatabaseUnavailable, _database),
    (BadCallback, _bad_callback),
    (NotFound, _not_found),
    (Misconfigured, _our_fault),
)


def _provider_words(error: GrantkeeperError, *, silent: str = "") -> str:
    """Return what the provider said, unless it is only the word that says what the page says anyway."""
    said = error.provider
    return "" if said is None or (said.error == silent and not said.description) else str(said)


def missing() -> Stop:
    """Return the stop for an address that leads nowhere."""
    return _stop("not_found", 404, "There is no such page", "The address is mistyped, or what it led to is gone.")


def not_allowed() -> Stop:
    """Return the stop for a method that the address does not have."""
    return _stop("method_not_allowed", 405, "That cannot be done here", "Nothing was changed.")


def signed_out(business: str) -> Stop:
    """Return the stop for a browser that belongs to no owner."""
    return _stop(
        "signed_out",
        401,
        f"Please sign in to {business} first",
        f"This page belongs to an account at {business}. Sign in there, in this browser, and open it again. "
        "Nothing was changed.",
    )


def refused(status: int, business: str) -> Stop:
    """Return the stop for an HTTP error status (400 to 599): the router's, or one that the host application raised."""
    if status == HTTPStatus.UNAUTHORIZED:
        return signed_out(business)
    if status == HTTPStatus.NOT_FOUND:
        return missing()
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return not_allowed()
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _stop("refused", status, "You cannot open this page", f"{business} refused it. Nothing was changed.")
    text = f"{business} cannot show this page right now. Nothing was changed. Please try again in a moment."
    return _stop("unavailable", status, "Something went wrong on our side", text)


def cross_site() -> Stop:
    """Return the stop for a form that another site sent."""
    return _stop(
        "cross_site",
        403,
        "That did not come from our page",
        "This can only be done with the button on our own page. Nothing was changed.",
        again="Open the page",
    )


def stale_form() -> Stop:
    """Return the stop for a form without the cookie or the token of this browser."""
    return _stop(
        "stale_form",
        403,
        "This page has been open too long",
        "Open it again and press the button once more. If this keeps coming back, your browser may be refusing "
        "cookies: they are needed to make sure that it is you who comes back. Nothing was changed.",
        again="Open the page",
    )


def too_large(status: int) -> Stop:
    """Return the stop for a request that is larger than anything we expect."""
    return _stop("too_large", status, "That is too much", "The request is larger than anything this page expects.")


def crashed() -> Stop:
    """Return the stop for an error that nobody foresaw."""
    return _stop(
        "internal_error", 500, "Something went wrong on our side", "It was noted. Please try again in a moment."
    )


def _stop(kind: str, status: int, title: str, text: str, again: str = "") -> Stop:
    return Stop(
        Ending(kind=kind, status=status, tone="bad", title=title, text=(text,), again=again, page_status=status)
    )


def problem(ending: Ending) -> Mapping[str, object]:
    """Return the RFC 9457 object: `type` is our name for it, the provider's own words stand beside it."""
    body: dict[str, object] = {
        "type": f"urn:grantkeeper:problem:{ending.kind}",
        "title": _phrase(ending),
        "status": ending.status,
        "detail": " ".join((f"{ending.title}.", *ending.text)),
    }
    return body | ({"provider": ending.said} if ending.said else {})


def _phrase(ending: Ending) -> str:
    """Return the status's own words; a host application may raise a status that has none."""
    return HTTPStatus(ending.status).phrase if ending.status in set(HTTPStatus) else ending.title


def wants_problem(accept: str) -> bool:
    """Tell whether an Accept header prefers JSON to HTML (RFC 9110 12.5.1); a browser and `*/*` get the page."""
    weights = {"html": 0.0, "json": 0.0}
    for item in accept.lower().split(","):
        name, _, rest = item.strip().partition(";")
        kind = "json" if name.strip() in ("application/json", "application/problem+json") else "html"
        if kind == "json" or name.strip() in ("text/html", "text/*", "*/*", ""):
            weights[kind] = max(weights[kind], _weight(rest))
    return weights["json"] > weights["html"]


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
