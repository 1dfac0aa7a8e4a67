"""Spans around requests of the API, below those of whoever asks (W3C Trace Context)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from grantkeeper.web.service.edge import NO_ROUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping
    from typing import Any

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from grantkeeper.tracing import Span, Tracing
    from grantkeeper.web.service.edge import Quick

_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-.{0,200})?")
"""https://www.w3.org/TR/trace-context-1/ 3.2.2; a later version may append to it."""
_ERROR: Final = 500


class Traced:
    """ASGI middleware. A span is named by its route's template: the address itself is written nowhere."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app, self._tracing = app, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request within a span."""
        method = str(scope["method"])
        with self._tracing.span(
            method, kind="server", traceparent=_traceparent(scope), http_request_method=method
        ) as span:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _note(span, scope, message["status"])
                await send(message)

            await self._app(scope, receive, noted)


def traced_quick(quick: Quick, tracing: Tracing) -> Quick:
    """Return what answers at once with a span for each answer; it takes no time that could be told."""

    def answer(scope: MutableMapping[str, Any]) -> tuple[Iterable[tuple[bytes, bytes]], bytes] | None:
        found = quick(scope)
        if found is not None:
            method = str(scope["method"])
            above = _traceparent(scope)
            with tracing.span(method, kind="server", traceparent=above, http_request_method=method) as span:
                _note(span, scope, 200)
        return found

    return answer


def _note(span: Span, scope: Scope, status: int) -> None:
    """Write down what is known once the answer begins; who only asks is not at fault for an error of ours."""
    state = scope.get("state", {})
    route = state.get("route", NO_ROUTE)
    span.rename(f"{scope['method']} {route}")
    span.put("http.route", route)
    span.put("http.response.status_code", status)
    if state.get("key_id"):
        span.put("grantkeeper.key.id", state["key_id"])
    if status >= _ERROR:
        span.fail(str(status))


def _traceparent(scope: Scope) -> str:
    """Return the one header that names the span above, "" when there is none or it is malformed."""
    sent = [value for name, value in scope["headers"] if name == b"traceparent"]
    return sent[0].decode() if len(sent) == 1 and _TRACEPARENT.fullmatch(sent[0]) else ""
