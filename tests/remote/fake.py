"""A server that answers as a function of the test says: the service as it is, or as nobody would want it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec

from grantkeeper.errors import GrantkeeperError
from grantkeeper.web.api import problems

KEY = "gk_" + "made1up2key3of4a5test6" * 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What came in; `query` has the last of doubled names."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, read."""
        return msgspec.json.decode(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes out; a body that is not bytes goes out as JSON. `hang_up`: nothing goes out at all."""

    status: int = 200
    body: object = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False


Answering = Callable[[Call], Answer]


def problem(error: str, status: int = 409, **members: object) -> Answer:
    """Return a problem document (RFC 9457)."""
    body = {"type": f"urn:grantkeeper:problem:{error}", "status": status, "error": error, **members}
    return Answer(status=status, body=body, headers={"content-type": "application/problem+json"})


def problem_of(error: GrantkeeperError) -> Answer:
    """Return an error as the service answers it."""
    said = problems.problem_of(error)
    headers = {name.decode(): value.decode() for name, value in problems.headers_of(said)}
    return Answer(status=said.status, body=said, headers=headers)


class Handler(BaseHTTPRequestHandler):
    """Passes each request to the fake."""

    protocol_version = "HTTP/1.1"
    fake: Fake

    def answer(self) -> None:
        """Answer any method."""
        split = urlsplit(self.path)
        call = Call(
            method=self.command,
            path=split.path,
            query=dict(parse_qsl(split.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers["content-length"] or 0)),
        )
        self.fake.calls.append(call)
        made = self.fake.answering(call)
        if made.hang_up:
            self.close_connection = True
            return
        body = made.body if isinstance(made.body, bytes) else msgspec.json.encode(made.body)
        self.send_response(made.status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(body)),
            **made.headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Fake:
    """Serves `answering`, which a test may replace at any time. `calls` are what came in."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.calls: list[Call] = []
        handler = type("FakeHandler", (Handler,), {"fake": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # who hangs up early is at rights
        self._server.socket.listen(128)  # more callers come at once than http.server expects
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def paths(self) -> list[str]:
        """Return method and path of each call."""
        return [f"{each.method} {each.path}" for each in self.calls]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
