"""The emulator on a port: an ASGI application, and a server in a thread for tests and the command line."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from grantkeeper.emulator.oauth.faults import AnswerLost
from grantkeeper.emulator.wire import Request, Response

if TYPE_CHECKING:
    import uvicorn

    from grantkeeper.emulator.core import Emulator

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Hangup = Callable[[Scope], None]

_WORKERS = 64
"""Answers that wait on purpose hold a thread each; tests let dozens wait at once."""
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Where the emulator is reached. `ca_file` is the PEM of the authority behind the gRPC side's certificate."""

    url: str
    grpc_target: str | None
    ca_file: Path


def asgi(emulator: Emulator, hang_up: Hangup | None = None) -> App:
    """Return an ASGI 3 application; `hang_up` closes a connection whose answer shall be lost."""
    workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="emulator")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send, workers)
            return
        try:
            body = await _body(receive)
        except _HalfARequest:
            return
        if body is None:
            await _send(send, Response(status=413), head=False)
            return
        request = _request(scope, body)
        try:
            response = await asyncio.get_running_loop().run_in_executor(workers, emulator.handle, request)
        except AnswerLost:
            if hang_up is None:
                raise
            hang_up(scope)
            while (await receive())["type"] != "http.disconnect":
                continue
            return
        await _send(send, response, head=scope["method"] == "HEAD")

    return app


async def _lifespan(receive: Receive, send: Send, workers: ThreadPoolExecutor) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            workers.shutdown(wait=False)
            await send({"type": "lifespan.shutdown.complete"})
            return


class _HalfARequest(Exception):
    """The client went before its request was whole: nothing is done of it."""


async def _body(receive: Receive) -> bytes | None:
    """Return the body, or None if it is too long."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _HalfARequest
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > _MOST_BYTES:
            return None
    return body


def _request(scope: Scope, body: bytes) -> Request:
    query = scope["query_string"].decode("latin-1")
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(method=method, url=f"{path}?{query}" if query else path, headers=headers, body=body)


async def _send(send: Send, response: Response, *, head: bool) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else response.body})


@contextmanager
def serve(
    emulator: Emulator, host: str = "127.0.0.1", port: int = 0, *, grpc: bool = False, grpc_port: int = 0
) -> Iterator[Serving]:
    """Serve until the block is left. It answers when the block is entered; port 0 takes a free one.

    The emulator's `base_url` becomes the URL it is served at. Leaving lets go of every answer that waits.
    """
    _, certificate, key = _certificate()
    with tempfile.TemporaryDirectory(prefix="emulator-") as folder, socket.create_server((host, port)) as listener:
        ca_file = Path(folder) / "ca.pem"
        ca_file.write_bytes(authority())
        emulator.base_url = f"http://{_literal(host)}:{listener.getsockname()[1]}"
        rpc = _start_grpc(emulator, grpc_port, certificate, key) if grpc else None
        try:
            with _http(emulator, listener):
                yield Serving(
                    url=emulator.base_url, grpc_target=f"localhost:{rpc.port}" if rpc else None, ca_file=ca_file
                )
        finally:
            if rpc:
                rpc.stop()


def _literal(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _start_grpc(emulator: Emulator, port: int, certificate: bytes, key: bytes) -> Any:
    from grantkeeper.emulator.apis import ads_grpc

    return ads_grpc.start(emulator, port, certificate, key)


@contextmanager
def _http(emulator: Emulator, listener: socket.socket) -> Iterator[None]:
    ready = threading.Event()
    server = _server(emulator, ready)
    thread = threading.Thread(target=_run, args=(server, listener, ready), name="emulator-http", daemon=True)
    thread.start()
    ready.wait()
    try:
        if not server.started:
            raise RuntimeError("the emulator's server did not start")
        yield
    finally:
        server.should_exit = True
        emulator.release()
        thread.join()


def _server(emulator: Emulator, ready: threading.Event) -> uvicorn.Server:
    """Return a server that sets `ready` when it answers, and can close a connection without an answer."""
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    open_now: dict[Any, asyncio.Transport] = {}

    class Protocol(H11Protocol):
        """Knows the open connections, so that one can be closed without an answer."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            open_now[tuple(transport.get_extra_info("peername")[:2])] = transport
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            open_now.pop(tuple(self.transport.get_extra_info("peername")[:2]), None)
            super().connection_lost(exc)

    class Server(uvicorn.Server):
        """Says when it answers."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

    app = asgi(emulator, lambda scope: open_now[tuple(scope["client"])].abort())
    options: dict[str, Any] = {"proxy_headers": False, "server_header": False, "log_config": None, "access_log": False}
    return Server(uvicorn.Config(app, http=Protocol, timeout_graceful_shutdown=5, **options))


def _run(server: uvicorn.Server, listener: socket.socket, ready: threading.Event) -> None:
    try:
        server.run(sockets=[listener])
    finally:
        ready.set()


def authority() -> bytes:
    """Return the PEM of the authority behind every gRPC server of this process.

    One for all of them: gRPC reads GRPC_DEFAULT_SSL_ROOTS_FILE_PATH once, so a client could not follow a change.
    """
    return _certificate()[0]


@cache
def _certificate() -> tuple[bytes, bytes, bytes]:
    """Return an authority's certificate, and a certificate for localhost with its key, all PEM; good for a month."""
    now = datetime.now(UTC)  # TLS is checked against the wall clock, not the emulator's
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Emulator authority")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
        )

    hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    root = builder(issuer, authority_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    leaf = builder(name, key.public_key()).add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signed = (each.sign(authority_key, hashes.SHA256()).public_bytes(pem) for each in (root, leaf))
    return (*signed, private)  # type: ignore[return-value]
