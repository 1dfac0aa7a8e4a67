"""Somebody who listens to the API's stream of events, on the application's own event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self, cast

from api.asking import Site

if TYPE_CHECKING:
    from starlette.types import Send

PATIENCE = 20
"""Seconds: what has not come by then does not come."""


class Listener:
    """A listener, from `async with` on; `heard` is what came, `started` the head of the answer."""

    def __init__(self, site: Site, secret: str, *, query: str = "", last: str | None = None) -> None:
        headers = [(b"authorization", f"Bearer {secret}".encode()), (b"accept", b"text/event-stream")]
        headers += [] if last is None else [(b"last-event-id", last.encode())]
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": "/v1/events",
            "query_string": query.encode(),
            "client": ("203.0.113.9", 1),
            "headers": headers,
        }
        self._app = site.api
        self.heard, self.whole, self.broken = b"", False, False
        self._news, self._left = asyncio.Condition(), asyncio.Event()
        self.started: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self._app(self._scope, self._receive, cast("Send", self._send)))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.leave()
        await self.end()

    def leave(self) -> None:
        """Hang up."""
        self._left.set()

    async def end(self) -> None:
        """Wait until the application is done with this listener."""
        async with asyncio.timeout(PATIENCE):
            await self.task

    async def until(self, wanted: bytes, times: int = 1) -> bytes:
        """Wait until this has come so often; returns all that came."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self.heard.count(wanted) >= times)
        return self.heard

    @property
    def positions(self) -> list[int]:
        """The ids of the events that came."""
        return [int(line[4:]) for line in self.heard.splitlines() if line.startswith(b"id: ")]

    async def _send(self, message: dict[str, Any]) -> None:
        if self.broken:
            raise OSError("the connection is gone")
        async with self._news:
            if message["type"] == "http.response.start":
                self.started = message
            else:
                self.heard += message.get("body", b"")
                self.whole = not message.get("more_body", False)
            self._news.notify_all()

    async def _receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}
