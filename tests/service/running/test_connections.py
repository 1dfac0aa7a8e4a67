"""A connection of `grantkeeper serve`: one reading of each request, and no connection that is held for ever."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grantkeeper import Keeper, Settings
from service.replicas import Replica, replica_alone, talk

HURRIED = """
from grantkeeper.cli import main
from grantkeeper.cli.running import connection, server
connection.UNREAD = 3.0
connection.UNREAD_AT_END = 1.0
server.KEEP_ALIVE = 2
main()
"""
"""The program with shorter patience, so that nobody has to wait for a minute."""
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
LAST = HEALTH + b"Connection: close\r\n\r\n"
DOCUMENT = b"GET /openapi.json HTTP/1.1\r\nHost: grants.example.com\r\n\r\n"
ORDER = json.dumps({"owner": "acme", "client": "nobody"}).encode()
OFFERS = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n",
    "websocket": b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    "made up": b"Connection: keep-alive, Upgrade\r\nUpgrade: x\r\n",
}


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[Replica]:
    """The service as a process that loses patience soon."""
    with replica_alone(tmp_path, sys.executable, "-c", HURRIED) as replica:
        yield replica


def key_of(replica: Replica, *scopes: str) -> bytes:
    """Return a new API key."""
    with Keeper.from_settings(Settings.load(replica.folder / "grantkeeper.toml", {})) as keeper:
        return keeper.keys.create("a program", scopes).secret.reveal().encode()


def post(body: bytes, *, head: bytes = b"", chunked: bool = False) -> tuple[bytes, bytes]:
    """Return a request for a link, its head and its body."""
    size = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    start = b"POST /v1/links HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    return start + head + size + b"\r\n\r\n", sent


def statuses(found: bytes) -> list[int]:
    """Return the statuses of the answers."""
    return [int(part[:3]) for part in found.split(b"HTTP/1.1 ")[1:]]


# --- one reading ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_a_body_is_no_request_whatever_protocol_is_offered(served: Replica, offer: bytes, chunked: bool) -> None:
    """V-48: smuggling: a proxy that frames by the body's size gets one answer for it (RFC 9110 7.8)."""
    head, body = post(HEALTH + b"\r\n", head=offer, chunked=chunked)
    found = talk(served, head + body + LAST)
    assert statuses(found) == [401, 200]
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(head)
        connection.settimeout(0.3)
        begun = b""
        with contextlib.suppress(TimeoutError):  # answered early or not: the body comes in a piece of its own
            begun = connection.recv(65536)
        connection.settimeout(5)
        connection.sendall(body + LAST)
        while chunk := connection.recv(65536):
            begun += chunk
    assert statuses(begun) == [401, 200]


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
def test_an_offer_of_another_protocol_is_ignored(served: Replica, chunked: bool) -> None:
    """RFC 9110 7.8: some clients, Java's own for one, offer HTTP/2 with each first request."""
    key = b"Authorization: Bearer " + key_of(served, "links:write") + b"\r\n"
    plain, offered = (
        talk(served, *post(ORDER, head=key + more, chunked=chunked), LAST) for more in (b"", OFFERS["h2c"])
    )
    assert statuses(plain) == [404, 200]
    assert statuses(offered) == statuses(plain)
    assert b"nobody" in plain
    assert b"nobody" in offered


def test_what_comes_behind_an_offer_is_answered_too(served: Replica) -> None:
    """In one piece: each request in its order, with the body that is its own."""
    offer = OFFERS["h2c"]
    sent = (HEALTH + offer + b"\r\n") * 3 + b"".join(post(b"{}", head=offer)) + DOCUMENT + LAST
    assert statuses(talk(served, sent)) == [200, 200, 200, 401, 200, 200]
    closing = HEALTH + b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n"
    assert statuses(talk(served, closing)) == [200]


def test_nobody_gets_a_tunnel(served: Replica) -> None:
    """What follows a CONNECT is read by nobody (RFC 9110 9.3.6)."""
    found = talk(served, b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 99\r\n\r\n" + HEALTH + b"\r\n")
    assert statuses(found) == [501]
    assert b"connection: close" in found


@pytest.mark.parametrize("offer", [b"", OFFERS["h2c"]], ids=["plain", "with an offer"])
def test_who_asks_before_sending_a_body_is_told_to_go_on(served: Replica, offer: bytes) -> None:
    """RFC 9110 10.1.1: `Expect: 100-continue`."""
    key = b"Authorization: Bearer " + key_of(served, "links:write") + b"\r\nExpect: 100-continue\r\n"
    head, body = post(ORDER, head=key + offer)
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(head)
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body + LAST)
        found = b""
        while chunk := connection.recv(65536):
            found += chunk
    assert statuses(found) == [404, 200]


# --- no connection without end --------------------------------------------------------------------------------

HELD = {
    "idle": (HEALTH + b"\r\n",),
    "a stray line": (HEALTH + b"\r\n", b"\r\n"),
    "a body that never comes": (HEALTH + b"Content-Length: 10\r\n\r\n",),
    "a body that stops": (HEALTH + b"Content-Length: 10\r\n\r\n", b"x"),
    "chunks that stop": (HEALTH + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nab"),
    "an offer and a body that stops": (HEALTH + OFFERS["h2c"] + b"Content-Length: 10\r\n\r\n", b"x"),
}


@pytest.mark.parametrize("parts", HELD.values(), ids=HELD)
def test_nothing_that_is_no_request_keeps_a_connection(hurried: Replica, parts: tuple[bytes, ...]) -> None:
    """V-48: after an answer the next request has to begin in time; here in two seconds."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", hurried.port), timeout=7) as connection:
        connection.sendall(parts[0])
        found = connection.recv(65536)
        for part in parts[1:]:
            connection.sendall(part)
        while chunk := connection.recv(65536):
            found += chunk
    assert statuses(found) == [200]
    assert 1.5 < time.monotonic() - begun < 7


@pytest.mark.parametrize("piece", [b"\r\n", b"1\r\nx\r\n"], ids=["stray lines", "a body without end"])
def test_who_sends_on_after_an_answer_is_given_up_too(hurried: Replica, piece: bytes) -> None:
    """V-48: neither one piece nor many are a reason to wait longer."""
    head = HEALTH + (b"\r\n" if piece == b"\r\n" else b"Transfer-Encoding: chunked\r\n\r\n")
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", hurried.port), timeout=5) as connection:
        connection.sendall(head)
        assert statuses(connection.recv(65536)) == [200]
        ended = False
        while not ended and time.monotonic() < begun + 10:
            with contextlib.suppress(ConnectionError):
                connection.sendall(piece)
            if select.select([connection], [], [], 0.2)[0]:
                with contextlib.suppress(ConnectionError):
                    assert connection.recv(100) == b""
                ended = True
    assert ended
    assert time.monotonic() - begun < 7


def test_a_stream_outlives_the_patience_with_idle_connections(hurried: Replica) -> None:
    """Also when its head began to come before the last answer was out; keep-alive comments are enough."""
    key = key_of(hurried, "events:read")
    head = (
        b"GET /v1/events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nAuthorization: Bearer " + key + b"\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", hurried.port), timeout=10) as connection:
        connection.sendall(HEALTH + b"\r\n" + head[:40])
        assert statuses(connection.recv(65536)) == [200]
        connection.sendall(head[40:])
        found = connection.recv(65536)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            if select.select([connection], [], [], max(end - time.monotonic(), 0))[0]:
                chunk = connection.recv(65536)
                assert chunk, "it was closed"
                found += chunk
        assert statuses(found) == [200]
        hurried.process.send_signal(signal.SIGTERM)
        while chunk := connection.recv(65536):
            found += chunk
        assert found.endswith(b"0\r\n\r\n")
    assert hurried.process.wait(20) == 0


# --- nobody who does not read ---------------------------------------------------------------------------------

MANY = 60


def deaf(replica: Replica) -> socket.socket:
    """Return a connection on which much is asked for; little of the answers fits on the way to who does not read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", replica.port))
    connection.sendall(DOCUMENT * (MANY - 1) + DOCUMENT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    return connection


def is_held(replica: Replica, connection: socket.socket) -> bool:
    """Tell whether the service's end of a connection is open; the system's own rest of a closed one does not count."""
    ends = [f"0100007F:{port:04X}" for port in (replica.port, connection.getsockname()[1])]
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
    return any(line[1:4] == [*ends, "01"] for line in lines)


def until_given_up(replica: Replica, connection: socket.socket) -> float:
    """Wait until the service's end is closed; returns how long that took, in seconds."""
    begun = time.monotonic()
    assert is_held(replica, connection)
    while is_held(replica, connection):
        assert time.monotonic() < begun + 15
        time.sleep(0.05)
    return time.monotonic() - begun


def test_who_does_not_read_is_given_up(hurried: Replica) -> None:
    """V-48: here when nothing of what is sent was taken for three seconds."""
    with contextlib.closing(deaf(hurried)) as connection:
        assert until_given_up(hurried, connection) > 2
    assert hurried.is_ready()


def test_who_does_not_read_the_last_answer_is_given_up_too(hurried: Replica) -> None:
    """V-48: a connection that is closed already waits only for what it has sent."""
    with contextlib.closing(deaf(hurried)) as connection:
        connection.sendall(b"\x00\r\n\r\n" * 2)
        assert until_given_up(hurried, connection) > 2


def test_who_reads_slowly_gets_everything(hurried: Replica) -> None:
    """For three times as long as who takes nothing."""
    found, begun = bytearray(), time.monotonic()
    with contextlib.closing(deaf(hurried)) as connection:
        while time.monotonic() < begun + 9:
            found += connection.recv(2048)
            time.sleep(0.2)
        while chunk := connection.recv(1 << 20):
            found += chunk
    assert statuses(bytes(found)) == [200] * MANY


def test_who_does_not_read_does_not_hold_up_the_end(hurried: Replica) -> None:
    """R-57: nor is it an error that somebody went."""
    with contextlib.closing(deaf(hurried)):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", hurried.port, timeout=10)) as other:
            other.request("GET", "/openapi.json", headers={"Host": "grants.example.com"})  # its answers are under way
            assert other.getresponse().read()
        begun = time.monotonic()
        hurried.process.send_signal(signal.SIGTERM)
        assert hurried.process.wait(40) == 0
        assert time.monotonic() - begun < 10
    levels = [json.loads(line)["level"] for line in hurried.log.read_text().splitlines()]
    assert "error" not in levels
