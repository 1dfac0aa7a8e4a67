"""uvicorn, with bounds where it has none, and an end that loses nothing (V-48, R-57)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from grantkeeper.web.service.load import MAX_HEADERS

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport
    from types import FrameType

    from starlette.types import ASGIApp

    from grantkeeper.web.service import Service

HEADERS_IN: Final = 10.0
"""Seconds in which a request's head has to be here whole, counted from its first byte, or from the connection."""
KEEP_ALIVE: Final = 75
"""Seconds that a connection may be idle: longer than balancers keep theirs (60 at most of the common ones), so that
never we are the ones who close a connection into which a request was just sent."""
LINGER: Final = 2.0
"""Seconds in which whoever is refused in the middle of sending can read why, and, at our end, in which a request that
was sent before its sender could know of that end still comes."""
CONNECTIONS: Final = 4096
"""Connections at once; the next are told to come again."""
FINISH: Final = 25
"""Seconds in which answers under way are finished. A supervisor's usual patience is 30."""
_BODY_BEHIND: Final = 256 * 1024
"""Bytes that may come in one piece with the end of a head: uvloop reads that much at once."""
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _TooLargeError(Exception):
    """Ends the reading of a connection whose request has a head, or a trailer, that is too large."""


class Bounded(HttpToolsProtocol):
    """A connection whose requests begin in time and have heads of bounded size; uvicorn bounds neither."""

    _clock: TimerHandle | None = None
    _head = 0
    """Bytes that came since a request's end, or a piece of its body: the only bound on a line that does not end."""
    _refused = False
    _fields = 0
    """Bytes of this request's target, headers and trailers."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the clock: who connects has something to say."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes; nothing of the body is left in the count once it is read."""
        if self._refused:
            return
        self._head += len(data)
        if self._head > MAX_HEADERS + _BODY_BEHIND:
            self._refuse()
            return
        super().data_received(data)

    def shutdown(self) -> None:
        """End what is idle, but not at once: into a connection that closes somebody may just have sent a request.

        Its answer says that the connection ends with it, as all do by now.
        """
        if self._under_way():
            super().shutdown()
        else:
            self._unset_keepalive_if_required()
            self.loop.call_later(LINGER, self._close_idle)

    def _close_idle(self) -> None:
        """Close the connection unless a request came; one whose head is not whole yet has the clock of its own."""
        begun = self._clock is not None and self._head
        if not begun and not self._under_way() and not self.transport.is_closing():
            self.transport.close()

    def _under_way(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn types it as always there
        return cycle is not None and not cycle.response_complete

    def on_message_begin(self) -> None:
        """Start the clock for this head."""
        super().on_message_begin()
        self._fields = 0
        self._start_clock()

    def on_url(self, url: bytes) -> None:
        """Count the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, or a trailer; these have the same list to themselves (RFC 9110 6.5)."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the clock: the body has one of its own."""
        self._stop_clock()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Begin to count anew."""
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the next head."""
        super().on_message_complete()
        self._head = 0

    def _count(self, size: int) -> None:
        self._fields += size
        if self._fields > MAX_HEADERS:
            self._refuse()
            raise _TooLargeError

    def send_400_response(self, msg: str) -> None:
        """Say so, unless the connection is ended already."""
        if not self._refused and not self.transport.is_closing():
            super().send_400_response(msg)

    def _start_clock(self) -> None:
        if self._clock is None:
            self._clock = self.loop.call_later(HEADERS_IN, self._too_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        self._clock = None
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self) -> None:
        """Say so and end the connection, at once when another answer is under way.

        Else what still comes is thrown away for a moment: at a closed end it would meet a reset, which takes the answer
        away from whoever has not read it.
        """
        self._refused = True
        self._stop_clock()
        if self.transport.is_closing():
            return
        if self._under_way():
            self.transport.close()
            return
        self.transport.write(_TOO_LARGE)
        self.transport.write_eof()
        self._clock = self.loop.call_later(LINGER, self._too_slow)


class Server(uvicorn.Server):
    """Ends in two steps: first it says that it will, for `drain` seconds, then it takes no more.

    A second signal skips the rest of the first step, a third what is under way.
    """

    def __init__(self, config: uvicorn.Config, service: Service, *, drain: float) -> None:
        super().__init__(config)
        self._service, self._drain = service, drain
        self._until: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end, or hurry. Nothing is raised again afterwards: an orderly end is exit code 0."""
        if self.should_exit:
            self.force_exit = True
        elif self._until is not None:
            self.should_exit = True
        else:
            self._until = time.monotonic() + self._drain

    async def on_tick(self, counter: int) -> bool:
        """Notice in the event loop what a signal said."""
        if self._until is not None:
            self._service.running.stop()
            if time.monotonic() >= self._until:
                self.should_exit = True
        return await super().on_tick(counter)


def configuration(app: ASGIApp) -> uvicorn.Config:
    """Return how to run it. Forwarded headers are read by the service itself, by its own rules."""
    found: dict[str, Any] = {"http": Bounded, "ws": "none", "loop": "auto"}
    return uvicorn.Config(
        app,
        **found,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        backlog=2048,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=FINISH,
    )
