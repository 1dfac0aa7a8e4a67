"""One request out, one response in, within one total deadline. No redirects, no retries, nothing from the environment.

It stands on httpcore2, the connection pool below httpx2: that is where every step of a connection can be given what is
left of the deadline. httpx2's own time-outs are per read, so a server that drips bytes outlives them.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import httpcore2

from .errors import InvalidInput, Misconfigured, ProviderUnavailable, printable
from .forks import in_child
from .model import Request, Response
from .providers.urls import is_loopback, is_target, parts

_BESIDE_BODY: Final = 256 * 1024
"""On the wire, beside the body: headers and informational answers have no end of their own (RFC 9110 15.2)."""
_WRITE_SIZE: Final = 16 * 1024
_KEEPALIVE_SECONDS: Final = 4.0
"""Less than the 5 s after which common servers hang up: what meets a closing connection has an unknown outcome."""
_MAX_CONNECTIONS: Final = 100
_DROPPED_SECONDS: Final = 1.0
_DROPPED_SIZE: Final = 64 * 1024
"""So much of a body that nobody wants is read all the same: its connection can be used again then."""
_OWN_HEADERS: Final = (("user-agent", "grantkeeper"), ("accept-encoding", "identity"))

_TROUBLE: Final = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
)


class _TooLarge(Exception):
    """The answer is larger than any answer may be."""


class _Undecodable(Exception):
    """The answer is compressed in a way that is not known, or broken."""


class _Unasked(Exception):
    """The answer was there before the request: it belongs to another one on the same connection."""


class _Exchange(threading.local):
    """What one thread's current request may still take, and whether any of it may have left."""

    ends: float = 0.0
    handshakes: int = 0
    received: int = 0
    largest: int = 0
    sent: bool = False

    def begin(self, deadline: timedelta, *, handshakes: int, largest: int) -> None:
        """Start a request; its new connections shake hands so often (proxy, provider) before it is written to them.

        Its answer's body has at most `largest` bytes.
        """
        self.ends = time.monotonic() + deadline.total_seconds()
        self.handshakes = handshakes
        self.largest = largest
        self.received = 0
        self.sent = False

    def end_soon(self) -> None:
        """Read on for a moment only, and not much more."""
        self.ends = min(self.ends, time.monotonic() + _DROPPED_SECONDS)
        self.largest = min(self.largest, _DROPPED_SIZE)

    def remaining(self, error: Callable[[str], Exception]) -> float:
        """Return the seconds that are left; raise `error` when there are none."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise error("deadline")
        return left


class _Stream(httpcore2.NetworkStream):
    """A connection whose every step takes no longer than what is left of the request's deadline."""

    def __init__(self, inner: httpcore2.NetworkStream, exchange: _Exchange, handshakes: int) -> None:
        self._inner = inner
        self._exchange = exchange
        self._handshakes = handshakes

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, self._exchange.remaining(httpcore2.ReadTimeout))
        self._exchange.received += len(data)
        if self._exchange.received > self._exchange.largest + _BESIDE_BODY:
            raise _TooLarge
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE_SIZE):
            left = self._exchange.remaining(httpcore2.WriteTimeout)
            self._exchange.sent = self._handshakes <= 0  # until then it is only a proxy that is talked to
            self._inner.write(buffer[start : start + _WRITE_SIZE], left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Shake hands; the ssl module counts a handshake's time as a whole."""
        left = self._exchange.remaining(httpcore2.ConnectTimeout)
        inner = self._inner.start_tls(ssl_context, server_hostname, left)
        return _Stream(inner, self._exchange, self._handshakes - 1)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


Guard = Callable[[str, list[str]], bool]
"""Tells whether a host may be connected to at these addresses."""


class _Network(httpcore2.NetworkBackend):
    """Connects within the deadline: name lookup, then each address with its share of what is left.

    It is the addresses that were looked up, and judged by the guard, that are connected to: nobody looks again.
    """

    def __init__(self, exchange: _Exchange, guard: Guard | None) -> None:
        self._exchange = exchange
        self._guard = guard
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = _addresses(host, port, self._exchange.remaining(httpcore2.ConnectTimeout))
        if self._guard is not None and not self._guard(host, addresses):
            raise httpcore2.ConnectError("the name has no address that may be called")
        failure: Exception = httpcore2.ConnectError("the name has no address")
        for index, address in enumerate(addresses):
            share = self._exchange.remaining(httpcore2.ConnectTimeout) / (len(addresses) - index)
            try:
                inner = self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(inner, self._exchange, self._exchange.handshakes)
        raise failure


def _addresses(host: str, port: int, timeout: float) -> list[str]:
    """Look a name up. The system's resolver takes no time-out, so it runs in a thread that may be left behind."""
    answer: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError) as error:  # UnicodeError: a label of more than 63 characters
            answer.put(error)

    threading.Thread(target=look_up, name="grantkeeper-dns", daemon=True).start()
    try:
        found = answer.get(timeout=timeout)
    except queue.Empty:
        raise httpcore2.ConnectTimeout("the name lookup took too long") from None
    if isinstance(found, Exception):
        raise httpcore2.ConnectError("the name has no address")
    return found


class HttpTransport:
    """Sends requests to providers. One per process; threads share it, and its connections are kept for a few seconds.

    `proxy` is `http://[user:password@]host:port` (or https); `ca_file` a PEM file whose certificates are trusted
    instead of the system's. Nothing else changes them: not HTTPS_PROXY, not .netrc, not CURL_CA_BUNDLE. The system's
    certificates are found as OpenSSL does it, so SSL_CERT_FILE and SSL_CERT_DIR count. Verification cannot be disabled.

    `guard`, when given, says whether a host may be connected to, by what its name resolved to: each time before a
    connection is opened, which then goes to these addresses. With a `proxy` it is the proxy that looks names up.

    Plain http is for this machine: it never goes through the proxy, which would read it, and `localhost` has to
    resolve to loopback.

    Raises:
        Misconfigured: `proxy` is no such URL, or `ca_file` cannot be read.
    """

    def __init__(
        self,
        *,
        proxy: str | None = None,
        ca_file: str | None = None,
        max_connections: int = _MAX_CONNECTIONS,
        guard: Guard | None = None,
    ) -> None:
        self._exchange = _Exchange()
        self._guard, self._guard_here = guard if proxy is None else None, guard
        through = None if proxy is None else _proxy(proxy)
        self._proxy_handshakes = int(through is not None and through.url.scheme == b"https")
        self._settings: dict[str, Any] = {
            "ssl_context": _ssl_context(ca_file),
            "proxy": through,
            "max_connections": max_connections,
            "keepalive_expiry": _KEEPALIVE_SECONDS,
        }
        self._start_pools()
        self._inherited: list[object] = []
        in_child(self._forked)

    def _start_pools(self) -> None:
        away, here = _Network(self._exchange, self._guard), _Network(self._exchange, self._here)
        self._pool = httpcore2.ConnectionPool(**self._settings, network_backend=away)
        self._http = httpcore2.ConnectionPool(**{**self._settings, "proxy": None}, network_backend=here)

    def _here(self, host: str, addresses: list[str]) -> bool:
        """Tell whether plain http may go to this host."""
        return all(map(is_loopback, addresses)) and (self._guard_here is None or self._guard_here(host, addresses))

    def _forked(self) -> None:
        """Leave the parent's connections alone: two processes that read from one would get each other's answers."""
        self._inherited += (self._pool, self._http)
        self._exchange = _Exchange()
        self._start_pools()

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Send once and return the answer, whatever its status; redirects are answers too (RFC 9700 4.9).

        `deadline` covers all of it: waiting for a free connection, name lookup, connecting, TLS, writing, reading.

        Raises:
            ProviderUnavailable: no usable answer in time; `sent` is False when the request surely never left.
            InvalidInput: the URL is neither https nor on loopback.
        """
        if not is_target(request.url):
            raise InvalidInput(f"{printable(request.url, 200)!r} is not an https URL (http is for loopback only).")
        secure = urlsplit(request.url).scheme == "https"
        handshakes = self._proxy_handshakes + 1 if secure else 0
        self._exchange.begin(deadline, handshakes=handshakes, largest=request.largest)
        try:
            return self._once(self._pool if secure else self._http, request, deadline)
        except _TROUBLE as error:
            said = _said(error)
        except _TooLarge:
            said = f"sent more than {request.largest >> 20} MiB"
        except _Unasked:
            said = "answered before it was asked"
        except _Undecodable:
            said = "sent a compressed answer that cannot be read"
        # Raised out here, the error has no link to the library's: frames of that one hold the request's body.
        raise ProviderUnavailable(f"{urlsplit(request.url).netloc} {said}.", sent=self._exchange.sent)

    def close(self) -> None:
        """Close pooled connections."""
        self._pool.close()
        self._http.close()

    def _once(self, pool: httpcore2.ConnectionPool, request: Request, deadline: timedelta) -> Response:
        with pool.stream(
            request.method,
            request.url,
            headers=[*_OWN_HEADERS, *request.headers.items()],
            content=request.body,
            extensions={"timeout": {"pool": deadline.total_seconds()}},  # the others: see _Stream and _Network
        ) as answer:
            if self._exchange.received == 0:  # bytes left over from the answer before, maybe another owner's tokens
                raise _Unasked
            headers = _headers(answer.headers)
            if request.only_head:
                self._drop(answer)
                return Response(status=answer.status, headers=headers)
            body = _body(answer.iter_stream(), headers.get("content-encoding", ""), request.largest)
        return Response(status=answer.status, headers=headers, body=body)

    def _drop(self, answer: httpcore2.Response) -> None:
        """Read to the end of a body that nobody wants, if that is near; else its connection is closed."""
        self._exchange.end_soon()
        with contextlib.suppress(*_TROUBLE, _TooLarge):
            for _ in answer.iter_stream():
                pass


def _said(error: Exception) -> str:
    """Return what happened in our words. Only a failed connection's own are added: they quote no data."""
    if isinstance(error, httpcore2.ConnectTimeout | httpcore2.PoolTimeout):
        return "could not be connected to in time"
    if isinstance(error, httpcore2.ConnectError):
        return f"could not be connected to ({printable(str(error), 200)})"
    if isinstance(error, httpcore2.ProxyError):
        return "could not be reached through the proxy, which refused"
    if isinstance(error, httpcore2.TimeoutException):
        return "did not answer in time"
    if isinstance(error, httpcore2.NetworkError):
        return "broke the connection"
    return "did not answer as HTTP asks"


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name; repeated ones are one list (RFC 9110 5.3)."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _body(chunks: Iterable[bytes], encoding: str, largest: int) -> bytes:
    """Return the body of at most `largest` bytes, decompressed piece by piece (RFC 9110 8.4.1): a bomb never unfolds.

    We ask for no compression; gzip and deflate are read all the same, because some servers do not listen.
    """
    word = encoding.strip().casefold()
    if word in ("", "identity"):
        return _joined(chunks, largest)
    if word not in ("gzip", "x-gzip", "deflate"):
        raise _Undecodable
    unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: gzip and zlib headers are told apart
    try:
        body = _joined((unzip.decompress(chunk, largest + 1) for chunk in chunks), largest)
    except zlib.error:
        raise _Undecodable from None
    if not unzip.eof:
        raise _Undecodable
    return body


def _joined(chunks: Iterable[bytes], largest: int) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > largest:
            raise _TooLarge
    return bytes(body)


def _ssl_context(ca_file: str | None) -> ssl.SSLContext:
    try:
        context = httpcore2.default_ssl_context() if ca_file is None else ssl.create_default_context(cafile=ca_file)
    except OSError:  # ssl.SSLError is one
        context = None
    if context is None:
        raise Misconfigured(f"ca_file {printable(str(ca_file), 200)!r} holds no PEM certificates that can be read.")
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
    return context


def _proxy(url: str) -> httpcore2.Proxy:
    split = parts(url)
    if split is None or split.path.strip("/") or split.query or "#" in url:
        raise Misconfigured("proxy must be written as http://host:port, with user:password@ before the host if needed.")
    user, password = unquote(split.username or ""), unquote(split.password or "")
    port = f":{split.port}" if split.port else ""
    host = f"[{split.hostname}]" if ":" in (split.hostname or "") else split.hostname
    return httpcore2.Proxy(f"{split.scheme}://{host}{port}", auth=(user, password) if user else None)
