"""One call of the service: sent, sent once more when nothing of grantkeeper's came back, and read as ours or refused.

Every request may be repeated: a GET and a DELETE change nothing the second time, a POST carries an idempotency key by
which the service answers what it answered before (draft-ietf-httpapi-idempotency-key-header-07).
"""

from __future__ import annotations

import random
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, Literal, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from ..errors import (
    GrantkeeperError,
    InvalidInput,
    KeyRefused,
    Misconfigured,
    NotAllowed,
    NotFound,
    ProviderUnavailable,
    ServiceUnavailable,
    printable,
)
from ..model import Request, Response, Secret, Transport
from ..providers.urls import is_target
from .environment import KEY, URL
from .problems import duration, problem, raised

T = TypeVar("T")
Method = Literal["GET", "POST", "DELETE"]

REPEAT_AFTER: Final = timedelta(milliseconds=200)
"""Before the one repetition: a replica that was restarted is out of the load balancer's sight, or back."""

_SMALL: Final = 1024 * 1024
LARGE: Final = 16 * 1024 * 1024
"""Lists: ten thousand accounts of one grant are about 4 MB."""

_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that a proxy or a load balancer gives while nobody is behind it (RFC 9110 15.5 and 15.6, RFC 8470 5.2)."""

_GRANT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_CHECK_URL: Final = f"Check that the address ({URL}) is that of `grantkeeper serve`."


class Calling:
    """Sends requests to one service in the name of one API key. Thread-safe."""

    def __init__(self, url: str, key: Secret, transport: Transport, *, timeout: timedelta) -> None:
        self.url = url
        self.timeout = timeout
        self._place = urlsplit(url).netloc
        self._key = key
        self._transport = transport
        self._closing = threading.Event()

    def close(self) -> None:
        """Repeat nothing any more, and close the connections."""
        self._closing.set()
        self._transport.close()

    def start_afresh(self) -> None:
        """In a forked child: nobody holds the lock here."""
        self._closing = threading.Event()

    def ask(
        self,
        method: Method,
        path: str,
        read: Callable[[Response], T],
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Callable[[], bytes] | None = None,
        largest: int = _SMALL,
        patience: timedelta | None = None,
    ) -> T:
        """Return the answer as `read` reads it; raises what the service says, or ServiceUnavailable.

        `body` is called for each sending, so that no frame holds what it returns; `patience` is the time for all of it.
        """
        ends = time.monotonic() + (patience or self.timeout).total_seconds()
        target, again = self._target(path, query or {}), secrets.token_urlsafe(24) if method == "POST" else ""
        answer = self._sent(method, target, again, body, largest, ends)
        if isinstance(answer, ServiceUnavailable) and self._may_repeat(ends):
            answer = self._sent(method, target, again, body, largest, ends)
        if isinstance(answer, GrantkeeperError):
            raise answer
        try:
            return read(answer)
        except (ValueError, OverflowError, RecursionError):
            pass  # the reader's error quotes the answer: what is raised has no link to it
        raise ServiceUnavailable(f"The service at {self._place} answered what cannot be read.", advice=_CHECK_URL)

    def _sent(
        self, method: Method, target: str, again: str, body: Callable[[], bytes] | None, largest: int, ends: float
    ) -> Response | GrantkeeperError:
        """Send once; returns a good answer, or what is to be raised."""
        try:
            request = Request(
                method=method,
                url=target,
                headers=self._headers(again, has_body=body is not None),
                body=b"" if body is None else body(),
                largest=largest,
            )
            answer = self._transport.send(request, deadline=timedelta(seconds=max(ends - time.monotonic(), 0.001)))
        except ProviderUnavailable as error:
            return ServiceUnavailable(f"The service at {error.args[0]}", advice="Ask again.", sent=error.sent)
        return answer if 200 <= answer.status < 300 else self._refused(answer)

    def _headers(self, again: str, *, has_body: bool) -> dict[str, str]:
        return {
            "authorization": f"Bearer {self._key.reveal()}",
            "accept": "application/json, application/problem+json",
            **({"content-type": "application/json"} if has_body else {}),
            **({"idempotency-key": again} if again else {}),
        }

    def _target(self, path: str, query: Mapping[str, str | int | None]) -> str:
        given = {name: value for name, value in query.items() if value is not None}
        try:
            target = f"{self.url}/v1/{path}" + (f"?{urlencode(given, quote_via=quote)}" if given else "")
        except UnicodeEncodeError:
            target = ""
        if not is_target(target):
            raise InvalidInput(f"One of {', '.join(given)} is too long, or has characters that are none.")
        return target

    def _may_repeat(self, ends: float) -> bool:
        """Wait a moment, each caller another; False when there is no time left for another try."""
        pause = REPEAT_AFTER.total_seconds() * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        return time.monotonic() + 2 * pause < ends and not self._closing.wait(pause)

    def _refused(self, answer: Response) -> GrantkeeperError:
        said = problem(answer)
        known = None if said is None else raised(said)
        if known is None:
            return self._by_status(answer, "" if said is None else said.message)
        if isinstance(known, KeyRefused | NotAllowed):
            # The service knows why, and not where the key came from.
            known.advice = f"{known.advice} The key is the one that was passed, or {KEY}.".strip()
        return known

    def _by_status(self, answer: Response, what: str) -> GrantkeeperError:
        """Return what an answer means that no version of ours gave, or a later one."""
        status = answer.status
        said = f"The service at {self._place} answered {status}{f': {what}' if what else ''}".rstrip(".") + "."
        if status in (401, 403):
            kind = KeyRefused if status == 401 else NotAllowed
            return kind(said, advice=f"Check the API key ({KEY}), its scopes and that it is not over.")
        if what and status < 500:  # the service of a later version, which names an error that is not known here
            return NotFound(said) if status == 404 else Misconfigured(said)
        advice = "Ask again." if status in _PASSING else _CHECK_URL
        return ServiceUnavailable(said, advice=advice, retry_after=_retry_after(answer))


def grant_path(grant_id: object, *further: str) -> str:
    """Return the path of a grant; raises NotFound for what names none, which would be another path ('..')."""
    if not isinstance(grant_id, str) or not _GRANT_ID.fullmatch(grant_id):
        shown = printable(grant_id, 64) if isinstance(grant_id, str) else type(grant_id).__name__
        raise NotFound(f"There is no grant {shown!r}.", advice="`grantkeeper list` shows them.")
    return "/".join(("grants", grant_id, *further))


def _retry_after(answer: Response) -> timedelta | None:
    """Return what Retry-After says in seconds (RFC 9110 10.2.3); a date would need a clock that agrees."""
    word = answer.headers.get("retry-after", "").strip()
    return duration(int(word)) if word.isascii() and word.isdigit() and len(word) < 10 else None
