"""How much at once: reads of tokens always, everything else within bounds; and how it ends (R-56, R-57)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import ClientDisconnect

from grantkeeper.web.service.answers import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 2_100_000
"""Bytes of a request: the largest form is the one that shares twenty thousand accounts (`guard.MAX_PICKER_BODY`)."""
MAX_HEADERS: Final = 64 * 1024
"""Bytes of a request's target and headers: the pages have a friendlier answer of their own from 48 kB on."""
SMALL_BODY: Final = 64 * 1024
"""Bytes of a request that is read before its turn."""
BODY_PAUSE: Final = 20.0
"""Seconds between two parts of a body: a phone that loses its network for longer starts again."""
BODY_WHOLE: Final = 60.0
"""Seconds that a body takes in all: a form of the largest size at 280 kbit/s."""
AT_ONCE: Final = 64
"""Requests of one kind that are worked on: eight times the threads that the database has."""
WAITING: Final = 256
"""Requests of one kind that wait for their turn."""
PATIENCE: Final = 3.0
"""Seconds that a request waits for its turn before it is told to come again."""
LONGEST: Final = 120.0
"""Seconds that anything but a stream takes at most: a refresh that waits for another's lease takes less."""
STREAMS: Final = 512
"""Streams of events at once."""
_COME_AGAIN: Final = (b"retry-after", b"2")


class Running:
    """Whether the service is stopping. `ended` lets streams end."""

    def __init__(self) -> None:
        self.stopping = False
        self.ended = asyncio.Event()

    def stop(self) -> None:
        """Say that no new work should come: readiness ends, answers close their connections, streams end."""
        self.stopping = True
        self.ended.set()


class TooMuchError(Exception):
    """There is no room for another request of this kind."""


class Lane:
    """A bound on the requests of one kind, some of which wait."""

    def __init__(self, *, at_once: int = AT_ONCE, waiting: int = WAITING, patience: float = PATIENCE) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._room = waiting
        self._patience = patience

    @contextlib.asynccontextmanager
    async def turn(self) -> Any:
        """Wait for a turn; raises TooMuchError when too many wait, or the wait was too long."""
        if self._turns.locked():
            with self._waiting():
                try:
                    await asyncio.wait_for(self._turns.acquire(), self._patience)
                except TimeoutError:
                    raise TooMuchError from None
        else:
            await self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release()

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        if self._room <= 0:
            raise TooMuchError
        self._room -= 1
        try:
            yield
        finally:
            self._room += 1


class Load:
    """ASGI middleware: each kind of request in its lane, each body within its bounds."""

    def __init__(self, app: ASGIApp, running: Running, *, longest: float = LONGEST) -> None:
        self._app, self._running, self._longest = app, running, longest
        self._lanes: dict[str, Lane] = {}
        self._streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through in its turn, or tell it to come again.

        Nobody holds a turn by sending or reading slowly: a small body is here before the turn begins, and the answer
        leaves after its end. Large bodies, which are forms with thousands of accounts, have lanes of their own.
        """
        path, small = scope["path"], True
        if scope["method"] == "GET":
            if path.endswith("/token") and path.startswith("/v1/"):
                await self._app(scope, receive, send)
                return
            if path.startswith("/v1/events") and _wants_stream(scope):
                await self._stream(scope, receive, send)
                return
        elif not _fits(scope, MAX_BODY):
            await _spent(send, 413)
            return
        else:
            body, small = Body(receive), _fits(scope, SMALL_BODY, declared=True)
            receive = body
            if small and not await body.gathered():
                if body.spent:
                    await _spent(send, body.spent)
                return
        lane = self._lanes.setdefault(_kind(path) if small else f"{_kind(path)}, large", Lane())
        try:
            async with lane.turn():
                answer = await self._within(scope, receive)
        except TooMuchError:
            await _busy(send)
            return
        for message in answer:
            await send(message)

    async def _within(self, scope: Scope, receive: Receive) -> list[Message]:
        """Let the request take its time, but not for ever; return the answer."""
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        try:
            async with asyncio.timeout(self._longest):
                await self._app(scope, receive, keep)
        except TimeoutError:
            answer.clear()
            await _busy(keep)
        except ClientDisconnect:
            if not isinstance(receive, Body) or not receive.spent:
                raise
            answer.clear()
            await _spent(keep, receive.spent)
        return answer

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a stream run until it ends, its reader leaves, or the service stops."""
        if self._streams >= STREAMS or self._running.stopping:
            await _busy(send)
            return
        self._streams += 1
        open_ended = False

        async def noted(message: Message) -> None:
            nonlocal open_ended
            open_ended = bool(message["type"] == "http.response.start" or message.get("more_body"))
            await send(message)

        work = asyncio.ensure_future(self._app(scope, receive, noted))
        end = asyncio.ensure_future(self._running.ended.wait())
        try:
            await asyncio.wait((work, end), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work
                if open_ended:  # a whole answer: the reader comes again, elsewhere, from where it was
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                work.result()
        finally:
            self._streams -= 1
            work.cancel()
            end.cancel()


_CLOSE: Final = ((b"connection", b"close"),)


class Body:
    """A request's body that neither is too large nor takes for ever; `spent` is the status of the refusal, or 0."""

    def __init__(
        self, receive: Receive, *, most: int = MAX_BODY, pause: float = BODY_PAUSE, whole: float = BODY_WHOLE
    ) -> None:
        self._receive, self._left, self._pause = receive, most, pause
        self._until = asyncio.get_running_loop().time() + whole
        self._gathered: Message | None = None
        self._whole = False
        self.spent = 0

    async def gathered(self) -> bool:
        """Wait for all of it; False when it does not come, or its sender leaves."""
        parts: list[bytes] = []
        while not self._whole:
            message = await self()
            if message["type"] == "http.disconnect":
                return False
            parts.append(message.get("body", b""))
        self._gathered = {"type": "http.request", "body": b"".join(parts), "more_body": False}
        return True

    async def __call__(self) -> Message:
        """Return the next part, or that the sender is gone."""
        if self.spent:
            return {"type": "http.disconnect"}
        if self._gathered is not None:
            message, self._gathered = self._gathered, None
            return message
        if self._whole:
            return await self._receive()  # what comes now is that the reader leaves
        try:
            left = self._until - asyncio.get_running_loop().time()
            message = await asyncio.wait_for(self._receive(), min(self._pause, max(left, 0)))
        except TimeoutError:
            self.spent = 408
            return {"type": "http.disconnect"}
        self._whole = not message.get("more_body", False)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.spent = 413
            return {"type": "http.disconnect"}
        return message


_SPENT: Final = {
    408: "The request was too long in coming.",
    413: "The request is larger than anything we expect.",
}


async def _spent(send: Send, status: int) -> None:
    await refuse(send, status, "body" if status == 408 else "too_large", _SPENT[status], headers=_CLOSE)


async def _busy(send: Send) -> None:
    detail = "There is more to do than can be done at once. Come again in a moment."
    await refuse(send, 503, "overloaded", detail, headers=(_COME_AGAIN,))


def _kind(path: str) -> str:
    """Return which lane a request is in: a dashboard that is busy holds up no link, and no program."""
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return first if first in ("v1", "dashboard", "callback") else ""


def _wants_stream(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/event-stream" in value.lower() for name, value in scope["headers"])


def _fits(scope: Scope, most: int, *, declared: bool = False) -> bool:
    """Tell whether the body is said to be no longer than this; when nothing is said, whether it need not be."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            digits = value.lstrip(b"0") or b"0"
            return digits.isdigit() and len(digits) <= len(str(most)) and int(digits) <= most
    return not declared or not any(name == b"transfer-encoding" for name, _ in scope["headers"])
