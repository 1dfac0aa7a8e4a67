"""The outermost layer: names each request, notes who asks and how it ended. It sees every request, so it is short."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, MutableMapping
from contextvars import ContextVar
from random import getrandbits
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import ClientDisconnect

from grantkeeper.web.service.answers import refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from grantkeeper.web.service.addresses import Proxies
    from grantkeeper.web.service.load import Running
    from grantkeeper.web.service.metrics import Metrics

REQUEST_ID: ContextVar[str] = ContextVar("grantkeeper_request_id", default="")
"""The request that is being answered, for log lines on its way."""

NO_ROUTE: Final = "(none)"
"""The route of an address that leads nowhere. The address itself is written nowhere: it may be a mistyped link."""

Quick = Callable[[MutableMapping[str, Any]], tuple[Iterable[tuple[bytes, bytes]], bytes] | None]
"""Returns headers and body of a good answer, without I/O."""

log = logging.getLogger("grantkeeper.web")
access = logging.getLogger("grantkeeper.access")


class Edge:
    """ASGI middleware. `quick` answers a GET at once, from memory, or returns None: then it goes the long way."""

    def __init__(
        self, app: ASGIApp, *, proxies: Proxies, metrics: Metrics, running: Running, quick: Quick | None = None
    ) -> None:
        self._app, self._proxies, self._metrics, self._running = app, proxies, metrics, running
        self._quick = quick
        self._behind_proxies = bool(proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever happens; put its id on the answer, into the log and into the metrics."""
        begun = perf_counter()
        request_id = self._named(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        named = (b"x-request-id", request_id.encode())
        self._metrics.begun()
        if self._quick is not None and scope["method"] == "GET" and not self._running.stopping:
            answer = self._quick(scope)
            if answer is not None:
                headers, body = answer
                try:
                    await send({"type": "http.response.start", "status": 200, "headers": [*headers, named]})
                    await send({"type": "http.response.body", "body": body})
                finally:
                    self._ended(scope, 200, perf_counter() - begun)
                return
        REQUEST_ID.set(request_id)
        await self._wholly(scope, receive, send, named, begun)

    async def _wholly(
        self, scope: Scope, receive: Receive, send: Send, named: tuple[bytes, bytes], begun: float
    ) -> None:
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), named]
                if self._running.stopping:  # so that nobody sends a next request into a connection that closes
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except ClientDisconnect:
            log.debug("a request's sender left before it was whole")
        except Exception:
            # uvicorn would write it with the values of variables; here it is written by our own rules.
            log.exception("a request failed")
            if not status:
                await refuse(noted, 500, "internal_error", "Something went wrong on our side. It was noted.")
        finally:
            self._ended(scope, status, perf_counter() - begun)

    def _named(self, scope: Scope) -> str:
        """Return the request's id, and put the address it comes from into its place."""
        if self._behind_proxies:
            peer = scope.get("client") or ("", 0)
            address = self._proxies.client(peer[0], scope["headers"])
            if address != peer[0]:
                scope["client"] = (address, 0)
            sent = self._proxies.request_id(peer[0], scope["headers"])
            if sent:
                return sent
        return f"{getrandbits(64):016x}"  # it names a request, and keeps nothing

    def _ended(self, scope: Scope, status: int, seconds: float) -> None:
        state, method = scope["state"], scope["method"]
        route = state.get("route") or route_of(scope)
        self._metrics.ended(route, method, status, seconds)
        lane = state.get("lane")
        if lane:
            self._metrics.read(lane)
        # A token that was read is counted, by key and grant too; a line for each would cost more than the read.
        level = logging.DEBUG if lane and status == 200 else logging.INFO
        if access.isEnabledFor(level):
            peer = scope.get("client")
            extra = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 2)}
            extra |= {"from": peer[0] if peer else "", "key": state.get("key_id", "")}
            access.log(level, "request", extra={each: value for each, value in extra.items() if value != ""})


def route_of(scope: Scope) -> str:
    """Return the template of the route that a request took: its path with the parameters' names for their values.

    Never the path itself: it may hold what opens a link.
    """
    if "endpoint" not in scope:
        return NO_ROUTE
    path: str = scope["path"]
    names = {str(value): f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    return "/".join(names.get(part, part) for part in path.split("/")) if names else path
