"""Databases in trouble: a typed error that says what is wrong, and work that goes on when the trouble is over."""

from __future__ import annotations

import socket
import sqlite3
import stat
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType

import psycopg
import pymysql
import pytest

from databases import MariaServer, PostgresServer
from grantkeeper.errors import DatabaseUnavailable, GrantkeeperError, Misconfigured
from grantkeeper.store import SqlStore, failures
from grantkeeper.store.engine import sqlite as sqlite_engine
from grantkeeper.store.engine import writing
from grantkeeper.store.engine.postgresql import Bounded, Unanswered
from store.made import NOW, flow_row, grant_row, saved


def uses(store: SqlStore, ident: str = "g1", state: str = "5" * 64) -> dict[str, Callable[[], object]]:
    """Return every verb of a store, ready to be called."""
    row = grant_row(id=ident, subject="1001" if ident == "g1" else ident.removeprefix("g"))
    added = grant_row(id=f"{ident}b", subject=f"{ident}b")
    return {
        "installation": store.installation,
        "grant": lambda: store.grant(ident),
        "grants": store.grants,
        "unresolved": lambda: store.unresolved(clients=("google-ads",)),
        "flow": lambda: store.flow(state),
        "add_flow": lambda: store.add_flow(flow_row(state_hash=state)),
        "consume_flow": lambda: store.consume_flow(state, at=NOW),
        "finish_flow": lambda: store.finish_flow(state, outcome="connected"),
        "sweep_flows": lambda: store.sweep_flows(expired_before=NOW),
        "insert_grant": lambda: store.insert_grant(added),
        "save_grant": lambda: store.save_grant(saved(row), expected_version=1),
        "begin_refresh": lambda: store.begin_refresh(ident, version=1, attempt="a", at=NOW, lease=NOW - NOW),
        "end_refresh": lambda: store.end_refresh(ident, attempt="a", sent_at=None, sends=0),
        "save_tokens": lambda: store.save_tokens(saved(row), expected_version=1, attempt=None),
    }


VERBS = tuple(uses(SqlStore("sqlite:///unused.sqlite3")))
READS = {"installation", "grant", "grants", "unresolved", "flow"}
WRITES = tuple(verb for verb in VERBS if verb not in READS)


def _no_host(driver: ModuleType) -> Exception:
    """Return a driver's error for a host without an address, as its own resolver makes it."""
    if driver is psycopg:
        return psycopg.OperationalError("failed to resolve host 'db.example': [Errno -2] Name or service not known")
    cause = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    error: Exception = pymysql.err.OperationalError(2003, "planted-value")
    vars(error)["original_exception"] = cause
    return error


@pytest.fixture
def sqlite_store(tmp_path: Path) -> SqlStore:
    """A store on SQLite with one grant."""
    store = SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")
    store.migrate()
    store.insert_grant(grant_row())
    return store


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_connections_that_the_server_ended_are_replaced(kind: str, request: pytest.FixtureRequest) -> None:
    """R-40: after a restart of the server or a proxy nobody notices: what had not begun is begun again."""
    server: PostgresServer | MariaServer = request.getfixturevalue(f"{kind}_server")
    with server.database() as url, closing(SqlStore(url)) as store:
        store.migrate()
        for number, verb in enumerate(VERBS):
            store.insert_grant(grant_row(id=f"g1{number}", subject=f"1{number}"))
            assert store.grant(f"g1{number}") is not None
            server.hang_up(url.partition("?")[0].rpartition("/")[2])
            uses(store, f"g1{number}", f"{number:064}")[verb]()


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


def test_a_read_only_server_is_unavailable(postgresql_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-42: 25006, as a primary after a failover answers, and goes on answering: wait; reads go on."""
    monkeypatch.setattr(writing, "RETRY_SECONDS", 0.1)
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
        only = SqlStore(f"{url}&target_session_attrs=read-write")
        with pytest.raises(DatabaseUnavailable, match="read-only"):
            only.check()
        only.close()


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
        (psycopg.OperationalError("failed to resolve host 'x': [Errno -2] Name"), Misconfigured, "not known"),
        (psycopg.OperationalError("failed to resolve host 'x': [Errno -3] Temporary"), DatabaseUnavailable, "just now"),
        (psycopg.InterfaceError("planted-value"), DatabaseUnavailable, "InterfaceError"),
        (psycopg.OperationalError("FATAL:  the database system is starting up"), DatabaseUnavailable, "started"),
        (Unanswered(), DatabaseUnavailable, "in time"),
        (sqlite3.ProgrammingError("planted-value"), DatabaseUnavailable, "ProgrammingError"),
        (pymysql.err.OperationalError(1205, "planted-value"), DatabaseUnavailable, "locked"),
        (pymysql.err.OperationalError(1213, "planted-value"), DatabaseUnavailable, "two changes at once"),
        (pymysql.err.OperationalError(1040, "planted-value"), DatabaseUnavailable, "no connection free"),
        (pymysql.err.InternalError(1290, "planted-value"), DatabaseUnavailable, "read-only"),
        (pymysql.err.OperationalError(1836, "planted-value"), DatabaseUnavailable, "read-only"),
        (pymysql.err.OperationalError(1114, "planted-value"), DatabaseUnavailable, "no room left"),
        (pymysql.err.OperationalError(1021, "planted-value"), DatabaseUnavailable, "no room left"),
        (pymysql.err.OperationalError(1045, "planted-value"), Misconfigured, "refuses the password"),
        (pymysql.err.OperationalError(1044, "planted-value"), Misconfigured, "does not let this user in"),
        (pymysql.err.OperationalError(1049, "planted-value"), Misconfigured, "does not exist"),
        (pymysql.err.OperationalError(2003, "planted-value"), DatabaseUnavailable, "reached"),
        (pymysql.err.OperationalError(2006, "planted-value"), DatabaseUnavailable, "reached"),
        (pymysql.err.OperationalError(2013, "planted-value"), DatabaseUnavailable, "reached"),
        (pymysql.err.InterfaceError(0, ""), DatabaseUnavailable, "reached"),
        (pymysql.err.ProgrammingError(1146, "planted-value"), Misconfigured, "none of grantkeeper's tables"),
        (pymysql.err.OperationalError(1054, "planted-value"), Misconfigured, "none of grantkeeper's tables"),
        (pymysql.err.DataError(1406, "planted-value"), DatabaseUnavailable, "MySQL 1406"),
    ],
    ids=lambda value: f"{type(value).__name__}{value.args[:1]}" if isinstance(value, Exception) else str(value)[:20],
)
def test_every_driver_error_has_a_meaning(error: Exception, kind: type[GrantkeeperError], says: str) -> None:
    """R-42: SQLSTATEs become our words; the driver's own, which may hold values, are not repeated."""
    found = failures.translated(error, "grants at db.example")
    assert type(found) is kind
    assert says in str(found)
    assert "grants at db.example" in str(found)
    assert "planted-value" not in str(found)


@pytest.mark.parametrize("error", [_no_host(psycopg), _no_host(pymysql)], ids=["psycopg", "pymysql"])
def test_a_name_that_is_not_found_is_mistyped_at_the_start_only(error: Exception) -> None:
    """R-14, R-42: a database that is started anew, or a resolver in trouble, is waited for."""
    assert type(failures.translated(error, "grants")) is Misconfigured
    assert type(failures.translated(error, "grants", worked=True)) is DatabaseUnavailable


def test_a_store_that_worked_waits_for_its_host_to_be_found_again(
    postgresql_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-42: by every way to the database; a store that never worked says that the name is wrong."""

    def connect(*_args: object, **_options: object) -> None:
        raise _no_host(psycopg)

    with postgresql_server.database() as url, closing(SqlStore(url)) as store, closing(SqlStore(url)) as new:
        store.migrate()
        store.insert_grant(grant_row())
        postgresql_server.hang_up(url.partition("?")[0].rpartition("/")[2])
        monkeypatch.setattr(Bounded, "connect", connect)
        for verb in ("grant", "grants", "save_grant", "insert_grant"):
            with pytest.raises(DatabaseUnavailable, match="just now"):
                uses(store)[verb]()
        with pytest.raises(Misconfigured, match="is not known"):
            new.grants()


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
