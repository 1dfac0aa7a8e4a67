"""What breaks on the way to a provider and back, for real: the grant lives, and the row says what is known."""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import trustme

from grantkeeper import GrantStatus, ProviderUnavailable
from refresh.conftest import NewScene
from refresh.provider.misbehaving import PLAIN, Short, at, misbehaving, told
from refresh.scene import Scene
from transport.rawserver import Peer, Script, answering, raw_server, response

HEAD = b"HTTP/1.1 200 OK\r\n"


def sending(*pieces: bytes, drip: bytes = b"") -> Script:
    """Return a script that sends pieces, then drips, then hangs up."""

    def script(peer: Peer) -> None:
        peer.request()
        for piece in pieces:
            peer.send(piece)
        peer.drip(drip, every=0.01)

    return script


def flooding(piece: bytes, *, after: bytes = b"") -> Script:
    """Return a script that sends the same piece without end."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(after)
        while not peer.over.is_set():
            peer.send(piece)

    return script


def silent(peer: Peer) -> None:
    """Take the request and say nothing."""
    peer.request()
    peer.hang()


def reset(peer: Peer) -> None:
    """Take the request and reset the connection."""
    peer.request()
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.sock.close()


BOMB = response(gzip.compress(b"\0" * 20_000_000), headers="content-encoding: gzip\r\n")
WIRE: dict[str, tuple[Script, float]] = {
    "slow drip": (sending(HEAD + b"content-length: 9999\r\n\r\n", drip=PLAIN * 20), 0.15),
    "header drip": (sending(HEAD, drip=b"x: y\r\n" * 999), 0.15),
    "silence": (silent, 0.15),
    "endless body": (flooding(b"x" * 65536, after=HEAD + b"\r\n"), 10),
    "endless headers": (flooding(b"x: " + b"y" * 4000 + b"\r\n", after=HEAD), 10),
    "1xx flood": (flooding(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 999), 10),
    "gzip bomb": (answering(BOMB), 10),
    "close in the body": (sending(HEAD + b"content-length: 9999\r\n\r\n" + PLAIN), 10),
    "close in the headers": (sending(HEAD + b"content-le"), 10),
    "close at once": (sending(), 10),
    "reset": (reset, 10),
    "two lengths": (sending(HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}x"), 10),
    "no HTTP": (sending(b"SSH-2.0-OpenSSH_9.6\r\n"), 10),
}


@pytest.mark.parametrize(("script", "most"), WIRE.values(), ids=WIRE)
def test_what_breaks_on_the_wire_leaves_the_outcome_open(new_scene: NewScene, script: Script, most: float) -> None:
    """R-33, R-11: within the deadline and the cap; the grant lives, the lease is free, the intent stays."""
    scene = new_scene(rotation="none")
    grant = scene.grant()
    with misbehaving(scene, script, most=most) as (keeper, server):
        error = told(keeper, scene, grant)

    assert isinstance(error, ProviderUnavailable)
    assert error.sent
    assert len(server.received) == 1
    assert scene.row(grant).grant.status is GrantStatus.ACTIVE
    assert scene.open_ends(grant) == ("", True, 1)


@pytest.mark.parametrize("script", [reset, sending()], ids=["reset", "close"])
def test_nothing_below_us_repeats_a_refresh(scene: Scene, script: Script) -> None:
    """R-16: a reset after the full request: the server counts two, which are ours; no library adds its own."""
    grant = scene.grant()
    with misbehaving(scene, script) as (keeper, server):
        told(keeper, scene, grant)
        assert len(server.received) == 2
        assert len(set(server.received)) == 1


AUTHORITY = trustme.CA()


def tls(*names: str, authority: trustme.CA = AUTHORITY, until: datetime | None = None) -> ssl.SSLContext:
    """Return a server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=until).configure_cert(context)
    return context


BAD_TLS: dict[str, Callable[[], ssl.SSLContext | None]] = {
    "expired": lambda: tls("127.0.0.1", until=datetime(2020, 1, 1, tzinfo=UTC)),
    "unknown authority": lambda: tls("127.0.0.1", authority=trustme.CA()),
    "wrong host": lambda: tls("oauth2.example.com"),
    "no TLS": lambda: None,
}


@pytest.mark.parametrize("side", BAD_TLS.values(), ids=BAD_TLS)
def test_a_failure_of_tls_sends_nothing_and_ends_nothing(
    scene: Scene, side: Callable[[], ssl.SSLContext | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """R-35: transient, never dead, never plaintext; the row is as it was, and later all goes on."""
    ca_file = tmp_path_factory.mktemp("ca") / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(ca_file))
    grant = scene.grant()
    row = scene.row(grant)
    came: list[bytes] = []

    def script(peer: Peer) -> None:
        while data := peer.sock.recv(65536):
            came.append(data)

    with raw_server(script, tls=side()) as server:
        client = at(scene.client, f"https://127.0.0.1:{server.port}")
        error = told(scene.keeper(clients=[client], transport=Short(0.5, ca_file=str(ca_file))), scene, grant)

    assert isinstance(error, ProviderUnavailable)
    assert not error.sent
    assert scene.refresh_token(grant).encode() not in b"".join(came)
    assert b"POST" not in b"".join(came)
    assert scene.row(grant) == row
    assert scene.keeper().token(grant).value


@pytest.mark.parametrize("trouble", [socket.EAI_NONAME, socket.EAI_AGAIN, socket.EAI_FAIL], ids=["no", "again", "fail"])
def test_a_name_that_is_not_found_sends_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch, trouble: int) -> None:
    """R-36: NXDOMAIN, no name server, SERVFAIL: surely not sent; once the name is back, the same token works."""

    def unknown(*_args: object, **_how: object) -> list[object]:
        raise socket.gaierror(trouble, "it did not work")

    grant = scene.grant()
    row = scene.row(grant)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", unknown)
        client = at(scene.client, "https://oauth2.nowhere.invalid")
        error = told(scene.keeper(clients=[client], transport=Short(2)), scene, grant)

    assert isinstance(error, ProviderUnavailable)
    assert not error.sent
    assert scene.row(grant) == row
    assert scene.keeper().token(grant).value


def test_a_name_that_does_not_exist_sends_nothing(scene: Scene) -> None:
    """R-36: as above, asked of the real resolver."""
    grant = scene.grant()
    row = scene.row(grant)
    client = at(scene.client, "https://nowhere.invalid")
    error = told(scene.keeper(clients=[client], transport=Short(5)), scene, grant)

    assert isinstance(error, ProviderUnavailable)
    assert not error.sent
    assert scene.row(grant) == row
