"""What the transport bears: a provider, or what stands before it, that misbehaves on the wire."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper import http
from grantkeeper.errors import InvalidInput, ProviderUnavailable
from grantkeeper.http import HttpTransport
from grantkeeper.model import Request, Response, Transport
from transport.rawserver import Peer, RawServer, Script, answering, raw_server, response

DEADLINE = timedelta(seconds=0.4)
SLACK = 0.5
"""Two busy cores may be late by that much; a deadline that does not hold is late by seconds."""

HEAD = b"HTTP/1.1 200 OK\r\n"
MAX_BODY = 1024 * 1024
"""What a request allows by default."""


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    """A transport that is closed at the end."""
    made = HttpTransport()
    yield made
    made.close()


def post(url: str, body: bytes = b"grant_type=refresh_token") -> Request:
    """Return a request such as those to a token endpoint."""
    return Request(
        method="POST", url=f"{url}/token", headers={"content-type": "application/x-www-form-urlencoded"}, body=body
    )


def failure(transport: HttpTransport, url: str, deadline: timedelta = DEADLINE) -> ProviderUnavailable:
    """Send, and return the error; the deadline must have held."""
    began = time.monotonic()
    with pytest.raises(ProviderUnavailable) as caught:
        transport.send(post(url), deadline=deadline)
    assert time.monotonic() - began < deadline.total_seconds() + SLACK
    return caught.value


def test_an_answer_comes_back_as_a_value(transport: Transport) -> None:
    """Status, lower-case headers with repeated ones joined, and the body."""
    with raw_server(answering(response(b'{"a":1}', headers="X-Two: a\r\nX-Two: b\r\n"))) as server:
        answer = transport.send(post(server.url), deadline=DEADLINE)

    assert answer == Response(status=200, headers={"content-length": "7", "x-two": "a, b"}, body=b'{"a":1}')
    sent = server.received[0].lower()
    assert sent.startswith(b"post /token http/1.1\r\n")
    assert b"accept-encoding: identity" in sent
    assert sent.endswith(b"\r\n\r\ngrant_type=refresh_token")


def test_a_connection_is_used_again(transport: HttpTransport) -> None:
    """A second request needs no second handshake."""
    with raw_server(answering(response(b"{}"))) as server:
        for _ in range(3):
            transport.send(post(server.url), deadline=DEADLINE)

        assert server.connections == 1


def drip_body(peer: Peer) -> None:
    """One byte of the body each 20 ms, for ever."""
    peer.request()
    peer.send(HEAD + b"content-length: 100000\r\n\r\n")
    peer.drip(b" " * 100_000, every=0.02)


def drip_headers(peer: Peer) -> None:
    """One byte of the headers each 20 ms."""
    peer.request()
    peer.drip(HEAD + b"x: " + b"y" * 100_000, every=0.02)


def drip_chunks(peer: Peer) -> None:
    """Chunk upon chunk, without end."""
    peer.request()
    peer.send(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    peer.drip(b"1\r\n \r\n" * 100_000, every=0.02)


def slow_1xx(peer: Peer) -> None:
    """Informational answers, one each 20 ms."""
    peer.request()
    while not peer.over.wait(0.02):
        peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")


def say_nothing(peer: Peer) -> None:
    """Take the request, answer nothing."""
    peer.request()
    peer.hang()


def never_read(peer: Peer) -> None:
    """Accept the connection and read nothing."""
    peer.hang()


@pytest.mark.parametrize("script", [drip_body, drip_headers, drip_chunks, slow_1xx, say_nothing, never_read])
def test_no_drip_outlives_the_deadline(transport: HttpTransport, script: Script) -> None:
    """R-33: slow drip, header drip, never-ending body, informational answers, silence."""
    with raw_server(script) as server:
        error = failure(transport, server.url)

    assert error.sent
    assert "in time" in str(error)


def endless_body(peer: Peer) -> None:
    """As many bytes as the line carries."""
    peer.request()
    peer.send(HEAD + b"\r\n")
    while not peer.over.is_set():
        peer.send(b"x" * 65536)


def endless_headers(peer: Peer) -> None:
    """Header lines without end."""
    peer.request()
    peer.send(HEAD)
    while not peer.over.is_set():
        peer.send(b"x: " + b"y" * 4096 + b"\r\n")


def flood_1xx(peer: Peer) -> None:
    """Informational answers as fast as the line carries."""
    peer.request()
    while not peer.over.is_set():
        peer.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 1000)


def too_long(peer: Peer) -> None:
    """One byte more than the limit."""
    peer.request()
    peer.send(response(b"x" * (MAX_BODY + 1)))


def bomb(peer: Peer) -> None:
    """200 MB of zeros in 200 kB."""
    peer.request()
    peer.send(response(BOMB, headers="content-encoding: gzip\r\n"))


def make_bomb() -> bytes:
    """Return 200 MB of zeros, compressed, without ever holding them."""
    zipper = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    piece = b"\0" * 1_000_000
    return b"".join(zipper.compress(piece) for _ in range(200)) + zipper.flush()


BOMB = make_bomb()


@pytest.mark.parametrize("script", [endless_body, endless_headers, flood_1xx, too_long, bomb])
def test_no_flood_goes_past_the_cap(transport: HttpTransport, script: Script) -> None:
    """R-33: 10 GB body, header flood, 1xx flood, gzip bomb: cut at 1 MiB, long before the deadline."""
    with raw_server(script) as server:
        error = failure(transport, server.url, timedelta(seconds=20))

    assert error.sent


def test_a_bomb_is_never_unfolded() -> None:
    """R-33: each piece is decompressed to the cap and no further, so memory stays flat."""
    tracemalloc.start()
    with pytest.raises(http._TooLarge):
        http._body([BOMB], "gzip", MAX_BODY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 8 * MAX_BODY


def close_in_headers(peer: Peer) -> None:
    """Hang up in the middle of the headers."""
    peer.request()
    peer.send(HEAD + b"content-le")


def close_in_body(peer: Peer) -> None:
    """Hang up in the middle of the body: Content-Length promises more."""
    peer.request()
    peer.send(HEAD + b'content-length: 100\r\n\r\n{"access_token"')


def close_in_chunk(peer: Peer) -> None:
    """Hang up before the last chunk."""
    peer.request()
    peer.send(HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n")


def close_at_once(peer: Peer) -> None:
    """Take the request and hang up."""
    peer.request()


def no_http(peer: Peer) -> None:
    """Answer as another protocol would."""
    peer.request()
    peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")


def broken_gzip(peer: Peer) -> None:
    """Half of a compressed body, with a Content-Length that fits."""
    peer.request()
    peer.send(response(gzip.compress(b"{}" * 100)[:20], headers="content-encoding: gzip\r\n"))


def no_gzip(peer: Peer) -> None:
    """Clear text that claims to be compressed."""
    peer.request()
    peer.send(response(b"{}", headers="content-encoding: gzip\r\n"))


def unknown_encoding(peer: Peer) -> None:
    """An encoding that was not asked for."""
    peer.request()
    peer.send(response(b"{}", headers="content-encoding: br\r\n"))


def negative_length(peer: Peer) -> None:
    """A Content-Length that is none."""
    peer.request()
    peer.send(HEAD + b"content-length: -5\r\n\r\n{}")


def two_lengths(peer: Peer) -> None:
    """Two Content-Lengths that disagree."""
    peer.request()
    peer.send(HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}x")


@pytest.mark.parametrize(
    "script",
    [
        close_in_headers,
        close_in_body,
        close_in_chunk,
        close_at_once,
        no_http,
        broken_gzip,
        no_gzip,
        unknown_encoding,
        negative_length,
        two_lengths,
    ],
)
def test_a_broken_answer_is_an_unknown_outcome(transport: HttpTransport, script: Script) -> None:
    """R-33, R-11: close mid-body, wrong Content-Length, garbage: the request was sent, nobody knows what it did."""
    with raw_server(script) as server:
        error = failure(transport, server.url)

    assert error.sent
    assert error.retry_after is None


def test_a_body_longer_than_its_length_is_cut(transport: HttpTransport) -> None:
    """R-33: wrong Content-Length, too small: what follows is not part of the answer."""
    with raw_server(answering(HEAD + b"content-length: 2\r\n\r\n{}trailing")) as server:
        assert transport.send(post(server.url), deadline=DEADLINE).body == b"{}"


def test_an_answer_left_over_is_never_taken_for_the_next(transport: HttpTransport) -> None:
    """R-33: a server that answers twice does not hand one owner's tokens to the next request on the connection."""
    with raw_server(answering(response(b"{}") + response(b"another's"))) as server:
        assert transport.send(post(server.url), deadline=DEADLINE).body == b"{}"
        assert failure(transport, server.url).sent
        assert transport.send(post(server.url), deadline=DEADLINE).body == b"{}"


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b'{"a":1}')),
        ("x-gzip", gzip.compress(b'{"a":1}')),
        ("Deflate", zlib.compress(b'{"a":1}')),
        ("identity", b'{"a":1}'),
    ],
)
def test_compressed_answers_are_read_although_none_was_asked(
    transport: HttpTransport, encoding: str, packed: bytes
) -> None:
    """Some servers compress whatever they are asked."""
    with raw_server(answering(response(packed, headers=f"content-encoding: {encoding}\r\n"))) as server:
        assert transport.send(post(server.url), deadline=DEADLINE).body == b'{"a":1}'


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_redirects_are_answers_and_not_followed(transport: HttpTransport, status: str) -> None:
    """O-41: a 3xx of a token endpoint would carry the secret elsewhere; the attacker's log stays empty."""
    with raw_server(answering(response(b"stolen"))) as attacker:
        moved = response(b"", status=status, headers=f"location: {attacker.url}/token\r\n")
        with raw_server(answering(moved)) as server:
            answer = transport.send(post(server.url), deadline=DEADLINE)

        assert attacker.connections == 0
    assert answer.status == int(status[:3])


def test_a_refused_connection_was_surely_not_sent(transport: HttpTransport) -> None:
    """R-11: nobody listens, so the refresh token is surely unused."""
    with raw_server(never_read) as server:
        pass

    assert not failure(transport, server.url).sent


def test_an_unknown_name_was_surely_not_sent(transport: HttpTransport) -> None:
    """R-11, R-36: NXDOMAIN; also a name that DNS cannot even ask for."""
    for host in ("nowhere.invalid", "a" * 64 + ".invalid"):
        assert not failure(transport, f"https://{host}", timedelta(seconds=5)).sent


def test_a_slow_name_lookup_ends_with_the_deadline(transport: HttpTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-36: the system's resolver takes no time-out, the deadline holds all the same."""
    over = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_args, **_options: over.wait(30) and [])

    error = failure(transport, "https://slow.invalid")
    over.set()

    assert not error.sent
    assert "in time" in str(error)


def test_a_dead_address_leaves_time_for_the_next(transport: HttpTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-36: dual-stack with a broken first address: the second is tried within the deadline."""
    with raw_server(answering(response(b"{}"))) as server:
        look_up = socket.getaddrinfo

        def dual_stack(host: str, *args: Any, **options: Any) -> list[Any]:
            hosts = ("127.0.0.2", "127.0.0.1") if host == "localhost" else (host,)
            return [entry for each in hosts for entry in look_up(each, *args, **options)]

        monkeypatch.setattr("socket.getaddrinfo", dual_stack)

        assert transport.send(post(f"http://localhost:{server.port}"), deadline=DEADLINE).status == 200


def test_a_full_pool_is_waited_for_within_the_deadline() -> None:
    """R-11, R-33: the wait for a free connection counts, and nothing was sent then."""
    transport = HttpTransport(max_connections=1)
    with raw_server(say_nothing) as server:
        first = threading.Thread(target=lambda: failure(transport, server.url, timedelta(seconds=1)))
        first.start()
        while not server.received:
            first.join(0.01)

        error = failure(transport, server.url, timedelta(seconds=0.2))
        first.join()
    transport.close()

    assert not error.sent


def test_deadlines_of_threads_do_not_mix(transport: HttpTransport) -> None:
    """One thread's long deadline does not save another's drip, and a short one does not cut another's answer."""

    def later(peer: Peer) -> None:
        peer.request()
        peer.over.wait(0.6)
        peer.send(response(b"{}"))

    answers: list[int] = []
    with raw_server(later) as slow, raw_server(drip_body) as dripping:
        patient = threading.Thread(
            target=lambda: answers.append(transport.send(post(slow.url), deadline=timedelta(seconds=5)).status)
        )
        patient.start()
        failure(transport, dripping.url, timedelta(seconds=0.2))
        patient.join()

    assert answers == [200]


@pytest.mark.parametrize(
    "url", ["http://example.com/token", "ftp://127.0.0.1/", "https://a:b@example.com/", "/token", "http://[::1/", ""]
)
def test_only_https_and_loopback_are_talked_to(transport: HttpTransport, url: str) -> None:
    """O-36: a secret never leaves this machine in clear."""
    with pytest.raises(InvalidInput):
        transport.send(Request(method="GET", url=url), deadline=DEADLINE)


CANARY = "canary-refresh-token-6c1f"


def leaks(error: BaseException) -> bool:
    """Return True when a traceback with every frame's local values shows the canary."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return CANARY in "".join(shown.format())


@pytest.mark.parametrize("script", [say_nothing, close_at_once, close_in_body, no_http, too_long, broken_gzip])
def test_no_secret_is_in_the_chain_of_a_failure(
    transport: HttpTransport, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    """V-22: not in tracebacks with local values, not behind __context__, not in logs at DEBUG."""
    caplog.set_level(logging.DEBUG)
    with raw_server(script) as server, pytest.raises(ProviderUnavailable) as caught:
        transport.send(post(server.url, f"refresh_token={CANARY}".encode()), deadline=timedelta(seconds=0.2))

    assert CANARY in server.received[0].decode()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert not leaks(caught.value)
    assert CANARY not in caplog.text
    assert "httpcore2" in caplog.text  # the library does log at DEBUG: the line above proves something


def test_a_traceback_that_leaks_would_be_found() -> None:
    """The measure of the test before finds a secret in a frame."""

    def frame() -> None:
        body = CANARY  # noqa: F841
        raise ValueError

    with pytest.raises(ValueError) as caught:
        frame()
    assert leaks(caught.value)


def test_servers_of_these_tests_note_what_came_in() -> None:
    """An empty log means that nobody called."""
    with raw_server(answering(response(b"{}"))) as server:
        assert isinstance(server, RawServer)
        assert (server.connections, server.received) == (0, [])
