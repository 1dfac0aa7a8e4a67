"""Servers that misbehave for real: bytes on a socket, as a script says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


class Hangup(Exception):
    """The other side is gone."""


@dataclass
class Peer:
    """One connection, seen from the server."""

    sock: socket.socket
    over: threading.Event

    def request(self) -> bytes:
        """Read one request, headers and body by its Content-Length."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._received()
        head, _, body = head.partition(b"\r\n\r\n")
        lines = [line.lower() for line in head.split(b"\r\n")]
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += self._received()
        return head + b"\r\n\r\n" + body

    def _received(self) -> bytes:
        data = self.sock.recv(65536)
        if not data:
            raise Hangup
        return data

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.sock.sendall(data)

    def drip(self, data: bytes, *, every: float) -> None:
        """Send byte by byte, with a pause after each, until the test is over."""
        for byte in data:
            self.send(bytes([byte]))
            if self.over.wait(every):
                return

    def hang(self) -> None:
        """Say nothing more until the test is over."""
        self.over.wait(30)


Script = Callable[[Peer], None]


@dataclass
class RawServer:
    """A listening server and what came in."""

    port: int
    connections: int = 0
    received: list[bytes] = field(default_factory=list, repr=False)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def raw_server(script: Script, *, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Run `script` for each connection, one thread each, until the block ends."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(port=listener.getsockname()[1])

        def serve(sock: socket.socket) -> None:
            with contextlib.suppress(OSError, Hangup), _secured(sock, tls) as secured:
                sockets.append(secured)
                script(_Noting(secured, over, server))

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    server.connections += 1
                    sockets.append(sock)
                    threads.append(threading.Thread(target=serve, args=(sock,)))
                    threads[-1].start()

        sockets = [listener]
        threads = [threading.Thread(target=accept)]
        threads[0].start()
        try:
            yield server
        finally:
            over.set()
            for sock in sockets:
                with contextlib.suppress(OSError):  # closed already
                    sock.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(10)


class _Noting(Peer):
    def __init__(self, sock: socket.socket, over: threading.Event, server: RawServer) -> None:
        super().__init__(sock, over)
        self._server = server

    def request(self) -> bytes:
        request = super().request()
        self._server.received.append(request)
        return request


def _secured(sock: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    if tls is None:
        return sock
    try:
        return tls.wrap_socket(sock, server_side=True)
    except OSError:
        sock.close()
        raise


def answering(answer: bytes) -> Script:
    """Return a script that answers every request on a connection with these bytes."""

    def script(peer: Peer) -> None:
        while True:
            peer.request()
            peer.send(answer)

    return script


def response(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    """Return a well-formed answer."""
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body
