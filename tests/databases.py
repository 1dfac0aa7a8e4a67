"""Real databases for tests: SQLite files, and private PostgreSQL and MariaDB servers, started once per test session.

A pytest plugin (see conftest.py): `database_url` is a fresh, empty database of each kind, `store` a migrated one.
"""

from __future__ import annotations

import itertools
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
import pymysql
import pytest

from grantkeeper.store import SqlStore

KINDS = ("sqlite", "postgresql", "mariadb")

# What a server that is thrown away may do without: surviving a power cut.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "listen_addresses": "",
    "max_connections": "120",
    "shared_buffers": "32MB",
}
_MARIADB_SETTINGS = {
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-flush-method": "nosync",
    "innodb-file-per-table": "OFF",
    "innodb-doublewrite": "OFF",
    "innodb-use-native-aio": "OFF",
    "innodb-buffer-pool-size": "32M",
    "innodb-log-file-size": "8M",
    "skip-networking": "ON",
    "skip-name-resolve": "ON",
    "max-connections": "120",
    "performance-schema": "OFF",
    # What a grudging administrator may have set: nothing of ours depends on a server's defaults.
    "character-set-server": "latin1",
    "sql-mode": "",
    "transaction-isolation": "REPEATABLE-READ",
    "default-storage-engine": "Aria",
}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running server that only this test session can reach: on a socket in a private folder, with a password."""

    folder: Path
    password: str

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / ".s.PGSQL.5432"

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

    def hang_up(self, database: str) -> None:
        """End every connection to a database."""
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")


@dataclass(frozen=True, slots=True, kw_only=True)
class MariaServer:
    """A running MariaDB server that only this test session can reach: on a socket in a private folder."""

    folder: Path
    password: str

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "socket"

    def url(self, database: str) -> str:
        """Return the URL of a database on this server."""
        return f"mysql://grantkeeper:{self.password}@/{database}?unix_socket={self.socket}"

    def execute(self, statement: str, *, database: str | None = None) -> list[Any]:
        """Run one statement as the superuser, outside of any transaction; returns its rows, if it has any."""
        options = {
            "user": "root",
            "unix_socket": str(self.socket),
            "database": database,
            "autocommit": True,
            "ssl_disabled": True,
        }
        with closing(pymysql.connect(**options)) as root:
            cursor = root.cursor()
            cursor.execute(statement)
            return list(cursor.fetchall())

    @contextmanager
    def database(self) -> Iterator[str]:
        """Create a database, yield its URL, drop it whoever is still connected."""
        name = f"test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.hang_up(name)
            self.execute(f"DROP DATABASE {name}")

    def hang_up(self, database: str) -> None:
        """End every connection to a database."""
        for (ident,) in self.execute(f"SELECT id FROM information_schema.processlist WHERE db = '{database}'"):
            with suppress(pymysql.err.OperationalError):  # it ended by itself
                self.execute(f"KILL {ident}")


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
def running_mariadb() -> Iterator[MariaServer]:
    """Start a server in a temporary folder, yield it, kill it and remove the folder."""
    account = _account("mysql", "nobody")
    with tempfile.TemporaryDirectory(prefix="gk-my-", ignore_cleanup_errors=True) as name:
        folder, data = Path(name), Path(name) / "data"
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        options = ["--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"]
        _run(account, _found("mariadb-install-db", "mysql_install_db"), *options)
        server = MariaServer(folder=folder, password=secrets.token_hex(16))
        with (folder / "log").open("wb") as log, _started_mariadb(server, account, log) as process:
            try:
                _await_mariadb(server, process)
                server.execute(f"CREATE USER grantkeeper@localhost IDENTIFIED BY '{server.password}'")
                server.execute("GRANT ALL ON *.* TO grantkeeper@localhost WITH GRANT OPTION")
                yield server
            finally:
                process.kill()


def _started_mariadb(server: MariaServer, account: pwd.struct_passwd | None, log: IO[bytes]) -> subprocess.Popen[bytes]:
    settings = [f"--{key}={value}" for key, value in _MARIADB_SETTINGS.items()]
    places = [f"--datadir={server.folder / 'data'}", f"--socket={server.socket}", f"--tmpdir={server.folder}"]
    command = [_found("mariadbd", "mysqld"), "--no-defaults", f"--pid-file={server.folder / 'pid'}", *places, *settings]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **_identity(account))


def _await_mariadb(server: MariaServer, process: subprocess.Popen[bytes]) -> None:
    """Return when the server answers; fail when it ends instead, or takes a minute."""
    for _ in range(1200):
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(server.socket))
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
            break
    pytest.fail(f"MariaDB did not start:\n{(server.folder / 'log').read_text()}")


@contextmanager
def fresh_database(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a new, empty database; a server is started by the first who asks."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / f'grantkeeper-{next(_numbers)}.sqlite3'}"
        return
    server: PostgresServer | MariaServer = request.getfixturevalue(f"{kind}_server")
    with server.database() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresServer]:
    """A private PostgreSQL server; a test session has at most one."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaServer]:
    """A private MariaDB server; a test session has at most one."""
    with running_mariadb() as server:
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


def _account(*names: str) -> pwd.struct_passwd | None:
    """Return the user to run a server as; None for this one. PostgreSQL and MariaDB refuse to run as root."""
    if os.geteuid() != 0:
        return None
    for name in names or ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.fail("A database server does not run as root, and there is no user to run it as, not even `nobody`.")


def _found(*names: str) -> str:
    """Return the path of the first of MariaDB's programs that is there; without them tests fail, they do not skip."""
    folders = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        if found := shutil.which(name, path=folders):
            return found
    pytest.fail(f"MariaDB's `{names[0]}` is missing: `apt-get install mariadb-server` (or put it on PATH).")


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


def _identity(account: pwd.struct_passwd | None) -> dict[str, Any]:
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}


def _run(account: pwd.struct_passwd | None, *command: str) -> None:
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        **_identity(account),
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
