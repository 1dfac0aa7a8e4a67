"""Events as they happen (server-sent events, WHATWG HTML 9.2): one look at the database for everybody who listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from grantkeeper.errors import GrantkeeperError

if TYPE_CHECKING:
    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.model import Event

EVERY: Final = 1.0
"""Seconds between two looks, while anybody listens."""
SILENCE: Final = 15.0
"""Seconds after which a comment is sent: proxies hang up on connections that are silent for a minute."""
BATCH: Final = 100
_encode = msgspec.json.Encoder(order="deterministic").encode

Read = Callable[[int, int], Awaitable[Sequence["Event"]]]
"""Returns events after a position, at most so many."""


class Ticker:
    """Wakes all who listen when something has happened, by one look a second."""

    def __init__(self, keeper: AsyncKeeper, stopping: Callable[[], bool]) -> None:
        self._keeper, self._stopping = keeper, stopping
        self._listeners = 0
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def listen(self, after: int, read: Read) -> AsyncGenerator[bytes, None]:
        """Yield events after a position as they happen, until the service stops."""
        self._listeners += 1
        try:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._look())
            yield b": events follow\n\n"
            while not self._stopping():
                news = self._news
                found = await read(after, BATCH)
                for event in found:
                    yield b"id: %d\nevent: %s\ndata: %s\n\n" % (event.position, event.kind.encode(), _encode(event))
                after = found[-1].position if found else after
                if len(found) < BATCH and not await self._woken(news):
                    yield b": nothing new\n\n"
        finally:
            self._listeners -= 1

    async def _woken(self, news: asyncio.Event) -> bool:
        """Wait until something has happened, for a while; True also when the service stops."""
        left = SILENCE
        while left > 0 and not self._stopping():
            try:
                async with asyncio.timeout(EVERY):
                    await news.wait()
                    return True
            except TimeoutError:
                left -= EVERY
        return self._stopping()

    async def _look(self) -> None:
        """Look whether the newest event is another, while anybody listens."""
        last = -1
        while self._listeners and not self._stopping():
            try:
                newest = await self._keeper.run(self._keeper.keeper.newest_event)
            except GrantkeeperError:
                newest = last
            if newest != last:
                last, news, self._news = newest, self._news, asyncio.Event()
                news.set()
            await asyncio.sleep(EVERY)
