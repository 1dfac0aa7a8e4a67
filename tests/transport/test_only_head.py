"""Answers of which only the status counts: whatever their bodies are, they are answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from grantkeeper.errors import ProviderUnavailable
from grantkeeper.http import HttpTransport
from grantkeeper.model import Request
from transport.rawserver import Peer, Script, answering, raw_server, response

DEADLINE = timedelta(seconds=10)
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    """A transport that is closed at the end."""
    made = HttpTransport()
    yield made
    made.close()


def post(url: str) -> Request:
    """Return a request such as those to a webhook endpoint."""
    return Request(method="POST", url=f"{url}/hook", body=b"{}", only_head=True)


def drip(peer: Peer) -> None:
    """Answer at once, and then a byte now and then, for ever."""
    peer.request()
    peer.send(HEAD + b"Content-Length: 1000\r\n\r\n")
    peer.drip(b"x" * 1000, every=0.05)


def hang(peer: Peer) -> None:
    """Answer at once, and never end the body."""
    peer.request()
    peer.send(HEAD + b"Content-Length: 1000\r\n\r\n")
    peer.hang()


@pytest.mark.parametrize(
    "script",
    [
        drip,
        hang,
        answering(HEAD + b"Content-Length: 5000000\r\n\r\n" + b"x" * 5_000_000),
        answering(HEAD + b"Content-Length: 100\r\n\r\nabc"),
        answering(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
        answering(HEAD + b"Content-Encoding: unheard-of\r\nContent-Length: 3\r\n\r\nabc"),
        answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
        answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\nno size\r\n"),
    ],
)
def test_a_body_that_nobody_wants_is_no_trouble(transport: HttpTransport, script: Script) -> None:
    """V-58: too large, too slow, cut off, broken: the status was there. The next request gets its own answer."""
    began = time.monotonic()
    with raw_server(script) as server:
        for _ in range(2):
            answer = transport.send(post(server.url), deadline=DEADLINE)
            assert (answer.status, answer.body) == (200, b"")
        assert len(server.received) == 2
    assert time.monotonic() - began < DEADLINE.total_seconds() / 2


def test_a_small_body_is_read_so_that_the_connection_can_be_used_again(transport: HttpTransport) -> None:
    """Most receivers say `ok`: no handshake for each post."""
    with raw_server(answering(response(b"ok"))) as server:
        for _ in range(3):
            assert transport.send(post(server.url), deadline=DEADLINE).status == 200
        assert server.connections == 1


def test_an_answer_without_a_head_is_none(transport: HttpTransport) -> None:
    """What only begins, or never comes, is trouble as ever."""
    with (
        raw_server(answering(HEAD + b"Content-")) as server,
        pytest.raises(ProviderUnavailable),
    ):
        transport.send(post(server.url), deadline=timedelta(seconds=0.4))
