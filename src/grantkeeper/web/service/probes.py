"""What machines ask about the service: does it live, can it work, how does it do."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Final

from grantkeeper.errors import GrantkeeperError
from grantkeeper.web.service.answers import answer, refuse
from grantkeeper.web.service.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.web.service.load import Running
    from grantkeeper.web.service.metrics import Metrics

PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
DEADLINE: Final = 2.0
"""Seconds in which a database has to answer for us to be ready: a balancer's own patience is seldom shorter."""
FRESH: Final = 1.0
"""Seconds for which a look at the database is good: many may ask, and one look answers them all."""
_JSON: Final = b"application/json"


class Probes:
    """`/healthz`, `/readyz`, `/metrics`."""

    def __init__(
        self,
        keeper: AsyncKeeper,
        *,
        running: Running,
        metrics: Metrics,
        may_read: Callable[[Scope], Awaitable[bool]],
    ) -> None:
        self._keeper, self._running, self._metrics, self._may_read = keeper, running, metrics, may_read
        self._looked = (-FRESH, "")
        self._look: asyncio.Task[str] | None = None

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a probe."""
        path: str = scope["path"]
        scope["state"].update(route=path, quiet=True)  # asked every few seconds: only what is wrong is worth a line
        if scope["method"] not in ("GET", "HEAD"):
            await refuse(send, 405, "method_not_allowed", "GET it.", headers=((b"allow", b"GET, HEAD"),))
        elif path == "/healthz":
            await answer(send, 200, b'{"status": "ok"}', kind=_JSON)
        elif path == "/readyz":
            await self._ready(send)
        else:
            await self._measured(scope, send)

    async def _ready(self, send: Send) -> None:
        why = "stopping" if self._running.stopping else await self._why_not()
        if not why:
            await answer(send, 200, b'{"status": "ready"}', kind=_JSON)
            return
        body = json.dumps({"status": "not ready", "why": why}).encode()
        await answer(send, 503, body, kind=_JSON, headers=((b"retry-after", b"1"),))

    async def _why_not(self) -> str:
        """Return why we cannot work now, "" when we can; a word only: whoever asks may be anybody."""
        at, why = self._looked
        if time.monotonic() - at < FRESH:
            return why
        if self._look is None:
            self._look = asyncio.create_task(self._looking())
        return await asyncio.shield(self._look)

    async def _looking(self) -> str:
        try:
            why = await self._found()
            self._looked = (time.monotonic(), why)
            return why
        finally:
            self._look = None

    async def _found(self) -> str:
        try:
            await asyncio.wait_for(self._keeper.run(self._keeper.keeper.ready), DEADLINE)
        except TimeoutError:
            return "database"
        except GrantkeeperError as error:
            return _WORDS.get(type(error).__name__, "database")
        return ""

    async def _measured(self, scope: Scope, send: Send) -> None:
        if not await self._may_read(scope):
            detail = "Send an API key with the scope admin as Authorization: Bearer, or set open_metrics."
            await refuse(send, 401, "not_allowed", detail, headers=((b"www-authenticate", b"Bearer"),))
            return
        await answer(send, 200, await self._keeper.run(self._metrics.text), kind=CONTENT_TYPE)


_WORDS: Final = {"SealBroken": "key", "Misconfigured": "schema"}
