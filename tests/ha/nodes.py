"""One PostgreSQL server on a loopback address of its own, that can be killed, frozen and promoted.

Its settings that matter, and the URL, are those of docs/availability.md: what that page shows is what is tried.
"""

from __future__ import annotations

import os
import pwd
import select
import signal
import socket
import subprocess
import tomllib
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from databases import _program, _run
from docs.pages import page

PAGE = page(Path("docs/availability.md"))
USER = "grantkeeper"
DATABASE = "grants"
DIES_WITHIN = 10.0
"""Seconds from SIGKILL to the end of a process, which the kernel still has to take apart."""

# What servers that are thrown away may do without: surviving a power cut. Commits wait for the standby all the same.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "dynamic_shared_memory_type": "mmap",  # in its folder: what is killed cannot remove anything from elsewhere
    "wal_keep_size": "64MB",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A server, running or not. `account` is whom it runs as, None for this user."""

    folder: Path
    address: str
    port: int
    password: str = field(repr=False)
    account: pwd.struct_passwd | None

    @property
    def data(self) -> Path:
        """Where its files are."""
        return self.folder / "data"

    def run(self, program: str, *words: str) -> None:
        """Run one of PostgreSQL's programs as the server's user."""
        _run(self.account, _program(program), *words)

    def start(self, **settings: str) -> None:
        """Start it and wait until it answers."""
        listening = {"listen_addresses": self.address, "port": str(self.port), "unix_socket_directories": ""}
        options = " ".join(f"-c {name}={value!r}" for name, value in (SETTINGS | listening | settings).items())
        self.control(f"--log={self.folder / 'log'}", f"--options={options}", "start")

    def control(self, *words: str) -> None:
        """Run pg_ctl and wait until it is done."""
        self.run("pg_ctl", f"--pgdata={self.data}", "--wait", *words)

    def promote(self) -> None:
        """Make a standby a primary; it can be written when this returns."""
        self.control("promote")

    def execute(self, statement: str, *, database: str = "postgres") -> list[Any]:
        """Run one statement outside of any transaction; returns its rows, if it has any."""
        with psycopg.connect(
            host=self.address,
            port=self.port,
            user=USER,
            password=self.password,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def kill(self) -> None:
        """Let it die as a machine does: every process at once, nothing said, nothing written. It may be dead before."""
        self._signal(signal.SIGSTOP)  # so that no process of it notices that another one died
        with ExitStack() as open_now:
            dying = []
            for pid in self._processes():
                with suppress(ProcessLookupError):
                    dying.append(os.pidfd_open(pid))
                    open_now.callback(os.close, dying[-1])
            self._signal(signal.SIGKILL)
            for each in dying:
                select.select([each], [], [], DIES_WITHIN)
        self._tidy()

    def _tidy(self) -> None:
        """Remove what a new start would stumble over where nobody buries the dead, and memory outside of its folder."""
        lock = self.data / "postmaster.pid"
        with suppress(FileNotFoundError, IndexError):
            # The seventh line is the key and the id of its System V memory. Source: PostgreSQL 15, utils/pidfile.h.
            memory = lock.read_text().splitlines()[6].split()[1]
            subprocess.run(["ipcrm", "--shmem-id", memory], check=False, capture_output=True)
        lock.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Stop it in the middle of what it does: connections stay open, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if no time had passed."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _processes(self) -> list[int]:
        """Return its first process and what that one started; none when it never ran, or is gone."""
        try:
            first = int((self.data / "postmaster.pid").read_text().partition("\n")[0])
            children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        except FileNotFoundError:
            return []
        return [first, *map(int, children)]


def free_port(addresses: Iterable[str]) -> int:
    """Return a port that nobody listens at on any of these loopback addresses."""
    for _ in range(20):
        with ExitStack() as held, suppress(OSError):
            port = 0
            for address in addresses:
                listener = held.enter_context(socket.create_server((address, port)))
                port = int(listener.getsockname()[1])
            return port
    raise OSError("no port is free on all of the addresses")


def url(addresses: Iterable[str], port: int, password: str) -> str:
    """Return the URL that leads to whichever of the servers can be written."""
    (written,) = PAGE.snippets("toml")
    documented = str(tomllib.loads(written.body)["database"])
    begins = f"postgresql://{USER}:password@db1:5432,db2:5432,db3:5432/{DATABASE}?"
    assert documented.startswith(begins)
    hosts = ",".join(f"{address}:{port}" for address in addresses)
    return f"postgresql://{USER}:{password}@{hosts}/{DATABASE}?{documented.removeprefix(begins)}"


def synchronous() -> dict[str, str]:
    """Return the settings with which a primary waits for its standby."""
    (written,) = PAGE.snippets("text")
    return {name: value.strip("'") for name, _, value in (line.partition(" = ") for line in written.body.splitlines())}
