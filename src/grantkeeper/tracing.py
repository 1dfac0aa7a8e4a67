"""Spans of what a process does, for OpenTelemetry; nothing of it is imported, or done, unless it is turned on.

A span holds names and ids of ours, hosts, methods and statuses: no path, query, header, body or message, in which a
secret or a person could be. Names: OpenTelemetry semantic conventions for HTTP 1.23 (2023-11, stable).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, Protocol
from urllib.parse import urlsplit

from .errors import Misconfigured, check_word
from .model import Request, Response, Transport

if TYPE_CHECKING:
    from opentelemetry.trace import Span as TheirSpan
    from opentelemetry.trace import TracerProvider

Kind = Literal["internal", "server", "client"]
Value = str | int


class Span(Protocol):
    """Something that is being done."""

    def put(self, name: str, value: Value) -> None:
        """Add an attribute."""

    def rename(self, name: str) -> None:
        """Name it by what is known now."""

    def fail(self, kind: str) -> None:
        """Say that it failed, and by which kind of error."""


class Tracing(Protocol):
    """Where spans go. `on` tells whether anywhere."""

    on: bool

    def span(
        self, name: str, *, kind: Kind = "internal", traceparent: str = "", **attributes: Value
    ) -> AbstractContextManager[Span]:
        """Return a span around a block, below the one around it, or below that of another process (`traceparent`).

        An underscore in an attribute's name stands for a dot. An error that passes is told by its class alone.
        """


class _NoSpan:
    def put(self, name: str, value: Value) -> None:
        """Do nothing."""

    def rename(self, name: str) -> None:
        """Do nothing."""

    def fail(self, kind: str) -> None:
        """Do nothing."""


class _Off:
    on = False
    _nothing: Final[AbstractContextManager[Span]] = nullcontext(_NoSpan())

    def span(self, *_args: object, **_values: object) -> AbstractContextManager[Span]:
        """Return the same nothing each time."""
        return self._nothing


OFF: Final[Tracing] = _Off()


class _OurSpan:
    def __init__(self, span: TheirSpan) -> None:
        self._span = span

    def put(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, kind: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))


class OpenTelemetry:
    """Gives spans to OpenTelemetry: to this provider, by default to the one that the process has set.

    Raises:
        Misconfigured: it is not installed.
    """

    on = True

    def __init__(self, provider: TracerProvider | None = None) -> None:
        try:
            from opentelemetry.trace import SpanKind, get_tracer
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError as error:
            raise Misconfigured(
                f"OpenTelemetry cannot be imported ({error}).", advice="Run: pip install 'grantkeeper[telemetry]'"
            ) from None
        self._tracer = get_tracer("grantkeeper", tracer_provider=provider)
        self._extract = TraceContextTextMapPropagator().extract
        self._kinds = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "client": SpanKind.CLIENT}

    @contextmanager
    def span(self, name: str, *, kind: Kind = "internal", traceparent: str = "", **attributes: Value) -> Iterator[Span]:
        """See `Tracing.span`."""
        begun = self._tracer.start_as_current_span(
            name,
            context=self._extract({"traceparent": traceparent}) if traceparent else None,
            kind=self._kinds[kind],
            attributes={each.replace("_", "."): value for each, value in attributes.items()},
            record_exception=False,  # its message and its stack may hold anything
            set_status_on_exception=False,
        )
        with begun as theirs:
            span = _OurSpan(theirs)
            try:
                yield span
            except BaseException as error:
                span.fail(type(error).__name__)
                raise


class TracedTransport:
    """A transport whose requests are spans; to a provider nothing is said of them."""

    def __init__(self, tracing: Tracing, inner: Transport) -> None:
        self._tracing, self._inner = tracing, inner

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Send once."""
        host = urlsplit(request.url).hostname or ""
        called = {"http_request_method": request.method, "server_address": host}
        with self._tracing.span(f"{request.method} {host}", kind="client", **called) as span:
            response = self._inner.send(request, deadline=deadline)
            span.put("http.response.status_code", response.status)
            if response.status >= 400:
                span.fail(str(response.status))
        return response

    def close(self) -> None:
        """Close what it stands on."""
        self._inner.close()


def configured(setting: Literal["off", "opentelemetry"]) -> Tracing:
    """Return what the settings ask for; raises Misconfigured, or InvalidInput for another word."""
    check_word("tracing", setting, ("off", "opentelemetry"))
    return OpenTelemetry() if setting == "opentelemetry" else OFF


def traced(tracing: Tracing, transport: Transport) -> Transport:
    """Return the transport, with spans around its requests when there are any."""
    return TracedTransport(tracing, transport) if tracing.on else transport
