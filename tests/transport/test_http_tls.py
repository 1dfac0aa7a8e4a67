"""TLS, proxies and the environment: what is configured counts, and nothing else."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import trustme

from grantkeeper.errors import Misconfigured, ProviderUnavailable
from grantkeeper.http import HttpTransport
from grantkeeper.model import Request
from transport.rawserver import Peer, Script, answering, raw_server, response

DEADLINE = timedelta(seconds=0.8)


def post(url: str) -> Request:
    """Return a request such as those to a token endpoint."""
    return Request(method="POST", url=f"{url}/token", body=b"grant_type=refresh_token")


def failure(transport: HttpTransport, url: str) -> ProviderUnavailable:
    """Send, and return the error."""
    with pytest.raises(ProviderUnavailable) as caught:
        transport.send(post(url), deadline=DEADLINE)
    return caught.value


def say_nothing(peer: Peer) -> None:
    """Take the request, answer nothing."""
    peer.request()
    peer.hang()


AUTHORITY = trustme.CA()
OK = answering(response(b"{}"))


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The PEM file of the authority that the good certificate is from."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def trusting(ca_file: str) -> Iterator[HttpTransport]:
    """A transport that trusts the tests' authority."""
    made = HttpTransport(ca_file=ca_file)
    yield made
    made.close()


def server_side(
    *names: str, authority: trustme.CA = AUTHORITY, until: datetime.datetime | None = None
) -> ssl.SSLContext:
    """Return a server's TLS settings with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=until).configure_cert(context)
    return context


def old_tls() -> ssl.SSLContext:
    """Return a server's settings that offer TLS 1.1 and nothing newer."""
    context = server_side("127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options &= ~ssl.OP_NO_TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def test_a_configured_authority_is_trusted(trusting: HttpTransport) -> None:
    """O-43: `ca_file` works, so the refusals below are about the certificates."""
    with raw_server(OK, tls=server_side("127.0.0.1")) as server:
        assert trusting.send(post(f"https://127.0.0.1:{server.port}"), deadline=DEADLINE).body == b"{}"


@pytest.mark.parametrize(
    ("tls", "why"),
    [
        (server_side("127.0.0.1", authority=trustme.CA()), "unable to get local issuer|self.signed"),
        (server_side("oauth.example.com"), "not valid for|mismatch"),
        (server_side("127.0.0.1", until=datetime.datetime(2020, 1, 1, tzinfo=UTC)), "expired"),
        (old_tls(), "version|protocol|unexpected eof"),
    ],
    ids=["unknown authority", "wrong host", "expired", "TLS 1.1"],
)
def test_a_bad_certificate_ends_the_connection_before_anything_is_sent(
    trusting: HttpTransport, tls: ssl.SSLContext, why: str
) -> None:
    """O-43, R-35: unknown CA, host name, expiry, old TLS: transient, never plaintext, and the server saw no request."""
    with raw_server(OK, tls=tls) as server:
        error = failure(trusting, f"https://127.0.0.1:{server.port}")

    assert not error.sent
    assert server.received == []
    assert any(word in str(error).casefold() for word in why.split("|")), str(error)


def test_the_systems_authorities_do_not_know_the_tests() -> None:
    """O-43: without `ca_file` the same good certificate is refused."""
    transport = HttpTransport()
    with raw_server(OK, tls=server_side("127.0.0.1")) as server:
        error = failure(transport, f"https://127.0.0.1:{server.port}")
    transport.close()

    assert not error.sent
    assert "certificate verify failed" in str(error)


@pytest.mark.parametrize("name", ["CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PYTHONHTTPSVERIFY", "SSL_VERIFY"])
def test_no_variable_turns_verification_off(monkeypatch: pytest.MonkeyPatch, ca_file: str, name: str) -> None:
    """O-43: neither emptied nor pointed at the attacker's authority; other libraries' variables mean nothing."""
    for value in ("", "0", ca_file):
        monkeypatch.setenv(name, value)
        transport = HttpTransport()
        with raw_server(OK, tls=server_side("127.0.0.1")) as server:
            assert not failure(transport, f"https://127.0.0.1:{server.port}").sent
        transport.close()


def test_proxies_and_netrc_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """O-43: a hostile proxy variable sees nothing, and a hostile .netrc adds no credentials."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login evil password evil\ndefault login evil password evil\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    with raw_server(OK) as hostile, raw_server(OK) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, hostile.url)
            monkeypatch.setenv(name.lower(), hostile.url)
        transport = HttpTransport()
        transport.send(post(server.url), deadline=DEADLINE)
        transport.close()

    assert hostile.connections == 0
    assert b"authorization" not in server.received[0].lower()


def drip_handshake(peer: Peer) -> None:
    """A TLS record that comes byte by byte."""
    peer.drip(b"\x16\x03\x03\x20\x00" + b"\0" * 8192, every=0.02)


@pytest.mark.parametrize("script", [Peer.hang, drip_handshake])
def test_a_handshake_does_not_outlive_the_deadline(trusting: HttpTransport, script: Script) -> None:
    """R-33, R-11: a server that never finishes TLS: over in time, and nothing was sent."""
    with raw_server(script) as server:
        began = datetime.datetime.now(UTC)
        error = failure(trusting, f"https://127.0.0.1:{server.port}")
        assert datetime.datetime.now(UTC) - began < DEADLINE + timedelta(seconds=0.5)

    assert not error.sent


def test_a_drip_under_tls_does_not_outlive_the_deadline(trusting: HttpTransport) -> None:
    """R-33: TLS reads take what is left of the deadline, too."""

    def drip(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n")
        peer.drip(b" " * 9999, every=0.02)

    with raw_server(drip, tls=server_side("127.0.0.1")) as server:
        began = datetime.datetime.now(UTC)
        assert failure(trusting, f"https://127.0.0.1:{server.port}").sent
        assert datetime.datetime.now(UTC) - began < DEADLINE + timedelta(seconds=0.5)


@pytest.mark.parametrize("proxy", ["", "socks5://127.0.0.1:1", "127.0.0.1:3128", "http://h/path", "http://h:99999"])
def test_a_proxy_that_is_none_is_refused(proxy: str) -> None:
    """The message says how to write one."""
    with pytest.raises(Misconfigured, match="http://host:port"):
        HttpTransport(proxy=proxy)


@pytest.mark.parametrize("content", [None, "", "no certificates", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_ca_file_that_is_none_is_refused(tmp_path: Path, content: str | None) -> None:
    """Missing, empty, or something else."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Misconfigured, match="ca_file"):
        HttpTransport(ca_file=str(path))


def test_a_configured_proxy_is_used_and_its_password_is_not_shown() -> None:
    """O-43: what is configured is used: the proxy sees a tunnel asked for, with Basic credentials, and no more."""
    with raw_server(answering(response(b"", status="502 Away"))) as proxy:
        transport = HttpTransport(proxy=f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        assert "p@ss" not in str(failure(transport, "https://oauth.example.com"))
        transport.close()

    assert proxy.received[0].startswith(b"CONNECT oauth.example.com:443")
    assert b"Basic dXNlcjpwQHNz" in proxy.received[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_plain_http_goes_through_no_proxy(host: str) -> None:
    """O-43: it is for this machine; a proxy would read the secrets that are in it."""
    with raw_server(OK) as proxy, raw_server(OK) as server:
        transport = HttpTransport(proxy=proxy.url)
        transport.send(post(f"http://{host}:{server.port}"), deadline=DEADLINE)
        transport.close()

    assert proxy.connections == 0
    assert server.connections == 1


def test_a_proxy_that_refuses_a_tunnel_sent_nothing() -> None:
    """R-11: CONNECT was refused, so the token endpoint never saw the request."""
    with raw_server(answering(response(b"", status="407 Proxy Authentication Required"))) as proxy:
        transport = HttpTransport(proxy=proxy.url)
        error = failure(transport, "https://oauth.example.com")
        transport.close()

    assert not error.sent
    assert proxy.received[0].startswith(b"CONNECT oauth.example.com:443")


def test_a_proxy_that_hangs_in_the_tunnel_sent_nothing() -> None:
    """R-11: the tunnel never opened."""
    with raw_server(say_nothing) as proxy:
        transport = HttpTransport(proxy=proxy.url)
        error = failure(transport, "https://oauth.example.com")
        transport.close()

    assert not error.sent
