"""Every call of a database ends: a server that says nothing costs a bounded time and one connection."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy

from databases import PostgresServer
from grantkeeper.errors import Conflict, DatabaseUnavailable
from grantkeeper.store import SqlStore
from grantkeeper.store.engine import engine_for
from grantkeeper.store.engine.postgresql import Bounded
from store.faults.conftest import SECONDS, Far
from store.faults.proxy import Fault
from store.made import NOW, grant_row, saved

LONG = 4 * SECONDS + 2
"""What a call may take on a busy machine; a call without an end takes for ever."""


@contextmanager
def in_time() -> Iterator[None]:
    """Fail when the block takes too long."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < LONG


@contextmanager
def locked(far: Far, grant_id: str) -> Iterator[None]:
    """Hold a row's lock in another session."""
    with far.near._writing.begin() as other:
        other.exec_driver_sql(f"UPDATE grantkeeper_grant SET used_at = 1 WHERE id = '{grant_id}'")
        yield


def test_a_read_that_is_never_answered_is_read_elsewhere(far: Far) -> None:
    """R-41: the quick read and the plain one; the connection is given up, the next one answers."""
    far.near.insert_grant(grant_row(id="read", subject="read"))
    far.store.grant("read")
    uses: list[Callable[[], Any]] = [lambda: far.store.grant("read"), lambda: far.store.grants(subject="read")[0]]
    for use in uses:
        rule = far.proxy.lose(b"FROM grantkeeper_grant", Fault.SILENCE)
        with in_time():
            assert use() == grant_row(id="read", subject="read")
        assert rule.met.is_set()


def test_a_commit_that_is_never_answered_is_looked_up(far: Far) -> None:
    """R-40, R-41: whoever waits is told how it ended."""
    row = grant_row(id="commit", subject="commit")
    far.near.insert_grant(row)
    far.proxy.lose(b"COMMIT" if far.kind != "postgresql" else b"UPDATE grantkeeper_grant", Fault.SILENCE)
    with in_time(), suppress(DatabaseUnavailable) if far.kind == "postgresql" else nullcontext():
        far.store.save_grant(saved(row), expected_version=1)
    assert far.near.grant("commit") == saved(row)


def test_a_change_that_waits_for_a_lock_is_given_up(far: Far) -> None:
    """R-42: somebody else's transaction does not hold up ours for ever; afterwards all is well.

    PostgreSQL may come to the change that nobody waits for any more, once it can: then it is there already.
    """
    row = grant_row(id="lock", subject="lock")
    far.near.insert_grant(row)
    with locked(far, "lock"), in_time(), pytest.raises(DatabaseUnavailable):
        far.store.save_grant(saved(row), expected_version=1)
    with suppress(Conflict):
        far.store.save_grant(saved(row), expected_version=1)
    assert far.near.grant("lock") == saved(row)


def test_the_time_is_for_each_call_and_not_for_a_connection(far: Far) -> None:
    """A connection that lives longer than a call may last goes on."""
    with closing(far.opened(call_seconds=1)) as store, store._engine.connect() as connection:
        for _ in range(3):
            connection.exec_driver_sql("SELECT 1")
            threading.Event().wait(0.4)


@pytest.fixture
def one(postgresql_server: PostgresServer) -> Iterator[tuple[SqlStore, str]]:
    """A store on PostgreSQL with one grant, and its database's name."""
    with postgresql_server.database() as url, closing(SqlStore(url, call_seconds=SECONDS)) as store:
        store.migrate()
        store.insert_grant(grant_row())
        yield store, url.partition("?")[0].rpartition("/")[2]


def test_a_stopped_backend_is_left(one: tuple[SqlStore, str], postgresql_server: PostgresServer) -> None:
    """A server process that hangs, here by SIGSTOP, costs one call's time: no statement_timeout would end it."""
    store, name = one
    store.grant("g1")
    found = postgresql_server.execute(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'")
    pids = [pid for (pid,) in found]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        with in_time():
            assert store.grant("g1") == grant_row()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def await_hanging(url: str) -> None:
    """Return when the server took up its new setting: when a COMMIT is not answered."""
    engine = engine_for(url, call_seconds=0.2)
    for _ in range(100):
        with engine.execution_options(writing=True).connect() as connection:
            connection.exec_driver_sql("UPDATE grantkeeper_installation SET epoch = 1")
            try:
                connection.commit()
            except sqlalchemy.exc.OperationalError:
                return
    pytest.fail("COMMIT does not hang")


def test_a_commit_that_waits_for_a_standby_is_given_up(
    one: tuple[SqlStore, str], postgresql_server: PostgresServer
) -> None:
    """R-41: synchronous replication without a standby: COMMIT hangs, nobody knows; once it is there, so is the row."""
    store, name = one
    postgresql_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
    store.close()
    postgresql_server.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    postgresql_server.execute("SELECT pg_reload_conf()")
    await_hanging(postgresql_server.url(name))
    try:
        with in_time(), pytest.raises(DatabaseUnavailable, match="did not answer in time"):
            store.save_grant(saved(grant_row()), expected_version=1)
        assert store.grant("g1") == grant_row()
    finally:
        postgresql_server.execute("ALTER SYSTEM RESET synchronous_standby_names")
        postgresql_server.execute("SELECT pg_reload_conf()")
    # Our own change of the row now waits for the first one's lock, and comes second.
    store.begin_refresh("g1", version=1, attempt="a", at=NOW, lease=timedelta(seconds=1))
    assert store.grant("g1") == saved(grant_row())


def test_a_vanished_host_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system is to give up unanswered packets and resting connections (PostgreSQL 34.1.2); a URL may differ."""
    seen: dict[str, Any] = {}

    def connect(**options: Any) -> None:
        seen.update(options)
        raise ZeroDivisionError

    monkeypatch.setattr(Bounded, "connect", connect)
    with pytest.raises(ZeroDivisionError):
        engine_for("postgresql://u@h/d?keepalives_idle=7").connect()
    assert {"tcp_user_timeout": 15_000, "connect_timeout": 5, "keepalives_idle": "7"}.items() <= seen.items()
