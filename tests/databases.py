"""Real databases for tests: SQLite files, and a private PostgreSQL server, started once per test session.

A pytest plugin (see conftest.py): `database_url` is a fresh, empty database of each kind, `store` a migrated one.
"""

from __future__ import annotations

import itertools
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from grantkeeper.store import SqlStore

KINDS = ("sqlite", "postgresql")

# What a server that is thrown away may do without: surviving a power cut.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "listen_addresses": "",
    "max_connections": "120",
    "shared_buffers": "32MB",
}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running server that only this test session can reach: on a socket in a private folder, with a password."""

    folder: Path
    password: str

    def url(self, database: str) -> str:
        """Return the URL of a database on this server."""
        return f"postgresql://grantkeeper:{self.password}@/{database}?host={self.folder}"

    def execute(self, statement: str, *, database: str = "postgres") -> list[Any]:
        """Run one statement as the superuser, outside of any transaction; returns its rows, if it has any."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def database(self) -> Iterator[str]:
        """Create a database, yield its URL, drop it whoever is still connected."""
        name = f"test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running_postgresql() -> Iterator[PostgresServer]:
    """Start a server in a temporary folder, yield it, stop it and remove the folder."""
    account = _account()
    with tempfile.TemporaryDirectory(prefix="gk-pg-", ignore_cleanup_errors=True) as name:
        folder, password = Path(name), secrets.token_hex(16)
        (folder / "password").write_text(password)
        if account:
            for path in (folder, folder / "password"):
                os.chown(path, account.pw_uid, account.pw_gid)
        data = folder / "data"
        options = ["--no-sync", "--encoding=UTF8", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
        _run(account, _program("initdb"), f"--pgdata={data}", "--username=grantkeeper", *options)
        settings = " ".join(f"-c {key}={value!r}" for key, value in _SETTINGS.items())
        control = (_program("pg_ctl"), f"--pgdata={data}", "--wait")
        _run(account, *control, f"--log={folder / 'log'}", f"--options=-k {folder} {settings}", "start")
        try:
            yield PostgresServer(folder=folder, password=password)
        finally:
            _run(account, *control, "--mode=immediate", "stop")


@contextmanager
def fresh_database(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a new, empty database; the PostgreSQL server is started by the first who asks."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / f'grantkeeper-{next(_numbers)}.sqlite3'}"
        return
    server: PostgresServer = request.getfixturevalue("postgresql_server")
    with server.database() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresServer]:
    """A private PostgreSQL server; a test session has at most one."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, empty database, of each kind in turn."""
    with fresh_database(request.param, tmp_path, request) as url:
        yield url


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    """A store on a fresh, migrated database, of each kind in turn."""
    opened = SqlStore(database_url)
    opened.migrate()
    yield opened
    opened.close()


def _account() -> pwd.struct_passwd | None:
    """Return the user to run the server as; None for this one. PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.fail("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody` to run it as.")


def _program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs; without them tests fail, they do not skip."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: _major(path.parts[4]))
    found = shutil.which(name) or (str(installed[-1]) if installed else None) or _beside_postgres(name)
    if found is None:
        pytest.fail(f"PostgreSQL's `{name}` is missing: `apt-get install postgresql` (or put its bin folder on PATH).")
    return found


def _beside_postgres(name: str) -> str | None:
    """Return the program that lies beside the `postgres` on PATH, links followed."""
    server = shutil.which("postgres")
    beside = Path(server).resolve().parent / name if server else None
    return str(beside) if beside and beside.exists() else None


def _major(folder: str) -> int:
    return int(folder) if folder.isdigit() else 0


def _run(account: pwd.struct_passwd | None, *command: str) -> None:
    identity: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd="/", **identity
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
