"""The loopback listener: one address of this machine, one answer, then closed (RFC 8252 7.3 and 8.3)."""

from __future__ import annotations

import os
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from grantkeeper.errors import InvalidInput, Misconfigured

from . import page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from grantkeeper.model import Grant

_NAMES: Final = ("127.0.0.1", "localhost")
"""What a browser of this machine may call us; any other Host header is DNS rebinding."""
_STALL: Final = 10.0
"""Seconds that a connection may say nothing: browsers open connections ahead and leave them silent."""
_MAX_TARGET: Final = 16 * 1024
"""The longest request target, as the keeper's own limit for a callback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """The browser has to go to the provider once more, and will come back here."""

    url: str


class Answered:
    """What the browser is told, and what the command ends with."""

    __slots__ = ("ending", "html")

    def __init__(self, html: str, ending: Grant | Exception) -> None:
        self.html = html
        self.ending = ending


class Listener:
    """Waits on the loopback interface for the browser to come back; `redirect_uri` is where it has to come."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self.redirect_uri = server.redirect_uri

    def expect(self, answer: Callable[[str], Onward | Answered]) -> None:
        """From now on let `answer` turn the query of the one hit into what happens next."""
        self._server.answer = answer

    def wait(self, timeout: timedelta) -> Grant:
        """Return the grant that the hit ended in.

        Raises:
            TimeoutError: nobody came in time.
            GrantkeeperError: what the hit ended in otherwise.
        """
        ending = self._server.ending.result(timeout.total_seconds())
        if isinstance(ending, Exception):
            raise ending
        return ending


@contextmanager
def listening(redirect_uri: str, *, any_port: bool) -> Iterator[Listener]:
    """Listen where `redirect_uri` points; on a random port when the provider accepts any (installed clients).

    Raises:
        InvalidInput: the URI is not plain http on this machine's loopback interface.
        Misconfigured: its port is taken.
    """
    parts = urlsplit(redirect_uri)
    if parts.scheme != "http" or parts.hostname not in _NAMES:
        raise InvalidInput(
            f"The redirect URI {redirect_uri} is not on this machine, so the browser would not come back here.",
            advice="Use a client of the kind Desktop app, or register http://127.0.0.1:8765/callback for this one and "
            "set it as redirect_uri; or let the owner connect through your web app.",
        )
    port = 0 if any_port else (parts.port or 80)
    try:
        server = _Server(port, parts.path or "/")
    except OSError as error:
        what = error.strerror or type(error).__name__
        advice = "Another program may use it (`grantkeeper serve`?): stop it, or register another port."
        raise Misconfigured(f"Cannot listen on 127.0.0.1:{port}: {what}.", advice=advice) from error
    server.redirect_uri = f"http://127.0.0.1:{server.server_port}{server.path}" if any_port else redirect_uri
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="loopback", daemon=True)
    thread.start()
    try:
        yield Listener(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    """One listener's server. A thread per connection, so that a silent connection holds up nobody."""

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # elsewhere it lets a second program listen on the same port

    def __init__(self, port: int, path: str) -> None:
        self.path = path
        self.redirect_uri = ""
        self.answer: Callable[[str], Onward | Answered] | None = None
        self.ending: Future[Grant | Exception] = Future()
        self._lock = Lock()
        self._taken = False
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Bind without the name look-up that http.server does (it may ask a DNS server)."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: what a broken connection carried may be a code."""

    def take(self, query: str) -> Onward | Answered | None:
        """Answer the hit, or return None when there was one already (O-23)."""
        with self._lock:
            if self._taken or self.answer is None:
                return None
            answer = self.answer(query)
            self._taken = isinstance(answer, Answered)
            return answer


class _Handler(BaseHTTPRequestHandler):
    """Answers GET of the one path, from a browser of this machine, once."""

    server: _Server
    timeout = _STALL
    server_version = "grantkeeper"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer the hit; whatever else a browser asks for (an icon) is not there."""
        target = urlsplit(self.path)
        if not self._from_here() or target.path != self.server.path or len(self.path) > _MAX_TARGET:
            self._send(404, page.html("Nothing here", "This address only waits for one answer."))
            return
        if not target.query:
            self._send(404, page.html("Waiting", "Nothing came with this request; the answer is still awaited."))
            return
        answer = self.server.take(target.query)
        if answer is None:
            self._send(410, page.html("Already answered", "The answer was taken; you can close this page."))
        elif isinstance(answer, Onward):
            self._send(303, "", location=answer.url)
        else:
            try:
                self._send(400 if isinstance(answer.ending, Exception) else 200, answer.html)
            finally:  # last of all: the command ends with it, and the page has to be out by then
                self.server.ending.set_result(answer.ending)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the request line holds the code."""

    def _from_here(self) -> bool:
        host = self.headers.get("Host", "")
        return host in {f"{name}:{self.server.server_port}" for name in _NAMES} | (
            set(_NAMES) if self.server.server_port == 80 else set()
        )

    def _send(self, status: int, html: str, *, location: str = "") -> None:
        body = html.encode()
        self.send_response(status)
        for name, value in page.HEADERS.items():
            self.send_header(name, value)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True
