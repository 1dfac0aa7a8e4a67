"""Servers in processes of their own, all under the same uvicorn settings, and what they cost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = resource.getpagesize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: where it is reached, and its process."""

    url: str
    pid: int

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self) -> int:
        """Return its resident memory in bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE


@contextmanager
def running(kind: str, *arguments: str) -> Iterator[Server]:
    """Start `python -m bench.serving.apps KIND ARGUMENTS`, wait until it says where it listens, and stop it."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    command = [sys.executable, "-m", "bench.serving.apps", kind, *arguments]
    process: subprocess.Popen[Any] = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"The server {kind} did not start.")
        yield Server(url=url, pid=process.pid)
    finally:
        process.terminate()
        process.wait(60)


def settled(server: Server, seconds: float = 0.5) -> None:
    """Wait until a server does nothing: what it does by itself must not count for the next round."""
    while True:
        before = server.cpu()
        time.sleep(seconds)
        if server.cpu() - before <= seconds * 0.1:
            return
