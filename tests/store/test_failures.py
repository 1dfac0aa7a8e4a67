"""Databases in trouble: a typed error that says what is wrong, and work that goes on when the trouble is over."""

from __future__ import annotations

import sqlite3
import stat
import traceback
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from databases import PostgresServer
from grantkeeper.errors import DatabaseUnavailable, GrantkeeperError, Misconfigured
from grantkeeper.store import SqlStore, failures
from grantkeeper.store.engine import sqlite as sqlite_engine
from store.made import NOW, flow_row, grant_row, saved


def uses(store: SqlStore) -> dict[str, Callable[[], object]]:
    """Return every verb of a store, ready to be called."""
    return {
        "installation": store.installation,
        "grant": lambda: store.grant("g1"),
        "grants": store.grants,
        "flow": lambda: store.flow("5" * 64),
        "add_flow": lambda: store.add_flow(flow_row()),
        "consume_flow": lambda: store.consume_flow("5" * 64, at=NOW),
        "finish_flow": lambda: store.finish_flow("5" * 64, outcome="connected"),
        "sweep_flows": lambda: store.sweep_flows(expired_before=NOW),
        "insert_grant": lambda: store.insert_grant(grant_row(id="g2", subject="1002")),
        "save_grant": lambda: store.save_grant(saved(grant_row()), expected_version=1),
    }


VERBS = tuple(uses(SqlStore("sqlite:///unused.sqlite3")))
WRITES = ("add_flow", "consume_flow", "finish_flow", "sweep_flows", "insert_grant", "save_grant")


@pytest.fixture
def sqlite_store(tmp_path: Path) -> SqlStore:
    """A store on SQLite with one grant."""
    store = SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")
    store.migrate()
    store.insert_grant(grant_row())
    return store


@pytest.mark.parametrize("verb", VERBS)
def test_connections_that_the_server_ended_are_replaced(postgresql_server: PostgresServer, verb: str) -> None:
    """R-40: after a restart of the server or a proxy nobody notices: what had not begun is begun again."""
    with postgresql_server.database() as url:
        store = SqlStore(url)
        store.migrate()
        store.insert_grant(grant_row())
        assert store.grant("g1") == grant_row()
        database = url.partition("?")[0].rpartition("/")[2]
        postgresql_server.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        )
        uses(store)[verb]()
        assert store.grant("g1") is not None
        store.close()


@pytest.mark.parametrize("verb", WRITES)
def test_a_locked_sqlite_database_is_unavailable(
    sqlite_store: SqlStore, tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-43: who waits too long for another writer is told to try again; afterwards all is well."""
    monkeypatch.setattr(sqlite_engine, "BUSY_SECONDS", 0.05)
    store = SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")
    other = sqlite3.connect(tmp_path / "a.sqlite3")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="locked"):
        uses(store)[verb]()
    other.rollback()
    other.close()
    uses(store)[verb]()
    store.close()


@pytest.mark.parametrize("verb", ["add_flow", "insert_grant"])
def test_a_full_disk_is_unavailable_and_changes_nothing(sqlite_store: SqlStore, verb: str) -> None:
    """R-43: SQLITE_FULL, here by a limit of pages: the row is as it was."""
    with sqlite_store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    big = "x" * 100_000
    work = {
        "add_flow": lambda: sqlite_store.add_flow(flow_row(redirect_uri=big)),
        "insert_grant": lambda: sqlite_store.insert_grant(grant_row(id="g2", subject="2", scopes=frozenset({big}))),
    }
    with pytest.raises(DatabaseUnavailable, match="no room"):
        work[verb]()
    assert sqlite_store.grants() == [grant_row()]
    sqlite_store.close()


def test_a_damaged_file_stops_the_work(sqlite_store: SqlStore, tmp_path: Path) -> None:
    """R-43: corruption is for a person: stop, restore a backup."""
    sqlite_store.close()
    content = bytearray((tmp_path / "a.sqlite3").read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    (tmp_path / "a.sqlite3").write_bytes(content)
    with pytest.raises(Misconfigured, match="damaged") as refused:
        sqlite_store.grants()
    assert "backup" in refused.value.advice
    sqlite_store.close()


def test_a_read_only_server_is_unavailable(postgresql_server: PostgresServer) -> None:
    """R-42: 25006, as a primary after a failover answers: wait; reads go on."""
    with postgresql_server.database() as url:
        store = SqlStore(url)
        store.migrate()
        store.insert_grant(grant_row())
        store.close()
        database = url.partition("?")[0].rpartition("/")[2]
        postgresql_server.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
        with pytest.raises(DatabaseUnavailable, match="read-only"):
            store.save_grant(saved(grant_row()), expected_version=1)
        assert store.grant("g1") == grant_row()
        store.close()


def test_a_user_without_rights_is_a_misconfiguration(postgresql_server: PostgresServer) -> None:
    """42501: the message speaks of rights, not of missing tables."""
    with postgresql_server.database() as url:
        store = SqlStore(url)
        store.migrate()
        store.close()
        postgresql_server.execute(f"CREATE ROLE stranger LOGIN PASSWORD '{postgresql_server.password}'")
        stranger = SqlStore(url.replace("grantkeeper:", "stranger:"))
        with pytest.raises(Misconfigured, match="does not let this user"):
            stranger.check()
        stranger.close()
        postgresql_server.execute("DROP ROLE stranger")


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (psycopg.errors.SerializationFailure(), DatabaseUnavailable, "two changes at once"),
        (psycopg.errors.DeadlockDetected(), DatabaseUnavailable, "two changes at once"),
        (psycopg.errors.LockNotAvailable(), DatabaseUnavailable, "locked"),
        (psycopg.errors.QueryCanceled(), DatabaseUnavailable, "took too long"),
        (psycopg.errors.TooManyConnections(), DatabaseUnavailable, "no connection free"),
        (psycopg.errors.DiskFull(), DatabaseUnavailable, "no room left"),
        (psycopg.errors.AdminShutdown(), DatabaseUnavailable, "stopped or started"),
        (psycopg.errors.NotNullViolation("planted-value"), DatabaseUnavailable, "23502"),
        (psycopg.OperationalError("server closed the connection unexpectedly"), DatabaseUnavailable, "reached"),
        (psycopg.OperationalError('role "x" does not exist'), Misconfigured, "refuses the user"),
        (psycopg.InterfaceError("planted-value"), DatabaseUnavailable, "InterfaceError"),
        (sqlite3.ProgrammingError("planted-value"), DatabaseUnavailable, "ProgrammingError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value)[:20],
)
def test_every_driver_error_has_a_meaning(error: Exception, kind: type[GrantkeeperError], says: str) -> None:
    """R-42: SQLSTATEs become our words; the driver's own, which may hold values, are not repeated."""
    found = failures.translated(error, "grants at db.example")
    assert type(found) is kind
    assert says in str(found)
    assert "grants at db.example" in str(found)
    assert "planted-value" not in str(found)


def test_only_the_unique_constraint_is_a_conflict(store: SqlStore) -> None:
    """A NULL where none may be is no conflict, or the caller would read and retry for ever."""
    broken = grant_row()
    object.__setattr__(broken.grant, "email", None)
    with pytest.raises(DatabaseUnavailable):
        store.insert_grant(broken)
    assert store.grants() == []


def test_errors_carry_no_values(store: SqlStore) -> None:
    """V-22: a failing statement's parameters are in no text, repr or traceback."""
    store.check()
    with store._writing.begin() as connection:
        connection.exec_driver_sql("DROP TABLE grantkeeper_flow")
    planted = "-".join(("planted", "outcome"))  # a traceback shows source lines, too
    with pytest.raises(Misconfigured) as refused:
        store.finish_flow("5" * 64, outcome=planted)
    shown = "".join(traceback.format_exception(refused.value))
    assert planted not in shown + repr(refused.value)
    assert store._engine.hide_parameters is True


def test_the_database_file_stays_private(sqlite_store: SqlStore, tmp_path: Path) -> None:
    """V-10: whatever was done, only its owner reads it."""
    sqlite_store.close()
    assert stat.S_IMODE((tmp_path / "a.sqlite3").stat().st_mode) == 0o600
