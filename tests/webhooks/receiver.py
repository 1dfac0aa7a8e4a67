"""Somebody who is told: a real HTTP server, whose answers a test chooses."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Headers = dict[str, str]
Answer = tuple[int, Headers]
NOTED: Answer = (204, {})


@dataclass
class Message:
    """What came in: headers by lower-case name, and the exact bytes."""

    headers: Headers
    body: bytes


@dataclass
class Receiver:
    """Where it listens, what came in, and what is answered: `answers` one after the other, then what `judge` says."""

    url: str
    messages: list[Message] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    judge: Callable[[Message], Answer] = lambda _: NOTED
    hangs: threading.Event | None = None
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def take(self, message: Message) -> Answer:
        """Note a message and return the answer to it."""
        self.messages.append(message)
        self.came.release()
        if self.hangs is not None:
            self.hangs.wait(30)
        return self.answers.popleft() if self.answers else self.judge(message)


@contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[Receiver]:
    """Listen until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = receiver.take(Message(headers, body))
            self.send_response(status)
            for name, value in {"content-length": "0", **answer}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            return

    with ThreadingHTTPServer((host, 0), Handler) as server:
        server.daemon_threads = True
        receiver = Receiver(url=f"http://{host}:{server.server_port}/in")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            if receiver.hangs is not None:
                receiver.hangs.set()
            server.shutdown()
            thread.join(10)
