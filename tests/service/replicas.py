"""Real `grantkeeper serve` processes on one database, and a client that goes to them as a balancer does."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grantkeeper.settings import new_key_file
from grantkeeper.store import SqlStore

CONFIG = """\
database = "sqlite:///x.sqlite3"
key_file = "grantkeeper.key"
[service]
url = "https://grants.example.com"
"""
PROGRAM = Path(sys.executable).with_name("grantkeeper")
WAIT = 30.0


@dataclass(kw_only=True)
class Replica:
    """One process, always at the same port once it had one."""

    folder: Path
    environ: dict[str, str]
    name: str
    port: int = 0
    program: tuple[str | Path, ...] = (PROGRAM,)
    process: subprocess.Popen[str] = field(init=False)

    @property
    def log(self) -> Path:
        """Where its log goes."""
        return self.folder / f"{self.name}.log"

    def start(self, *options: str) -> None:
        """Start it, and wait until it is ready."""
        state = str(self.folder / f"{self.name}.state")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*self.program, "serve", "--port", str(self.port), "--drain", "2", "--log-format", "json", *options],
                cwd=self.folder,
                env=self.environ | {"GRANTKEEPER_STATE_FOLDER": state},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said.startswith("http://127.0.0.1:"), self.log.read_text()
        self.port = int(said.partition("/ ")[0].rpartition(":")[2])
        end = time.monotonic() + WAIT
        while not self.is_ready():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    def is_ready(self) -> bool:
        """Ask it."""
        with suppress(OSError, http.client.HTTPException):
            return self.ask("GET", "/readyz")[0] == 200
        return False

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if body else {}
        finally:
            connection.close()

    def stop(self) -> int:
        """End it as a supervisor does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(WAIT)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def talk(replica: Replica, *parts: bytes, wait: float = 5) -> bytes:
    """Send bytes as they are and return all that comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", replica.port), timeout=wait) as connection:
        for part in parts:
            connection.sendall(part)
        found = b""
        while chunk := connection.recv(65536):
            found += chunk
        return found


class Load:
    """Threads that read one grant's token, in turn at each replica that says that it is ready.

    As a balancer does: a connection is kept until the other side says that it closes it, or closes it while it is idle;
    one that is refused means the next replica. Whatever else goes wrong is a failed read.
    """

    def __init__(self, replicas: list[Replica], path: str, key: str, *, threads: int = 4) -> None:
        self._replicas, self._path, self._key = replicas, path, key
        self._ready = {each.name: True for each in replicas}
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._read_on) for _ in range(threads)]
        self._threads.append(threading.Thread(target=self._watch))
        self.reads = 0
        self.failed: list[str] = []

    @contextmanager
    def running(self) -> Iterator[Load]:
        """Read until the block is left."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in self._threads:
                thread.join(WAIT)

    def go_on(self, reads: int) -> None:
        """Wait for so many more reads."""
        wanted, end = self.reads + reads, time.monotonic() + WAIT
        while self.reads < wanted and not self.failed:
            assert time.monotonic() < end, "the reads came to a stop"
            time.sleep(0.02)

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            for each in self._replicas:
                self._ready[each.name] = each.is_ready()

    def _read_on(self) -> None:
        kept: dict[str, http.client.HTTPConnection] = {}
        turn = 0
        while not self._ended.is_set():
            turn += 1
            order = self._replicas[turn % len(self._replicas) :] + self._replicas[: turn % len(self._replicas)]
            self._read(sorted(order, key=lambda each: not self._ready[each.name]), kept)
        for connection in kept.values():
            connection.close()

    def _read(self, order: list[Replica], kept: dict[str, http.client.HTTPConnection]) -> None:
        for replica in order:
            connection = kept.get(replica.name)
            if connection is not None and _is_closed(connection):
                connection.close()
                connection = None
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", replica.port, timeout=10)
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    kept.pop(replica.name, None)
                    continue
                kept[replica.name] = connection
            self._send(replica, connection, kept)
            return
        self.failed.append("no replica took the connection")

    def _send(
        self, replica: Replica, connection: http.client.HTTPConnection, kept: dict[str, http.client.HTTPConnection]
    ) -> None:
        try:
            connection.request("GET", self._path, headers={"Authorization": f"Bearer {self._key}"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.failed.append(f"{replica.name}: {error!r}")
            connection.close()
            del kept[replica.name]
            return
        if answer.will_close:
            connection.close()
            del kept[replica.name]
        if answer.status == 200:
            self.reads += 1
        else:
            self.failed.append(f"{replica.name}: {answer.status}")


@contextmanager
def replica_alone(folder: Path, *program: str | Path) -> Iterator[Replica]:
    """Run the service over a new SQLite database, started by this program."""
    (folder / "grantkeeper.toml").write_text(CONFIG)
    new_key_file(folder / "grantkeeper.key")
    store = SqlStore(f"sqlite:///{folder / 'x.sqlite3'}")
    store.migrate()
    store.close()
    replica = Replica(folder=folder, environ=environment(), name="one", program=program or (PROGRAM,))
    replica.start()
    yield replica
    if replica.process.poll() is None:
        replica.process.kill()
        replica.process.communicate()
    elif replica.process.stdout is not None:
        replica.process.stdout.close()


def _is_closed(connection: http.client.HTTPConnection) -> bool:
    """Tell whether the other side closed an idle connection: then there is something to read, its end."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])


def environment(**more: str) -> dict[str, str]:
    """Return what a replica's process needs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    # It runs in another folder, where a relative path leads elsewhere.
    folders = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    path = os.pathsep.join(str(Path(each).resolve()) for each in folders)
    return kept | ({"PYTHONPATH": path} if path else {}) | more
