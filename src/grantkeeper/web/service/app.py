"""The application: what is where, and what stands in front of it."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from grantkeeper.errors import GrantkeeperError, InvalidInput, KeyRefused, TooManyRequests
from grantkeeper.model import Scope as Permission
from grantkeeper.web.api.app import api_app
from grantkeeper.web.api.problems import Refused
from grantkeeper.web.api.serving.door import Door
from grantkeeper.web.api.serving.lane import Lane
from grantkeeper.web.dashboard import dashboard_app
from grantkeeper.web.links.app import links_app
from grantkeeper.web.service.addresses import Names, Proxies
from grantkeeper.web.service.answers import refuse
from grantkeeper.web.service.edge import Edge, Quick
from grantkeeper.web.service.load import Load, Running
from grantkeeper.web.service.metrics import Looked, Metrics
from grantkeeper.web.service.probes import PATHS, Probes
from grantkeeper.web.service.tracing import Traced, traced_quick

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.settings import ServiceSettings

log = logging.getLogger("grantkeeper.web")
WORKER_PATIENCE: Final = timedelta(seconds=20)
"""How long the worker may take to finish what it is at; a supervisor's own patience is seldom more than 30."""
NO_URL: Final = 'Add url = "https://…" to [service], or set GRANTKEEPER_SERVICE_URL.'
API: Final = ("v1", "openapi.json", "docs")
"""What begins the API's paths: programs may use any name of ours, for no browser sends their keys by itself."""
PAGES: Final = ""
"""The key of the application that has every path that no other has."""


class Background(Protocol):
    """What works beside the requests: a `grantkeeper.worker.Worker`."""

    def start(self) -> None:
        """Begin; returns at once."""

    def stop(self, patience: timedelta) -> bool:
        """End: what is under way is finished, if that takes no longer than `patience`; False when it does."""


class Service:
    """The ASGI application of the service.

    `stop()` begins its end; whoever serves it calls that at the first signal.
    """

    def __init__(
        self,
        keeper: AsyncKeeper,
        settings: ServiceSettings,
        parts: Mapping[str, ASGIApp],
        *,
        running: Running | None = None,
        worker: Background | None = None,
        quick: Quick | None = None,
    ) -> None:
        self.running, self.metrics = running or Running(), Metrics()
        self.metrics.add(Looked(keeper.keeper))
        self._keeper = keeper
        self._prefix = urlsplit(settings.url).path
        self._names = Names(settings.url)
        self._parts, self._worker = parts, worker
        self._ending: threading.Thread | None = None
        self._probes = Probes(keeper, running=self.running, metrics=self.metrics, may_read=_reader(keeper, settings))
        self._load = Load(self._dispatch, self.running)
        proxies = Proxies(settings.trusted_proxies)
        self._edge = Edge(self._answer, proxies=proxies, metrics=self.metrics, running=self.running, quick=quick)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or start and end with the server."""
        if scope["type"] == "http":
            await self._edge(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def stop(self) -> None:
        """Say that no new work should come; the worker ends beside the answers under way. May be called again."""
        self.running.stop()
        if self._worker is not None and self._ending is None:
            # A daemon: who hurries the end waits for no worker.
            self._ending = threading.Thread(target=self._worker.stop, args=(WORKER_PATIENCE,), daemon=True)
            self._ending.start()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith("/"):  # OPTIONS * (RFC 9110 9.3.7), and addresses for a forward proxy
            await _nowhere(send)
            return
        if scope["path"] in PATHS:
            if self._names.plain(scope["headers"]):
                await self._probes(scope, receive, send)
            else:
                await _misdirected(send)
            return
        if self._prefix and not self._within(scope):
            await _nowhere(send)
            return
        await self._load(scope, receive, send)

    def _within(self, scope: Scope) -> bool:
        """Take the service's own prefix off the path; the proxy in front passes paths as they are."""
        path: str = scope["path"]
        if path != self._prefix and not path.startswith(f"{self._prefix}/"):
            return False
        scope["path"], scope["root_path"] = path[len(self._prefix) :] or "/", self._prefix
        return True

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        first = path.split("/", 2)[1]
        scope["path"] = f"{self._prefix}{path}"  # as ASGI has it: root_path is a part of path
        part = self._parts.get(first)
        if part is None:
            part = self._parts.get(PAGES)
        # A program's request carries a key that no other site has; a browser's carries cookies by itself.
        if first not in API and not self._names.own(scope["headers"]):
            await _misdirected(send)
        elif part is None:
            await _nowhere(send)
        else:
            await part(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        if self._worker is not None:
            await asyncio.to_thread(self._worker.start)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.stop()
        if self._ending is not None:
            await asyncio.to_thread(self._ending.join)
        try:
            await self._keeper.run(self._keeper.keeper.keys.flush)
        except GrantkeeperError as error:
            log.warning("how often keys were used is lost for the last moments: %s", error)
        await send({"type": "lifespan.shutdown.complete"})


def service_app(keeper: AsyncKeeper, settings: ServiceSettings, *, worker: Background | None = None) -> Service:
    """Return the service over this keeper, with everything that there is.

    Raises:
        InvalidInput: the settings have no `url`.
    """
    if not settings.url:
        raise InvalidInput("The service has to know where people reach it.", advice=NO_URL)
    running = Running()
    quick: Quick = Lane(keeper, prefix=urlsplit(settings.url).path).answer
    if keeper.keeper.tracing.on:
        quick = traced_quick(quick, keeper.keeper.tracing)
    return Service(keeper, settings, parts_of(keeper, settings, running), running=running, worker=worker, quick=quick)


def parts_of(keeper: AsyncKeeper, settings: ServiceSettings, running: Running) -> dict[str, ASGIApp]:
    """Return the applications by the first part of the paths that they answer."""
    api: ASGIApp = api_app(keeper, settings, stopping=lambda: running.stopping)
    if keeper.keeper.tracing.on:
        api = Traced(api, keeper.keeper.tracing)
    dashboard = _below("/dashboard", dashboard_app(keeper, settings))
    return {**dict.fromkeys(API, api), "dashboard": dashboard, PAGES: links_app(keeper, settings)}


def _below(prefix: str, app: ASGIApp) -> ASGIApp:
    """Return the application as one that is mounted there."""

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        root = f"{scope.get('root_path', '')}{prefix}"
        scope["root_path"] = root
        if scope["path"] == root:  # people leave the slash out
            scope["path"] = f"{root}/"
        await app(scope, receive, send)

    return mounted


def _reader(keeper: AsyncKeeper, settings: ServiceSettings) -> Callable[[Scope], Awaitable[bool]]:
    """Return what tells whether somebody may read the metrics: everybody if so configured, else an admin's key."""
    door = Door(keeper)

    async def may_read(scope: Scope) -> bool:
        if settings.open_metrics:
            return True
        try:
            key = await door.key(scope)
        except (KeyRefused, TooManyRequests, Refused):
            return False
        scope["state"]["key_id"] = key.id
        return key.allows(Permission.ADMIN) and not key.restricted

    return may_read


async def _misdirected(send: Send) -> None:
    detail = "This service has another name. Its configuration says which: [service] url."
    await refuse(send, 421, "misdirected", detail)


async def _nowhere(send: Send) -> None:
    await refuse(send, 404, "not_found", "There is no such page.")
