"""A server that answers as it is told, for what the emulator has no verb for: redirects, and a 401 at every call."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What came in."""

    method: str
    path: str
    host: str
    token: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """What goes out."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


class Handler(BaseHTTPRequestHandler):
    """Tells a `Told` what came in, and answers what it says."""

    protocol_version = "HTTP/1.1"
    told: Told

    def answer(self) -> None:
        """Answer any method."""
        self.told.calls.append(self.call())
        tell = self.told.answers.popleft() if self.told.answers else Tell()
        self.send_response(tell.status)
        for name, value in {"content-length": str(len(tell.body)), **tell.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(tell.body)

    do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server looks for

    def call(self) -> Call:
        """Read what came in."""
        return Call(
            method=self.command,
            path=self.path,
            host=self.headers["host"].partition(":")[0],
            token=(self.headers["authorization"] or "").removeprefix("Bearer "),
            body=self.body(),
        )

    def body(self) -> bytes:
        """Read the body, in one piece or in chunks (RFC 9112 7.1)."""
        if self.headers["transfer-encoding"] != "chunked":
            return self.rfile.read(int(self.headers["content-length"] or 0))
        read = b""
        while size := int(self.rfile.readline(), 16):
            read += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return read

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Told:
    """Answers with what `answers` has, in order, then with 200. `calls` are what came in."""

    def __init__(self) -> None:
        self.answers: deque[Tell] = deque()
        self.calls: list[Call] = []
        handler = type("ToldHandler", (Handler,), {"told": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def elsewhere(self) -> str:
        """Where it is reached as well: to clients, another host."""
        return f"http://localhost:{self._server.server_port}"

    @property
    def tokens(self) -> list[str]:
        """The tokens that came in, "" for none."""
        return [each.token for each in self.calls]

    def redirect(self, to: str, status: int = 302) -> None:
        """Answer the next call with a redirect."""
        self.answers.append(Tell(status=status, headers={"location": to}))

    def refuse(self, times: int = 1) -> None:
        """Answer the next calls with a 401."""
        self.answers.extend(Tell(status=401, body=b"no") for _ in range(times))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
