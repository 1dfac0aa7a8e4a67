"""V-50: a name is looked up once, its addresses are judged, and the connection goes to one of these."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

import pytest
import trustme

from grantkeeper.errors import ProviderUnavailable
from grantkeeper.http import HttpTransport
from grantkeeper.model import Request
from grantkeeper.providers.addresses import PublicOnly
from grantkeeper.providers.generic import discovery_request
from transport.rawserver import answering, raw_server, response
from transport.test_http_tls import server_side

DEADLINE = timedelta(seconds=5)
NAME = "hooks.example.com"
PUBLIC = "93.184.216.34"

Resolver = Callable[..., list[Any]]


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names resolve to these addresses, one answer after the other, the last for ever; returns what was asked."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_args: Any, **_options: Any) -> list[Any]:
        found = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def connecting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let every connection fail; returns where they went."""
    targets: list[str] = []

    def create_connection(address: tuple[str, int], *_args: Any, **_options: Any) -> socket.socket:
        targets.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", create_connection)
    return targets


def failure(transport: HttpTransport, url: str = f"https://{NAME}/in") -> ProviderUnavailable:
    """Post, and return the error."""
    with pytest.raises(ProviderUnavailable) as caught:
        transport.send(Request(method="POST", url=url, body=b"{}"), deadline=DEADLINE)
    return caught.value


def test_the_address_that_was_judged_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """V-50: a resolver that flips its answer in between (rebinding) is not asked again; next time it is judged anew."""
    asked, targets = resolving(monkeypatch, [PUBLIC], ["127.0.0.1"]), connecting(monkeypatch)
    transport = HttpTransport(guard=PublicOnly())

    assert not failure(transport).sent
    assert (asked, targets) == ([NAME], [PUBLIC])
    assert not failure(transport).sent
    assert (asked, targets) == ([NAME, NAME], [PUBLIC])


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00:ec2::254", "fe80::1%lo"]
)
def test_nothing_is_sent_to_an_address_that_is_not_public(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """V-50: not even a connection is tried; also when another address of the name is public."""
    resolving(monkeypatch, [PUBLIC, address])
    targets = connecting(monkeypatch)
    failure(HttpTransport(guard=PublicOnly()))

    assert targets == []


@pytest.mark.parametrize("form", ["openid", "oauth"])
def test_no_metadata_are_fetched_from_a_public_name_at_a_private_address(
    monkeypatch: pytest.MonkeyPatch, form: Literal["openid", "oauth"]
) -> None:
    """V-51: the spelling of an issuer passes; what its name resolves to does not, unless the business names it."""
    request = discovery_request(f"https://{NAME}", form=form)
    resolving(monkeypatch, ["10.0.0.7"])
    targets = connecting(monkeypatch)
    for allowed in ((), (NAME,)):
        with pytest.raises(ProviderUnavailable):
            HttpTransport(guard=PublicOnly(allowed)).send(request, deadline=DEADLINE)
        assert targets == (["10.0.0.7"] if allowed else [])


def test_whether_a_private_port_is_open_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """V-52: what is said of an open and of a closed port, and of a name that does not exist, begins the same."""
    with raw_server(answering(response(b"{}"))) as server:
        resolving(monkeypatch, ["127.0.0.1"])
        transport = HttpTransport(guard=PublicOnly())
        opened = failure(transport, f"https://{NAME}:{server.port}/in")
        connections = server.connections
    closed = failure(transport, f"https://{NAME}:{server.port}/in")

    assert connections == 0
    assert (str(opened), opened.sent) == (str(closed), closed.sent)


def test_the_name_stays_in_tls_and_in_the_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """V-50: only where the connection goes is pinned: the certificate has to be the name's, and Host says it."""
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    answer = answering(response(b"{}"))
    with raw_server(answer, tls=server_side(NAME, authority=authority)) as server:
        resolving(monkeypatch, ["127.0.0.1"])
        transport = HttpTransport(ca_file=str(ca_file), guard=PublicOnly({NAME}))
        request = Request(method="POST", url=f"https://{NAME}:{server.port}/in", body=b"{}")
        assert transport.send(request, deadline=DEADLINE).status == 200
        transport.close()
        assert f"host: {NAME}:{server.port}".encode() in server.received[0].lower()

    with raw_server(answer, tls=server_side("evil.example.com", authority=authority)) as other:
        assert not failure(transport, f"https://{NAME}:{other.port}/in").sent
    transport.close()


def test_plain_http_goes_nowhere_but_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever `localhost` is made to resolve to."""
    resolving(monkeypatch, [PUBLIC])
    targets = connecting(monkeypatch)
    transport = HttpTransport()

    assert not failure(transport, "http://localhost:1/in").sent
    assert targets == []
    transport.close()
