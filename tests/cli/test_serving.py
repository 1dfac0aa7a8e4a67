"""`emulator` and `serve`: they say where they are, listen on loopback only, and end when they are told to."""

from __future__ import annotations

import json
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from cli.conftest import Home
from grantkeeper.emulator import Emulator


@contextmanager
def running(home: Home, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a command that serves, until the block is left; gives the address that it prints first."""
    with home.start(*arguments) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", first)
        if found is None:
            process.kill()
            raise AssertionError(first + process.communicate()[1])
        yield found[0], process
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)


def test_the_emulator_serves_google_in_a_box(empty: Home) -> None:
    """It prints where it is and writes a client_secret.json, for this user only, that leads there."""
    with running(empty, "emulator", "--port", "0", "--write-client-secret", "client_secret.json") as (url, process):
        found = requests.get(f"{url}/.well-known/openid-configuration", timeout=10).json()
        assert found["issuer"] == url
        assert process.stdout is not None
        assert "ida@nordwind-outdoor.example" in process.stdout.readline()
        assert f"GRANTKEEPER_EMULATOR={url}" in process.stdout.readline()
        written = empty.folder / "client_secret.json"
        assert json.loads(written.read_text())["installed"]["token_uri"] == f"{url}/token"
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 0


def test_the_emulator_has_a_second_cast(empty: Home) -> None:
    """By its name, where a file would be named."""
    with running(empty, "emulator", "--port", "0", "--world", "agency") as (_, process):
        assert process.stdout is not None
        assert "boss@agency.example" in process.stdout.readline()


def test_the_emulator_can_be_in_testing(empty: Home) -> None:
    """Refresh tokens then end after seven days: who is not a test user is refused by name."""
    with running(empty, "emulator", "--port", "0", "--testing", "--write-client-secret", "c.json") as (url, _):
        secret = json.loads((empty.folder / "c.json").read_text())["installed"]
        asked = {"client_id": secret["client_id"], "redirect_uri": "http://127.0.0.1:1/", "response_type": "code"}
        page = requests.get(f"{url}/o/oauth2/v2/auth", params=asked | {"scope": "openid"}, timeout=10)
        assert page.status_code == 200
        assert requests.get(url, timeout=10).text.count("testing") > 0


def test_the_emulator_overwrites_no_file_that_google_gave(home: Home) -> None:
    """Google shows a client secret once; a file that is lost cannot be downloaded again."""
    file = home.write("client_secret.json", '{"web": {"token_uri": "https://oauth2.googleapis.com/token"}}')
    before = file.read_bytes()
    done = home.call("emulator", "--port", "0", "--write-client-secret", "client_secret.json")
    assert done.code == 3
    assert "is left as it is" in done.err
    assert file.read_bytes() == before


@pytest.mark.parametrize("command", ["emulator", "serve --owner nordwind"])
@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_neither_listens_beyond_loopback(empty: Home, command: str, host: str) -> None:
    """The emulator gives tokens to anybody who asks; `serve --owner` takes everybody for the owner."""
    done = empty.call(*command.split(), "--host", host, "--port", "0")
    assert done.code == 3
    assert "loopback" in done.err


@pytest.mark.parametrize("command", ["emulator", "serve --owner nordwind"])
def test_a_taken_port_is_said(home: Home, command: str) -> None:
    """The message says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = home.call(*command.split(), "--port", port)
    assert done.code == 3
    assert f"Cannot listen on 127.0.0.1:{port}: another program listens there." in done.err


def test_a_wrong_world_is_named(empty: Home) -> None:
    """The file and the key in it."""
    empty.write("world.toml", '[[person]]\nemail = "ida"\n')
    done = empty.call("emulator", "--port", "0", "--world", "world.toml")
    assert done.code == 3
    assert "world.toml" in done.err
    assert "person" in done.err


def test_serve_shows_the_start_page_to_its_one_owner(home: Home, emulator: Emulator) -> None:
    """And says which client's answers would come back elsewhere."""
    home.write_client_secret(emulator, "web")
    redirect = "http://127.0.0.1:8765/callback/google-ads"
    config = (home.folder / "grantkeeper.toml").read_text()
    home.write("grantkeeper.toml", config.replace('"http://localhost"', f'"{redirect}"'))
    with running(home, "serve", "--owner", "nordwind", "--port", "0") as (url, process):
        page = requests.get(f"{url}/", timeout=10)
        assert page.status_code == 200
        assert "Google Ads" in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert f"google-ads cannot be connected here: its redirect_uri is {redirect}" in err


def test_serve_without_an_owner_says_how_to_mount_it(home: Home) -> None:
    """It cannot know who the visitors are."""
    done = home.call("serve")
    assert done.code == 3
    assert "--owner OWNER" in done.err
    assert "grantkeeper_app" in done.err


@pytest.mark.parametrize("owner", ["", "a\nb", " a"])
def test_serve_takes_no_owner_that_connect_would_refuse(home: Home, owner: str) -> None:
    """Said at the start, in the words of `connect`, not at each visit."""
    served, connected = home.call("serve", "--owner", owner, "--port", "0"), home.call("connect", owner, "google-ads")
    assert (served.code, served.err) == (connected.code, connected.err)
    assert served.code == 3


@pytest.mark.parametrize("port", ["70000", "-1"])
@pytest.mark.parametrize("command", ["demo", "serve --owner nordwind", "emulator"])
def test_a_port_that_none_is_ends_as_wrong_usage(empty: Home, command: str, port: str) -> None:
    """Exit code 2, and which option."""
    done = empty.call(*command.split(), "--port", port)
    assert done.code == 2
    assert "'--port'" in done.err


@pytest.mark.parametrize("command", ["emulator", "serve --owner nordwind"])
def test_only_this_machines_names_are_answered(home: Home, command: str) -> None:
    """DNS rebinding: a page whose name was pointed at 127.0.0.1 gets 400, whatever it asks for."""
    with running(home, *command.split(), "--port", "0") as (url, _):
        port = url.rpartition(":")[2]

        def status(host: str) -> int:
            return requests.get(f"{url}/", headers={"Host": host}, timeout=10).status_code

        here = [f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"]
        elsewhere = [
            "evil.example",
            f"evil.example:{port}",
            f"127.0.0.1.evil.example:{port}",
            "127.0.0.1",
            "localhost:1",
        ]
        assert [status(host) for host in here] == [200] * 4
        assert [status(host) for host in elsewhere] == [400] * 5
