"""Errors as RFC 9457 problems: `error` is the name of ours, its members are the error's own attributes."""

from __future__ import annotations

import re
from http import HTTPStatus
from math import ceil
from typing import Any, Final

import msgspec

from grantkeeper import errors
from grantkeeper.errors import GrantkeeperError, printable, without_secrets

CONTENT_TYPE: Final = b"application/problem+json"
_LONGEST: Final = 1000
_INSTEAD: Final[tuple[tuple[type[GrantkeeperError], str], ...]] = (
    (errors.DatabaseUnavailable, "The service's database cannot be used at the moment."),
    (errors.SealBroken, "Something that the service keeps cannot be opened. Its log says what."),
)
"""Said in place of messages that are for whoever runs the service: they, and the advice that comes with them, name its
files, hosts and database."""
_STATUSES: Final[tuple[tuple[type[GrantkeeperError], int], ...]] = (
    (errors.ConsentRequired, 409),
    (errors.ConsentDenied, 403),
    (errors.AccessRefused, 403),
    (errors.KeyRefused, 401),
    (errors.NotAllowed, 403),
    (errors.TooManyRequests, 429),
    (errors.InvalidInput, 422),
    (errors.Misconfigured, 500),
    (errors.ProviderUnavailable, 503),
    (errors.DatabaseUnavailable, 503),
    (errors.ServiceUnavailable, 503),
    (errors.BadCallback, 409),
    (errors.NotFound, 404),
    (errors.SealBroken, 500),
    (errors.Conflict, 409),
)
"""By who must act: 4xx is for the program that asks, or for who it asks for; 500 for who runs the service; 503 is to be
tried again. Subclasses come before their bases."""


class Words(msgspec.Struct, omit_defaults=True):
    """The provider's own words (RFC 6749 5.2), cleaned and cut."""

    error: str = ""
    error_description: str = ""
    error_uri: str = ""
    subtype: str = ""
    request_id: str = ""


class Problem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What went wrong (RFC 9457 3). `error` is the name of the error that a Keeper raises, `advice` what to do."""

    type: str
    title: str
    status: int
    detail: str = ""
    error: str = ""
    advice: str = ""
    provider: Words | None = None
    grant_id: str | None = None
    reason: str | None = None
    retry_after: float | None = None
    """Seconds."""
    sent: bool | None = None
    who: str | None = None
    code: str | None = None
    account_id: str | None = None
    expected: tuple[str, ...] | None = None
    actual: str | None = None


class Refused(Exception):
    """A request that is refused before any verb of the keeper is asked."""

    def __init__(self, status: int, name: str, detail: str, *, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(name)
        self.problem = Problem(type=_type(name), title=HTTPStatus(status).phrase, status=status, detail=detail)
        self.headers = headers


def problem_of(error: GrantkeeperError, *, status: int | None = None) -> Problem:
    """Return the problem that an error is."""
    status = status or next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    name, instead = type(error).__name__, _instead(error)
    found = Problem(
        type=_type(name),
        title=HTTPStatus(status).phrase,
        status=status,
        detail=printable(without_secrets(instead or str(error.args[0])), _LONGEST),
        error=name,
        advice="" if instead else printable(error.advice, _LONGEST),
        provider=_words(error),
    )
    for attribute in ("grant_id", "reason", "sent", "who", "code", "account_id", "expected", "actual"):
        value: Any = getattr(error, attribute, None)
        if value is not None:
            setattr(found, attribute, str(value) if attribute == "reason" else value)
    wait = getattr(error, "retry_after", None)
    found.retry_after = None if wait is None else wait.total_seconds()
    return found


def headers_of(problem: Problem) -> list[tuple[bytes, bytes]]:
    """Return the headers that go with a problem."""
    found = [(b"content-type", CONTENT_TYPE)]
    if problem.retry_after is not None:
        found.append((b"retry-after", str(max(1, ceil(problem.retry_after))).encode()))
    elif problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        found.append((b"retry-after", b"1"))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        found.append((b"www-authenticate", b"Bearer"))  # RFC 6750 3
    return found


def _instead(error: GrantkeeperError) -> str:
    """Return what is said in place of the message and the advice that come with it, if anything is.

    What is wrong with the service's own set-up is for callers only when the provider says it.
    """
    if type(error) is errors.Misconfigured and error.provider is None:
        return "The service is not set up for this. Its log says what is missing."
    return next((instead for kind, instead in _INSTEAD if isinstance(error, kind)), "")


def _words(error: GrantkeeperError) -> Words | None:
    said = error.provider
    if said is None:
        return None
    return Words(
        error=said.error,
        error_description=said.description,
        error_uri=said.uri,
        subtype=said.subtype,
        request_id=said.request_id,
    )


def _type(name: str) -> str:
    return "urn:grantkeeper:problem:" + re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
