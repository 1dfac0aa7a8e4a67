"""uvicorn, with bounds where it has none (`connection`), and an end that loses nothing (V-48, R-57)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from . import connection
from .connection import Bounded

if TYPE_CHECKING:
    import socket
    from types import FrameType

    from starlette.types import ASGIApp

    from grantkeeper.web.service import Service

KEEP_ALIVE: Final = 75
"""Seconds that a connection may be idle: longer than balancers keep theirs (60 at most of the common ones), so that
never we are the ones who close a connection into which a request was just sent."""
CONNECTIONS: Final = 4096
"""Connections at once; the next are told to come again."""
FINISH: Final = 25
"""Seconds in which answers under way are finished. A supervisor's usual patience is 30."""
_LOOK: Final = 1.0
"""Seconds between two looks for those who do not read: a millisecond for all connections that there may be."""


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
            self._service.stop()
            if time.monotonic() >= self._until:
                self.should_exit = True
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and from then on look for those who do not read."""
        await super().startup(sockets)
        self._looking = asyncio.create_task(self._look())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; who does not read is looked for until the last answer is out."""
        try:
            await super().shutdown(sockets)
        finally:
            self._looking.cancel()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            now = time.monotonic()
            patience = connection.UNREAD if self._until is None else connection.UNREAD_AT_END
            for each in list(self.server_state.connections):
                if isinstance(each, Bounded):
                    each.give_up_unread(now, patience)


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
