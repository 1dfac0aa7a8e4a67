"""What a page says when it is about how something ended, and the refusals that every page shares.

For a program the same is a problem (RFC 9457), in English.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

from grantkeeper.errors import Conflict, DatabaseUnavailable, GrantkeeperError, Misconfigured, SealBroken
from grantkeeper.web.languages import Said, Text, text

if TYPE_CHECKING:
    from collections.abc import Mapping

Tone = Literal["good", "attention", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How something ended: `text` are paragraphs, `again` the label of the button that starts over ("" for none).

    `status` is what a program gets; `page_status` what the page is answered with: that a person said no is a
    successful answer to "how did it end?". What is a `Text` is shown in the person's language.
    """

    kind: str
    status: int
    tone: Tone
    title: Text | Said | str
    text: tuple[Text | Said | str, ...]
    said: str = ""
    again: Text | str = ""
    page_status: int = 200


class Stop(Exception):
    """The request goes no further; the ending says why."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.kind)
        self.ending = ending


OPEN_THE_PAGE: Final = text("Open the page")


def log_level(error: GrantkeeperError) -> int:
    """Return how loudly the operators are told: our faults are errors, a database that is away is a warning."""
    if isinstance(error, DatabaseUnavailable):
        return logging.WARNING
    return logging.ERROR if isinstance(error, (Misconfigured, SealBroken, Conflict)) else logging.INFO


def missing() -> Stop:
    """Return the stop for an address that leads nowhere."""
    title, said = text("There is no such page"), text("The address is mistyped, or what it led to is gone.")
    return _stop("not_found", 404, title, said)


def not_allowed() -> Stop:
    """Return the stop for a method that the address does not have."""
    return _stop("method_not_allowed", 405, text("That cannot be done here"), text("Nothing was changed."))


def signed_out(business: str) -> Stop:
    """Return the stop for a browser that belongs to no owner."""
    said = text(
        "This page belongs to an account at {business}. Sign in there, in this browser, and open it again. "
        "Nothing was changed.",
        business=business,
    )
    return _stop("signed_out", 401, text("Please sign in to {business} first", business=business), said)


def refused(status: int, business: str) -> Stop:
    """Return the stop for an HTTP error status (400 to 599): the router's, or one that the host application raised."""
    if status == HTTPStatus.UNAUTHORIZED:
        return signed_out(business)
    if status == HTTPStatus.NOT_FOUND:
        return missing()
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return not_allowed()
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        said = text("{business} refused it. Nothing was changed.", business=business)
        return _stop("refused", status, text("You cannot open this page"), said)
    said = text(
        "{business} cannot show this page right now. Nothing was changed. Please try again in a moment.",
        business=business,
    )
    return _stop("unavailable", status, WENT_WRONG, said)


WENT_WRONG: Final = text("Something went wrong on our side")


def cross_site() -> Stop:
    """Return the stop for a form that another site sent."""
    said = text("This can only be done with the button on our own page. Nothing was changed.")
    return _stop("cross_site", 403, text("That did not come from our page"), said, again=OPEN_THE_PAGE)


def stale_form() -> Stop:
    """Return the stop for a form without the cookie or the token of this browser."""
    said = text(
        "Open it again and press the button once more. If this keeps coming back, your browser may be refusing "
        "cookies: they are needed to make sure that it is you who comes back. Nothing was changed."
    )
    return _stop("stale_form", 403, text("This page has been open too long"), said, again=OPEN_THE_PAGE)


def too_large(status: int) -> Stop:
    """Return the stop for a request that is larger than anything we expect."""
    said = text("The request is larger than anything this page expects.")
    return _stop("too_large", status, text("That is too much"), said)


def crashed() -> Stop:
    """Return the stop for an error that nobody foresaw."""
    return _stop("internal_error", 500, WENT_WRONG, text("It was noted. Please try again in a moment."))


def _stop(kind: str, status: int, title: Text, said: Text, again: Text | str = "") -> Stop:
    return Stop(
        Ending(kind=kind, status=status, tone="bad", title=title, text=(said,), again=again, page_status=status)
    )


def problem(ending: Ending) -> Mapping[str, object]:
    """Return the RFC 9457 object: `type` is our name for it, the provider's own words stand beside it."""
    body: dict[str, object] = {
        "type": f"urn:grantkeeper:problem:{ending.kind}",
        "title": _phrase(ending),
        "status": ending.status,
        "detail": " ".join((f"{ending.title}.", *map(str, ending.text))),
    }
    return body | ({"provider": ending.said} if ending.said else {})


def _phrase(ending: Ending) -> str:
    """Return the status's own words; a host application may raise a status that has none."""
    return HTTPStatus(ending.status).phrase if ending.status in set(HTTPStatus) else str(ending.title)


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
