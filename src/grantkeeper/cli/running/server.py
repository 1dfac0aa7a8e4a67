"""uvicorn, with bounds where it has none, and an end that loses nothing (V-48, R-57)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from grantkeeper.web.service.load import MAX_HEADERS

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport
    from types import FrameType

    from grantkeeper.web.service import Service

HEADERS_IN: Final = 10.0
"""Seconds in which a request's head has to be here whole, counted from its first byte, or from the connection."""
KEEP_ALIVE: Final = 75
"""Seconds that a connection may be idle: longer than balancers keep theirs (60 at most of the common ones), so that
never we are the ones who close a connection into which a request was just sent."""
CONNECTIONS: Final = 4096
"""Connections at once; the next are told to come again."""
FINISH: Final = 25
"""Seconds in which answers under way are finished. A supervisor's usual patience is 30."""
_BODY_BEHIND: Final = 256 * 1024
"""Bytes that may come in one piece with the end of a head: uvloop reads that much at once."""
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Bounded(HttpToolsProtocol):
    """A connection whose requests begin in time and have heads of bounded size; uvicorn bounds neither."""

    _clock: TimerHandle | None = None
    _head = 0
    _in_head = True

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the clock: who connects has something to say."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what is not the body."""
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEADERS + _BODY_BEHIND:
                self._refuse()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Start the clock for this head."""
        super().on_message_begin()
        self._start_clock()

    def on_headers_complete(self) -> None:
        """Stop the clock: the body has one of its own."""
        self._stop_clock()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for the next head."""
        super().on_message_complete()
        self._head, self._in_head = 0, True

    def _start_clock(self) -> None:
        self._in_head = True
        if self._clock is None:
            self._clock = self.loop.call_later(HEADERS_IN, self._too_slow)

    def _stop_clock(self) -> None:
        self._in_head = False
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        self._clock = None
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self) -> None:
        self._stop_clock()
        if not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()


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


def configuration(service: Service) -> uvicorn.Config:
    """Return how to run it. Forwarded headers are read by the service itself, by its own rules."""
    found: dict[str, Any] = {"http": Bounded, "ws": "none", "loop": "auto"}
    return uvicorn.Config(
        service,
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
