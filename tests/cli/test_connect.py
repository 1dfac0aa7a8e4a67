"""`connect`: the browser's way out and back over the loopback interface."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from cli.browser import visit
from cli.conftest import Home
from grantkeeper.cli.connect.listener import Answered, Listener, Onward, listening
from grantkeeper.emulator import Emulator
from grantkeeper.errors import BadCallback, InvalidInput, Misconfigured

WAIT = timedelta(seconds=20)
IDA = "ida@nordwind-outdoor.example"


class Asked:
    """Stands for the keeper: notes each query and answers as it was told."""

    def __init__(self, *answers: Onward | Answered) -> None:
        self.answers = list(answers)
        self.queries: list[str] = []

    def __call__(self, query: str) -> Onward | Answered:
        """Answer the next query."""
        self.queries.append(query)
        return self.answers.pop(0)


REFUSED = BadCallback("This answer is refused.")


def refused() -> Answered:
    """An answer that ends the command with BadCallback."""
    return Answered("<p>refused</p>", REFUSED)


def get(url: str, **more: Any) -> requests.Response:
    """Ask as a browser would, without a proxy."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=10, allow_redirects=False, **more)


@contextmanager
def installed(asked: Asked) -> Iterator[Listener]:
    """A listener for an installed client."""
    with listening("http://localhost", any_port=True) as listener:
        listener.expect(asked)
        yield listener


# --- the listener -----------------------------------------------------------------------------------------------------


def test_the_listener_is_127_0_0_1_on_a_random_port() -> None:
    """O-23: the literal address, whatever name the client was registered with, and a port nobody can foresee."""
    with installed(Asked()) as one, installed(Asked()) as other:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", one.redirect_uri)
        assert one.redirect_uri != other.redirect_uri


def test_another_interface_is_refused() -> None:
    """O-23: a neighbour on the network cannot deliver an answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; says which address would be used
        address = probe.getsockname()[0]
    assert not address.startswith("127.")
    with installed(Asked()) as listener:
        port = int(listener.redirect_uri.rstrip("/").rpartition(":")[2])
        for other in (address, "127.0.0.2"):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((other, port), timeout=5)


def test_a_second_hit_is_refused() -> None:
    """O-23: one answer is taken; what comes after it is told so, and then nobody listens."""
    asked = Asked(refused())
    with installed(asked) as listener:
        assert get(listener.redirect_uri + "?state=a&code=b").status_code == 400
        assert get(listener.redirect_uri + "?state=a&code=c").status_code == 410
        with pytest.raises(BadCallback):
            listener.wait(WAIT)
    assert asked.queries == ["state=a&code=b"]
    with pytest.raises(requests.ConnectionError):
        get(listener.redirect_uri)


def test_two_hits_at_once_are_one() -> None:
    """O-23: the second waits for the first and is refused."""
    entered, go_on = threading.Event(), threading.Event()
    codes: list[int] = []

    def slow(_query: str) -> Answered:
        entered.set()
        assert go_on.wait(10)
        return refused()

    with listening("http://localhost", any_port=True) as listener:
        listener.expect(slow)
        hits = [
            threading.Thread(target=lambda: codes.append(get(listener.redirect_uri + "?state=a").status_code))
            for _ in range(2)
        ]
        for hit in hits:
            hit.start()
        assert entered.wait(10)
        go_on.set()
        for hit in hits:
            hit.join()
    assert sorted(codes) == [400, 410]


@pytest.mark.parametrize("path", ["favicon.ico?x=1", "callback?code=x", ""])
def test_what_else_a_browser_asks_for_is_not_the_answer(path: str) -> None:
    """An icon, another path, or a request without parameters ends nothing."""
    asked = Asked(refused())
    with installed(asked) as listener:
        assert get(listener.redirect_uri + path).status_code == 404
        assert asked.queries == []
        assert get(listener.redirect_uri + "?state=a").status_code == 400


def test_a_request_for_another_host_name_is_refused() -> None:
    """DNS rebinding: a page of evil.example that resolves to 127.0.0.1 reaches nothing."""
    asked = Asked()
    with installed(asked) as listener:
        assert get(listener.redirect_uri + "?state=a", headers={"Host": "evil.example"}).status_code == 404
    assert asked.queries == []


def test_a_silent_connection_holds_nobody_up() -> None:
    """Browsers open connections ahead and say nothing on them."""
    with installed(Asked(refused())) as listener:
        port = int(listener.redirect_uri.rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            assert get(listener.redirect_uri + "?state=a").status_code == 400


def test_an_oversized_answer_is_refused() -> None:
    """Nothing longer than the keeper's own limit is passed on."""
    asked = Asked()
    with installed(asked) as listener:
        assert get(listener.redirect_uri + "?state=" + "a" * 20_000).status_code == 404
    assert asked.queries == []


def test_only_get_is_answered() -> None:
    """The answer comes as a redirect (RFC 6749 4.1.2)."""
    asked = Asked()
    with installed(asked) as listener:
        assert requests.post(listener.redirect_uri + "?state=a", timeout=10).status_code == 501
    assert asked.queries == []


def test_the_second_pass_leads_on_and_comes_back() -> None:
    """When no refresh token came, the browser is sent on once more and its second return is the answer."""
    asked = Asked(Onward(url="https://provider.example/again"), refused())
    with installed(asked) as listener:
        onward = get(listener.redirect_uri + "?state=a")
        assert (onward.status_code, onward.headers["Location"]) == (303, "https://provider.example/again")
        assert get(listener.redirect_uri + "?state=b").status_code == 400
    assert asked.queries == ["state=a", "state=b"]


def test_the_page_may_not_be_cached_framed_or_passed_on() -> None:
    """V-38: it runs nothing and loads nothing; its address holds a code and is not passed on."""
    with installed(Asked(refused())) as listener:
        page = get(listener.redirect_uri + "?state=a")
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert "Python" not in page.headers["Server"]


def test_nobody_coming_ends_in_time() -> None:
    """The wait has an end."""
    with installed(Asked()) as listener, pytest.raises(TimeoutError):
        listener.wait(timedelta(milliseconds=50))


def test_a_web_client_listens_where_it_is_registered() -> None:
    """A registered loopback URI is used letter by letter, its port too."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        registered = f"http://localhost:{port}/callback/google-ads"
        with (
            pytest.raises(Misconfigured, match=f"Cannot listen on 127.0.0.1:{port}"),
            listening(registered, any_port=False),
        ):
            pass
    with listening(registered, any_port=False) as listener:
        listener.expect(Asked(refused()))
        assert listener.redirect_uri == registered
        assert get(f"http://127.0.0.1:{port}/callback/google-ads?state=a").status_code == 400


@pytest.mark.parametrize("uri", ["https://app.example.com/cb", "https://127.0.0.1/cb", "http://[::1]/cb"])
def test_a_redirect_uri_elsewhere_says_what_to_do(uri: str) -> None:
    """The browser would never come back here."""
    with pytest.raises(InvalidInput, match="Desktop app"), listening(uri, any_port=False):
        pass


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def walking(home: Home) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`connect --no-browser` that waits, and the address that it printed."""
    with home.start("connect", "nordwind", "google-ads", "--no-browser", "--timeout", "30", "--json") as process:
        assert process.stderr is not None
        url = next(line.strip() for line in process.stderr if "/o/oauth2/v2/auth?" in line)
        yield process, url
        process.kill()


def test_the_printed_address_leads_to_a_grant(walking: tuple[subprocess.Popen[str], str]) -> None:
    """`--no-browser`: any browser of this machine will do."""
    process, url = walking
    page = visit(url, IDA)
    assert "Connected" in page.text
    assert "you can close this page" in page.text
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert f'"email": "{IDA}"' in out


def test_an_answer_with_another_state_is_refused(
    walking: tuple[subprocess.Popen[str], str], emulator: Emulator
) -> None:
    """O-23: the state is checked; nothing is exchanged, and the command ends with the code for it."""
    process, url = walking
    back = parse_qs(urlsplit(url).query)["redirect_uri"][0]
    page = get(f"{back}?state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&code=4%2F0Ab")
    assert page.status_code == 400
    _, err = process.communicate(timeout=20)
    assert process.returncode == 8
    assert '"error": "BadCallback"' in err
    assert emulator.requests("/token") == ()


@pytest.mark.reveals("state")
def test_the_second_pass_ends_in_a_grant(home: Home, emulator: Emulator) -> None:
    """The exchange brought no refresh token: the same browser is asked for consent again, and then it does."""
    emulator.omit_refresh_token(1)
    assert home.connect("nordwind", IDA).code == 0
    codes = emulator.requests("/token", grant_type="authorization_code")
    assert len(codes) == 2
    asked = [each.query.get("prompt") for each in emulator.requests("/o/oauth2/v2/auth")]
    assert asked == ["select_account", "consent"]


@pytest.mark.reveals("state")
def test_nobody_coming_ends_with_the_owners_exit_code(home: Home) -> None:
    """Exit code 4: the owner has to consent."""
    done = home.run("connect", "nordwind", "google-ads", "--no-browser", "--timeout", "1")
    assert done.code == 4
    assert "Nobody came back within 1 seconds" in done.err
    assert done.out == ""


def test_a_web_client_elsewhere_is_told_so_before_anything_is_begun(home: Home, emulator: Emulator) -> None:
    """The message names the way out; no browser opens."""
    redirect = "https://app.example.com/grants/callback/google-ads"
    web = emulator.add_client(redirect)
    home.write("client_secret.json", json.dumps(emulator.client_secret(web.id)))
    config = (home.folder / "grantkeeper.toml").read_text()
    home.write("grantkeeper.toml", config.replace('"http://localhost"', f'"{redirect}"'))
    done = home.run("connect", "nordwind", "google-ads")
    assert done.code == 3
    assert "is not on this machine" in done.err
    assert "Desktop app" in done.err
    assert emulator.requests("/o/oauth2/v2/auth") == ()
