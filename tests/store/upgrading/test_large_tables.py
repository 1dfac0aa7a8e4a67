"""An upgrade of a database whose tables are large: it comes to its end, and others read meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.exc import DBAPIError

from databases import MariaServer, PostgresServer
from grantkeeper.errors import DatabaseUnavailable, Misconfigured
from grantkeeper.store import SqlStore, rows, schema, tables
from grantkeeper.store.engine import engine_for
from store.made import grant_row
from store.upgrading.test_kills import differences
from store.upgrading.test_old_and_new import Old

INDEX = "CREATE INDEX grantkeeper_grant_email"
SECONDS = 0.3
SLEEP = {"postgresql": "SELECT pg_sleep(1)", "mariadb": "SELECT SLEEP(1)"}
LOCKED = "SELECT mode FROM pg_locks WHERE relation = '{}'::regclass AND granted"
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
READERS_WAIT, WRITERS_WAIT = "AccessExclusiveLock", "ShareLock"


def migrated(url: str) -> None:
    """Upgrade, in a process of its own."""
    with closing(SqlStore(url)) as store:
        store.migrate()
        store.check()


@pytest.fixture
def upgraded(postgresql_server: PostgresServer) -> Iterator[str]:
    """A database of the version before the service, with a grant."""
    with postgresql_server.database() as url:
        old = Old(url)
        old.migrate("0003")
        old.insert("grant", rows.grant_values(grant_row()))
        old.engine.dispose()
        yield url


def test_no_index_is_built_while_others_wait_for_more_than_it(upgraded: str) -> None:
    """R-63: others read while one is built, and write between two; PostgreSQL keeps locks to a transaction's end."""
    beside = engine_for(upgraded)
    built: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.lstrip().startswith(("CREATE INDEX grantkeeper_grant", "CREATE UNIQUE INDEX")):
            return
        built.append(statement)
        with beside.connect() as other:
            for table in ("grant", "event", "flow"):
                modes = set(other.exec_driver_sql(LOCKED.format(tables.PREFIX + table)).scalars())
                assert not modes & {READERS_WAIT, WRITERS_WAIT}, (statement, table)

    with closing(SqlStore(upgraded)) as store:
        sqlalchemy.event.listen(store._engine, "before_cursor_execute", note)
        store.migrate()
    beside.dispose()
    assert len(built) >= 5


def test_an_upgrade_that_ends_between_two_transactions_is_taken_up(upgraded: str) -> None:
    """R-63: the columns are there, the first index is not; the version is still the old one."""

    def fail(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith(INDEX):
            raise ZeroDivisionError

    with closing(SqlStore(upgraded)) as store:
        sqlalchemy.event.listen(store._engine, "before_cursor_execute", fail)
        with pytest.raises(ZeroDivisionError):
            store.migrate()
        with pytest.raises(Misconfigured, match="older version"):
            store.check()
    with closing(SqlStore(upgraded)) as store:
        store.migrate()
        assert store.grants() == [grant_row()]
        assert differences(store) == []


def test_several_may_upgrade_a_database_with_grants_at_once(upgraded: str) -> None:
    """R-63: each goes on where another was faster."""
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        for done in [pool.submit(migrated, upgraded) for _ in range(3)]:
            done.result()
    with closing(SqlStore(upgraded)) as store:
        assert store.grants() == [grant_row()]
        assert differences(store) == []


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_step_that_takes_longer_than_a_call_is_waited_for(kind: str, request: pytest.FixtureRequest) -> None:
    """R-41, R-63: an index of a large table would never be there otherwise; later calls have their limit again."""
    server: PostgresServer | MariaServer = request.getfixturevalue(f"{kind}_server")
    slow: list[str] = []

    def delay(_connection: object, cursor: Any, statement: str, *_rest: object) -> None:
        if statement.startswith(INDEX):
            slow.append(statement)
            cursor.execute(SLEEP[kind])

    with server.database() as url, closing(SqlStore(url, call_seconds=SECONDS)) as store:
        sqlalchemy.event.listen(store._engine, "before_cursor_execute", delay)
        store.migrate()
        store.check()
        assert slow
        with store._engine.connect() as connection, pytest.raises(DBAPIError):
            connection.exec_driver_sql(SLEEP[kind])


def counted(url: str) -> int:
    """Upgrade, in a process of its own; returns how many indexes it began."""
    with closing(SqlStore(url)) as store:
        begun = noted(store, "CREATE INDEX", "CREATE UNIQUE INDEX")
        store.migrate()
        store.check()
    return len(begun)


def noted(store: SqlStore, *beginnings: str) -> list[str]:
    """Return a list of the statements with these beginnings, which grows."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().startswith(beginnings):
            found.append(statement)

    sqlalchemy.event.listen(store._engine, "before_cursor_execute", note)
    return found


def test_who_upgrades_beside_a_long_upgrade_waits_and_builds_nothing_twice(upgraded: str) -> None:
    """R-63: an index that takes minutes is begun by one; the other finds all of it done."""
    beside, second = engine_for(upgraded), []

    with ProcessPoolExecutor(1, get_context("spawn")) as pool, closing(SqlStore(upgraded)) as store:

        def begin_another(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if not statement.startswith(INDEX):
                return
            second.append(pool.submit(counted, upgraded))
            with beside.connect() as other:
                while not other.exec_driver_sql(WAITING).scalar():
                    assert not second[0].done(), second[0].result()

        sqlalchemy.event.listen(store._engine, "before_cursor_execute", begin_another)
        store.migrate()
        assert [each.result(60) for each in second] == [0]
    beside.dispose()


def test_who_waits_too_long_for_another_s_upgrade_says_so(upgraded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-63: and has begun nothing; that it can be tried again is said, too."""
    monkeypatch.setattr(schema, "_WAIT_SECONDS", 1)
    beside = engine_for(upgraded).execution_options(writing=True)
    with closing(SqlStore(upgraded)) as store, beside.connect() as other:
        other.exec_driver_sql(f"SELECT pg_advisory_xact_lock({schema._LOCK_NUMBER})")
        begun = noted(store, "CREATE", "ALTER")
        with pytest.raises(DatabaseUnavailable, match="Another process changes the database's tables") as refused:
            store.migrate()
        assert (begun, refused.value.advice) == ([], "Try again.")
        other.rollback()
        store.migrate()
        store.check()
    beside.dispose()


def test_a_database_without_such_locks_is_upgraded_without(upgraded: str) -> None:
    """A relative of PostgreSQL need not have them; neither the lock nor what comes after hangs on it."""
    with closing(SqlStore(upgraded)) as store:

        def unknown(_connection: object, _cursor: object, statement: str, given: Any, *_rest: object) -> Any:
            return statement.replace("pg_advisory_xact_lock", "no_such_function"), given

        sqlalchemy.event.listen(store._engine, "before_cursor_execute", unknown, retval=True)
        asked = noted(store, "SELECT pg_advisory", "SELECT no_such_function")
        store.migrate()
        store.check()
        assert len(asked) == 1
        assert differences(store) == []
