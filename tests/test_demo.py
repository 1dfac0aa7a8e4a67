"""`grantkeeper demo`, as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

COMMAND = (sys.executable, "-c", "from grantkeeper.cli import main; main()", "demo")


def environment(**more: str) -> dict[str, str]:
    """Return an environment that is as unhelpful as one may be: proxies, another gRPC root, no colours."""
    wrong = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": "/nowhere.pem", "http_proxy": "http://127.0.0.1:9", "NO_COLOR": "1"}
    return {**os.environ, **wrong, "https_proxy": "http://127.0.0.1:9", "PYTHONUNBUFFERED": "1", **more}


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the demo to its end."""
    return subprocess.run(
        (*COMMAND, *arguments), env=environment(**more), capture_output=True, text=True, timeout=100, check=False
    )


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the demo until the block is left; yields the process and the site's URL."""
    with subprocess.Popen(
        (*COMMAND, *arguments), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().split()[-1]
            yield process, url
        finally:
            if process.poll() is None:
                process.kill()


def test_the_demo_walks_by_itself_and_says_what_it_did() -> None:
    """Issue 2, point 12: the whole path over HTTP with both official clients, an expiry and a revocation; exit code 0.

    Whatever the environment says of proxies and of gRPC's roots.
    """
    done = run("--drive", "--port", "0")
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("GoogleAdsClient", "AdManagerClient", "ConsentRequired", "Nordwind Magazine", "All 14 steps"):
        assert words in done.stdout


def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    """Exit code 3, and a command that works instead."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--port", str(port))
    assert done.returncode == 3
    assert f"Port {port}" in done.stderr
    assert f"grantkeeper demo --port {port + 1}" in done.stderr


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    """Nothing of anybody's is overwritten."""
    (tmp_path / "grantkeeper.key").write_text("precious")
    done = run("--port", "0", "--folder", str(tmp_path))
    assert done.returncode == 3
    assert [file.name for file in tmp_path.iterdir()] == ["grantkeeper.key"]


def test_the_site_says_that_it_is_a_sample_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    """The URL that is printed answers; Ctrl-C ends with code 0 and no traceback; its files stay where asked."""
    with running("--port", "0", "--folder", str(tmp_path / "demo")) as (process, url):
        page = httpx2.get(url, trust_env=False)
        assert "A sample site" in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        refused = httpx2.post(f"{url}sign-in", data={"customer": "casa-verde"}, trust_env=False)
        assert refused.status_code == 403
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert "Stopped." in out
    assert {"grantkeeper.toml", "client_secret.json", "grantkeeper.sqlite3"} <= {
        file.name for file in (tmp_path / "demo").iterdir()
    }
    assert (tmp_path / "demo" / "grantkeeper.key").stat().st_mode & 0o077 == 0
