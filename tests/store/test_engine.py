"""From a URL to a database: which URLs are taken, what is said of the others, and how SQLite is set up."""

from __future__ import annotations

import importlib.util
import socket
import sqlite3
import stat
import subprocess
import sys
import traceback
from contextlib import closing
from pathlib import Path

import pytest

from databases import PostgresServer
from grantkeeper.errors import DatabaseUnavailable, GrantkeeperError, Misconfigured
from grantkeeper.store import SqlStore, engine
from grantkeeper.store.engine import sqlite as sqlite_engine
from store.made import grant_row

PASSWORD = "planted-Password-4711"


def refusal(url: str) -> GrantkeeperError:
    """Return the error of the first use of a store at `url`; its text and frames hold no password."""
    with pytest.raises((Misconfigured, DatabaseUnavailable)) as refused, closing(SqlStore(url)) as store:
        store.check()
    shown = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
    ours = [frame for frame in shown.stack if "/grantkeeper/" in frame.filename]
    assert PASSWORD not in str(refused.value) + refused.value.advice
    assert PASSWORD not in "".join(str(frame.locals) for frame in ours)
    return refused.value


@pytest.mark.parametrize(
    "url",
    [
        "",
        "grantkeeper.sqlite3",
        f"oracle://u:{PASSWORD}@host/db",
        f"postgresql+asyncpg://u:{PASSWORD}@host/db",
        f"postgres://u:{PASSWORD}@host:port/db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///a.sqlite3?mode=ro",
        f"sqlite://u:{PASSWORD}@host/a.sqlite3",
    ],
)
def test_a_url_that_is_not_usable_is_refused_and_good_ones_are_shown(url: str) -> None:
    """Misconfigured says which forms there are; no password is repeated (V-20, V-22)."""
    error = refusal(url)
    assert isinstance(error, Misconfigured)
    assert "sqlite:///file" in error.advice


def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psycopg the message says what to install."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "psycopg" else found(name))
    error = refusal(f"postgresql://u:{PASSWORD}@host/db")
    assert isinstance(error, Misconfigured)
    assert "grantkeeper[postgres]" in error.advice


def test_a_wrong_password_is_a_misconfiguration(postgresql_server: PostgresServer) -> None:
    """The message says that the password is refused, and repeats neither it nor the right one."""
    url = postgresql_server.url("postgres").replace(postgresql_server.password, PASSWORD)
    error = refusal(url)
    assert isinstance(error, Misconfigured)
    assert "refuses the password" in str(error)
    assert postgresql_server.password not in str(error)


def test_a_missing_database_is_a_misconfiguration(postgresql_server: PostgresServer) -> None:
    """The server is there, the database is not."""
    error = refusal(postgresql_server.url("nowhere"))
    assert isinstance(error, Misconfigured)
    assert "nowhere" in str(error)
    assert "does not exist" in str(error)


def test_a_server_that_does_not_answer_is_unavailable_and_named() -> None:
    """Host and port are said; whether the server is down or the URL wrong is for a person to see."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        error = refusal(f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/grants")
    assert isinstance(error, DatabaseUnavailable)
    assert f"grants at 127.0.0.1:{port} cannot be reached" in str(error)
    assert "correct the database URL" in error.advice


def test_a_server_that_says_nothing_is_given_up() -> None:
    """A connection that is accepted and never answered ends at the connect timeout, here of the URL."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        error = refusal(f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/grants?connect_timeout=2")
    assert isinstance(error, DatabaseUnavailable)


def test_an_unknown_host_is_a_misconfiguration() -> None:
    """`.invalid` never resolves (RFC 6761 6.4)."""
    error = refusal(f"postgresql://u:{PASSWORD}@database.invalid/grants")
    assert isinstance(error, Misconfigured)
    assert "database.invalid is not known" in str(error)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_works(postgresql_server: PostgresServer, scheme: str) -> None:
    """Platforms hand out `postgres://`."""
    with postgresql_server.database() as url:
        store = SqlStore(url.replace("postgresql", scheme, 1))
        store.migrate()
        store.check()
        store.close()


def test_relative_and_absolute_sqlite_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes are relative to the working folder, four absolute; odd characters in a path are just characters."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ä b#c%41").mkdir()
    for url in ("sqlite:///a.sqlite3", f"sqlite:///{tmp_path}/b.sqlite3", "sqlite:///ä b#c%2541/c.sqlite3"):
        store = SqlStore(url)
        store.migrate()
        store.close()
    made = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.sqlite3"))
    assert made[:2] == ["a.sqlite3", "b.sqlite3"]
    assert len(made) == 3


def test_a_missing_file_is_not_made_by_looking(tmp_path: Path) -> None:
    """Only `migrate` creates; whoever just opens is told to run init."""
    error = refusal(f"sqlite:///{tmp_path}/a.sqlite3")
    assert isinstance(error, Misconfigured)
    assert "grantkeeper init" in error.advice
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_kind_is_a_misconfiguration(tmp_path: Path) -> None:
    """Neither a text nor a folder is a database; neither is touched."""
    (tmp_path / "text.sqlite3").write_text("not a database at all, but long enough to look like one" * 100)
    (tmp_path / "folder.sqlite3").mkdir()
    assert "is not an SQLite database" in str(refusal(f"sqlite:///{tmp_path}/text.sqlite3"))
    assert "cannot be opened" in str(refusal(f"sqlite:///{tmp_path}/folder.sqlite3"))


def test_a_file_that_cannot_be_made_is_a_misconfiguration(tmp_path: Path) -> None:
    """The message names the file and the reason."""
    store = SqlStore(f"sqlite:///{tmp_path}/missing/a.sqlite3")
    with pytest.raises(Misconfigured, match=r"missing/a\.sqlite3 cannot be created: No such file") as refused:
        store.migrate()
    assert "folder" in refused.value.advice


def test_database_and_journal_are_private(tmp_path: Path) -> None:
    """V-10: the file is made with mode 0600 whatever the umask; SQLite gives its journals the same."""
    script = f"""
import os; os.umask(0)
from grantkeeper.store import SqlStore
store = SqlStore("sqlite:///{tmp_path}/a.sqlite3"); store.migrate()
with store._writing.begin() as connection:
    connection.exec_driver_sql("UPDATE grantkeeper_installation SET epoch = 2")
    print([oct(os.stat(os.path.join("{tmp_path}", name)).st_mode)[-3:] for name in sorted(os.listdir("{tmp_path}"))])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(eval(done.stdout)) == {"600"}
    assert stat.S_IMODE((tmp_path / "a.sqlite3").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 7, 0), False),
        ((3, 40, 1), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 51, 9), True),
        ((3, 52, 0), False),
        ((3, 53, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_wal_is_used_only_where_it_is_safe(version: tuple[int, int, int], safe: bool) -> None:
    """R-47: the WAL-reset bug corrupts databases that several processes write."""
    assert engine.wal_is_safe(version) is safe
    assert engine.journal_mode(version) == ("wal" if safe else "delete")


@pytest.mark.parametrize("left", ["delete", "wal"])
def test_every_sqlite_connection_is_set_up(tmp_path: Path, left: str) -> None:
    """R-44, R-47: rollback journal or WAL by the library's version, whatever the file was left in; FULL always."""
    store = SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")
    store.migrate()
    store.close()
    with sqlite3.connect(tmp_path / "a.sqlite3") as other:
        assert other.execute(f"PRAGMA journal_mode = {left}").fetchone() == (left,)
    other.close()
    wanted = {
        "journal_mode": engine.journal_mode(sqlite3.sqlite_version_info),
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": int(sqlite_engine.BUSY_SECONDS * 1000),
        "secure_delete": 1,
    }
    with store._engine.connect() as one, store._engine.connect() as two:
        for connection in (one, two):
            found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
            assert found == wanted
    store.close()


def test_writers_begin_immediately(tmp_path: Path) -> None:
    """R-06: a writer takes the lock at BEGIN, where waiting works, not at its first change, where it fails at once."""
    store = SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")
    store.migrate()
    other = sqlite3.connect(tmp_path / "a.sqlite3", timeout=0)
    with store._writing.begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()
    store.close()


def test_what_was_deleted_is_overwritten(tmp_path: Path) -> None:
    """V-10: secure_delete: a row's bytes are gone from the file with the row."""
    store = SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")
    store.migrate()
    store.insert_grant(grant_row(email="planted-canary@acme.example"))
    assert b"planted-canary" in (tmp_path / "a.sqlite3").read_bytes()
    with store._writing.begin() as connection:
        connection.exec_driver_sql("DELETE FROM grantkeeper_grant")
    store.close()
    assert b"planted-canary" not in (tmp_path / "a.sqlite3").read_bytes()
