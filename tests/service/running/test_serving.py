"""`grantkeeper serve` as a process: its memory is private, its connections are bounded, its end is orderly."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grantkeeper.settings import new_key_file
from service.replicas import PROGRAM, Replica, environment, talk

HOST = "grants.example.com"
LOOK = """
import ctypes, resource
from grantkeeper.cli.running.hardening import keep_memory_private
keep_memory_private()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_no_copy_of_the_memory_is_left_behind() -> None:
    """V-24: PR_GET_DUMPABLE says 0, and RLIMIT_CORE allows no core."""
    done = subprocess.run([sys.executable, "-c", LOOK], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0", "0"]


def test_the_serving_process_is_so_too(served: Replica) -> None:
    """V-24: the limits of the process itself; no secret in what it was started with."""
    proc = Path("/proc") / str(served.process.pid)
    limits = next(line for line in (proc / "limits").read_text().splitlines() if line.startswith("Max core file size"))
    assert limits.split()[4:6] == ["0", "0"]
    key = (served.folder / "grantkeeper.key").read_text().splitlines()[-1].encode()
    assert key not in (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()


def test_it_says_nothing_of_what_it_is(served: Replica) -> None:
    """V-25: no version, no server header, debug off; what needs a key says so."""
    expected = {"/healthz": {200}, "/metrics": {401}, "/v1/grants": {401}, "/nowhere": {404}, "/dashboard": {303, 401}}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)) as connection:
        for path, statuses in expected.items():
            connection.request("GET", path, headers={"Host": HOST})
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status in statuses, path
            assert answer.getheader("server") is None
            assert "uvicorn" not in text.lower()
            assert "traceback" not in text.lower()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 1_000_000,
        b"GET /healthz HTTP/1.1\r\n" + b"X: a\r\n" * 200_000,
        b"GET /" + b"a" * 1_000_000,
    ],
    ids=["header", "headers", "target"],
)
def test_a_head_without_end_is_cut_off(served: Replica, sent: bytes) -> None:
    """V-48: nobody fills our memory with a head."""
    with contextlib.suppress(ConnectionError):  # it was closed while more was sent
        assert talk(served, sent).startswith(b"HTTP/1.1 4")
    assert served.is_ready()


def _head(size: int) -> bytes:
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 990) for number in range(size // 1000))
    return b"GET /v1/grants HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + lines + b"\r\n"


@pytest.mark.parametrize(("size", "status"), [(60_000, b"401"), (70_000, b"431"), (150_000, b"431"), (250_000, b"431")])
def test_a_head_has_64_kilobytes_at_most(served: Replica, size: int, status: bytes) -> None:
    """V-48: whatever comes behind it in one piece; nothing is asked of the API by a larger one."""
    found = talk(served, _head(size))
    assert found.startswith(b"HTTP/1.1 " + status)
    assert found.count(b"HTTP/1.1 ") == 1


def test_each_request_of_a_connection_has_a_head_of_its_own_size(served: Replica) -> None:
    """Heads are not added up."""
    plain = _head(60_000).replace(b"Connection: close\r\n", b"")
    assert talk(served, plain, plain, _head(60_000)).count(b"HTTP/1.1 401") == 3


@pytest.mark.parametrize("trailers", [b"X: " + b"a" * 900_000, b"X: a\r\n" * 100_000], ids=["one", "many"])
def test_trailers_without_end_are_cut_off(served: Replica, trailers: bytes) -> None:
    """V-48: they are headers that come late."""
    head = b"POST /v1/links HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with contextlib.suppress(ConnectionError):
        talk(served, head + b"5\r\nhello\r\n0\r\n" + trailers, wait=15)
    assert served.is_ready()


@pytest.mark.parametrize(
    "sent",
    [
        (
            b"POST /v1/links HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
        ),
        b"POST /v1/links HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /v1/links HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"POST /v1/links HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\njunk\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n",
        b"GARBAGE\r\n\r\n",
    ],
)
def test_what_two_servers_could_read_differently_is_refused(served: Replica, sent: bytes) -> None:
    """V-48: smuggling: one answer at most, a refusal, and the connection ends."""
    found = talk(served, sent)
    assert found.count(b"HTTP/1.1 ") == 1
    assert found.startswith(b"HTTP/1.1 4")


@pytest.mark.timeout(60)
def test_a_head_that_trickles_is_given_up(served: Replica) -> None:
    """V-48: slow loris: a head has to be here in ten seconds, however it comes."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        connection.settimeout(1)
        found: bytes | None = None
        while found is None and time.monotonic() < begun + 30:
            try:
                connection.sendall(b"X: a\r\n")
                found = connection.recv(100)
            except TimeoutError:
                continue
            except ConnectionError:
                found = b""
    assert found == b""
    assert 5 < time.monotonic() - begun < 20
    assert served.is_ready()


@pytest.mark.parametrize("used", [True, False], ids=["idle", "new"])
def test_a_request_that_crosses_the_end_is_answered(served: Replica, used: bool) -> None:
    """R-57: who sends into a connection that is about to close could not know; it is told that it closes now."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)) as connection:
        connection.connect()
        if used:
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
        served.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(ConnectionRefusedError):
            while True:  # until nobody listens any more: only then connections are ended
                socket.create_connection(("127.0.0.1", served.port), timeout=10).close()
                time.sleep(0.02)
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("connection"), bool(answer.read())) == (200, "close", True)
    assert served.process.wait(20) == 0


def test_idle_connections_do_not_hold_up_the_end(served: Replica) -> None:
    """R-57: neither those that never said anything, nor those that wait with a stray line."""
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        for sent in (b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"\r\n"):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=10))
            connection.sendall(sent)
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(30) == 0
    assert time.monotonic() - begun < 18


def test_a_second_signal_hurries(served: Replica) -> None:
    """The first waits for the balancer to turn away, the second does not."""
    served.process.send_signal(signal.SIGTERM)
    served.process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    assert served.process.wait(20) == 0
    assert time.monotonic() - begun < 10


def test_a_key_that_does_not_fit_is_no_start(served: Replica) -> None:
    """R-58: key missing, or another's: it says so and does not serve."""
    served.ask("GET", "/healthz")
    assert served.stop() == 0
    made = subprocess.run(
        [PROGRAM, "operator", "invite", "ann@example.com", "--role", "admin"],
        cwd=served.folder,
        env=served.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    (served.folder / "grantkeeper.key").unlink()
    new_key_file(served.folder / "grantkeeper.key")
    done = subprocess.run(
        [PROGRAM, "serve", "--port", "0"],
        cwd=served.folder,
        env=served.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert "is not in the key ring" in done.stderr
    assert "Add that key to the key ring" in done.stderr


def test_each_line_of_its_log_is_json(served: Replica) -> None:
    """And the path of a request is in none: it may be a link."""
    secret = "/connect/" + "a1B2" * 10 + "xyz"
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("GET", f"{secret}?code=canary", headers={"Host": HOST})
    connection.getresponse().read()
    connection.close()
    assert served.stop() == 0
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    assert any(each["event"] == "request" for each in lines)
    assert secret not in served.log.read_text()
    assert "canary" not in served.log.read_text()
