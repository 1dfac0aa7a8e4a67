"""The emulator on a port, and other people's clients that keep it honest."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import google.auth.exceptions
import google.auth.transport.requests
import google.oauth2.id_token
import pytest
import requests
from google_auth_oauthlib.flow import Flow

from emulator.box import ADWORDS, DFP, IDA, Box, answer
from grantkeeper.emulator import Clock, Emulator, Serving, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLBACK = "https://app.example/oauth2callback"


@pytest.fixture(autouse=True)
def _http_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Oauthlib takes http only when told; the emulator is on loopback."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture
def served() -> Iterator[tuple[Box, Serving]]:
    """A box on a port, with a clock that runs: google-auth reads the wall clock."""
    box = Box()
    box.emulator.clock = Clock.running()
    with serve(box.emulator) as serving:
        yield box, serving


def guide(emulator: Emulator, folder: Path, scopes: list[str]) -> Flow:
    """Return the guide's Flow, made from the file as from Google's console."""
    path = folder / "client_secret.json"
    path.write_text(json.dumps(emulator.client_secret(redirect_uris=[CALLBACK])))
    flow = Flow.from_client_secrets_file(str(path), scopes=scopes)
    flow.redirect_uri = CALLBACK
    return flow


def test_googles_own_flow_and_credentials_work(served: tuple[Box, Serving], tmp_path: Path) -> None:
    """google-auth-oauthlib exchanges (Basic, PKCE), google-auth refreshes (post), a revoked grant is invalid_grant."""
    emulator = served[0].emulator
    flow = guide(emulator, tmp_path, [ADWORDS])
    url, _ = flow.authorization_url(access_type="offline", prompt="consent")
    back = emulator.consent(url, IDA)
    flow.fetch_token(code=answer(back)["code"])
    credentials: Any = flow.credentials
    first = credentials.token
    assert emulator.introspect(first)
    credentials.refresh(google.auth.transport.requests.Request())
    assert credentials.token != first
    assert len(emulator.requests("/token", grant_type="refresh_token")) == 1
    emulator.revoke(IDA)
    with pytest.raises(google.auth.exceptions.RefreshError, match="Token has been expired or revoked"):
        credentials.refresh(google.auth.transport.requests.Request())


def test_incremental_scopes_meet_the_flows_warning(served: tuple[Box, Serving], tmp_path: Path) -> None:
    """With include_granted_scopes, Flow raises a Warning after the code is spent, as it does with Google."""
    emulator = served[0].emulator
    served[0].back(scope=DFP)
    flow = guide(emulator, tmp_path, [ADWORDS])
    url, _ = flow.authorization_url(access_type="offline", include_granted_scopes="true")
    code = answer(emulator.consent(url, IDA))["code"]
    with pytest.raises(Warning, match="Scope has changed"):
        flow.fetch_token(code=code)
    assert [each.status for each in emulator.requests("/token")] == [200]


def test_google_auth_verifies_the_id_token(served: tuple[Box, Serving]) -> None:
    """Against the PEM certificates."""
    box, serving = served
    token = box.grant(scope="openid email")["id_token"]
    claims = google.oauth2.id_token.verify_token(
        token,
        google.auth.transport.requests.Request(),
        audience=box.client.id,
        certs_url=f"{serving.url}/oauth2/v1/certs",
        clock_skew_in_seconds=5,
    )
    assert (claims["iss"], claims["email"]) == (serving.url, IDA)


def test_it_answers_when_entered_and_not_when_left() -> None:
    """The base URL is the served one; the port is free again afterwards."""
    emulator = Emulator()
    with serve(emulator) as serving:
        assert serving.url == emulator.base_url
        response = requests.get(f"{serving.url}/.well-known/openid-configuration", timeout=10)
        assert response.json()["issuer"] == serving.url
        assert requests.head(serving.url, timeout=10).status_code == 200
        assert serving.ca_file.read_text().startswith("-----BEGIN CERTIFICATE-----")
        assert serving.grpc_target is None
    with pytest.raises(requests.ConnectionError):
        requests.get(serving.url, timeout=10)
    assert not serving.ca_file.exists()


def test_a_taken_port_is_said_at_once() -> None:
    """OSError, and nothing is left running."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        before = threading.active_count()
        with pytest.raises(OSError, match="in use"), serve(Emulator(), port=taken.getsockname()[1]):
            pass
        assert threading.active_count() == before


def test_a_lost_answer_closes_the_connection(served: tuple[Box, Serving]) -> None:
    """No status line, no byte; the work is done; the next request is answered."""
    box, serving = served
    box.emulator.lose_answer()
    connection = http.client.HTTPConnection(urlsplit(serving.url).netloc, timeout=10)
    connection.request("POST", "/token")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        connection.getresponse()
    connection.close()
    assert len(box.emulator.requests("/token")) == 1
    assert requests.post(f"{serving.url}/token", timeout=10).status_code == 400


def announced(emulator: Emulator) -> threading.Event:
    """Return an event that is set when an answer begins to wait."""
    waiting, real = threading.Event(), emulator.wait

    def wait(duration: timedelta) -> None:
        waiting.set()
        real(duration)

    emulator.wait = wait
    return waiting


def test_a_slow_answer_holds_up_nobody_else_and_can_be_released(served: tuple[Box, Serving]) -> None:
    """The wait is on an event; release ends it."""
    box, serving = served
    waiting = announced(box.emulator)
    box.emulator.slow(timedelta(hours=1))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(requests.post, f"{serving.url}/token", timeout=60)
        assert waiting.wait(10)
        assert requests.get(serving.url, timeout=10).status_code == 200
        assert not late.done()
        box.emulator.release()
        assert late.result(10).status_code == 400


def test_leaving_lets_go_of_answers_that_wait() -> None:
    """A test that ends early does not hang: the answer still goes out."""
    emulator = Emulator()
    waiting = announced(emulator)
    emulator.slow(timedelta(hours=1))
    with ThreadPoolExecutor(1) as pool:
        with serve(emulator) as serving:
            late = pool.submit(requests.post, f"{serving.url}/token", timeout=60)
            assert waiting.wait(10)
        assert late.result(10).status_code == 400


def test_many_threads_may_ask_at_once(served: tuple[Box, Serving]) -> None:
    """Each gets its own access token; strict rotation lets exactly one through."""
    box, serving = served
    token = box.grant()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}

    def refresh(_: int) -> requests.Response:
        return requests.post(f"{serving.url}/token", form, auth=(box.client.id, box.client.secret), timeout=30)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(refresh, range(16)))
        assert len({each.json()["access_token"] for each in answers}) == 16
        box.emulator.rotate("strict")
        assert sorted(each.status_code for each in pool.map(refresh, range(8))) == [200] + [400] * 7


def test_a_body_beyond_a_mebibyte_is_refused(served: tuple[Box, Serving]) -> None:
    """413, before anything reads it."""
    box, serving = served
    assert requests.post(f"{serving.url}/token", data=b"x" * (1 << 20), timeout=10).status_code == 400
    assert requests.post(f"{serving.url}/token", data=b"x" * ((1 << 20) + 1), timeout=10).status_code == 413
    assert len(box.emulator.requests("/token")) == 1


def test_half_a_request_is_none(served: tuple[Box, Serving]) -> None:
    """RFC 9112 section 8: a client that goes before its body is whole has asked for nothing."""
    box, serving = served
    port = urlsplit(serving.url).port
    half = b"POST /token HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\ngrant_type=refresh_token"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(half)
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(1) == b""
    assert requests.post(f"{serving.url}/token", timeout=10).status_code == 400
    assert len(box.emulator.requests("/token")) == 1


def test_the_grpc_side_has_a_certificate_for_localhost() -> None:
    """TLS under the authority in ca_file; the name is checked."""
    with serve(Emulator(), grpc=True) as serving:
        assert serving.grpc_target
        host, _, port = serving.grpc_target.partition(":")
        context = ssl.create_default_context(cafile=str(serving.ca_file))
        context.set_alpn_protocols(["h2"])
        with (
            socket.create_connection((host, int(port)), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as tls,
        ):
            assert tls.selected_alpn_protocol() == "h2"
