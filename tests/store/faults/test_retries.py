"""R-42: what a database did not keep is made again, a few times and not for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy.exc import DBAPIError

from grantkeeper.errors import Conflict, DatabaseUnavailable
from grantkeeper.store import SqlStore
from grantkeeper.store.engine import writing
from grantkeeper.store.engine.postgresql import Unanswered
from store.faults.conftest import Far
from store.made import NOW, flow_row, grant_row, saved

only_postgresql = pytest.mark.parametrize("far", ["postgresql"], indirect=True)
only_mariadb = pytest.mark.parametrize("far", ["mariadb"], indirect=True)


class Pauses:
    """Counts the pauses between tries, and does something at the first."""

    def __init__(self, first: Callable[[], object] = lambda: None) -> None:
        self.first = first
        self.count = 0

    def __call__(self, seconds: float) -> None:
        """Do not wait."""
        assert 0 < seconds <= 0.5
        self.count += 1
        if self.count == 1:
            self.first()


class InThread:
    """Work in another thread, and what became of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.result: Any = None
        self._work = work
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - told to the test
            self.result = error

    def end(self) -> Any:
        """Return or raise what the work did."""
        self._thread.join()
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


def await_waiting(far: Far, count: int) -> None:
    """Return when so many sessions wait for locks in this database."""
    asked = {
        "postgresql": f"SELECT DISTINCT pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT granted "
        f"AND datname = '{far.name}'",
        "mariadb": "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
    }
    for _ in range(100):
        if len(far.execute(asked[far.kind])) >= count:
            return
        threading.Event().wait(0.12)  # InnoDB renews its answer only for who did not ask for 0.1 s
    pytest.fail("they do not wait")


def new(far: Far) -> str:
    """Insert a grant that no other test has; returns its id."""
    ident = f"r{next(far.numbers)}"
    far.near.insert_grant(grant_row(id=ident, subject=ident))
    return ident


def test_a_deadlock_is_tried_again(far: Far) -> None:
    """R-42: 40P01, 1213: a real one with another session; the sweep deletes all flows all the same.

    A third session holds up the sweep between its first flow and its last until the other waits for the first: then
    the sweep closes the circle, and is the one that is ended.
    """
    if far.kind == "postgresql":
        far.server.execute(f"ALTER DATABASE {far.name} SET deadlock_timeout = '20ms'")
    first, second, last = (f"{number:064}" for number in (1, 2, 3))
    for number, state in enumerate((first, second, last)):
        far.near.add_flow(flow_row(state_hash=state, expires_at=NOW - timedelta(days=9 - number)))
    ballast = [new(far) for _ in range(9)]  # MariaDB ends the transaction that changed less
    pauses = Pauses()
    changed = "UPDATE grantkeeper_flow SET outcome = 'x' WHERE state_hash = '{}'".format
    with closing(far.opened(pause=pauses)) as store, far.near._writing.begin() as other:
        if far.kind == "postgresql":
            other.exec_driver_sql("SET LOCAL deadlock_timeout = '60s'")
        for ident in ballast:
            other.exec_driver_sql(f"UPDATE grantkeeper_grant SET used_at = 1 WHERE id = '{ident}'")
        other.exec_driver_sql(changed(last))
        with far.near._writing.begin() as third:
            third.exec_driver_sql(changed(second))
            sweeping = InThread(lambda: store.sweep_flows(expired_before=NOW))
            await_waiting(far, 1)
            asking = InThread(lambda: other.exec_driver_sql(changed(first)))
            await_waiting(far, 2)
        asking.end()
        other.commit()
        assert sweeping.end() == 3
    assert pauses.count >= 1


@only_postgresql
@pytest.mark.parametrize("same_version", [True, False])
def test_a_serialization_failure_is_tried_again(far: Far, same_version: bool) -> None:
    """R-42: 40001, on a database that is set to repeatable read; who lost the row to another save is told Conflict."""
    ident = new(far)
    far.server.execute(f"ALTER DATABASE {far.name} SET default_transaction_isolation = 'repeatable read'")
    pauses = Pauses()
    change = "used_at = 1" if same_version else "version = 2"
    row = saved(grant_row(id=ident, subject=ident))
    try:
        with closing(far.opened(pause=pauses)) as store:
            with far.near._writing.begin() as other:
                other.exec_driver_sql(f"UPDATE grantkeeper_grant SET {change} WHERE id = '{ident}'")
                saving = InThread(lambda: store.save_grant(row, expected_version=1))
                await_waiting(far, 1)
            if same_version:
                saving.end()
            else:
                with pytest.raises(Conflict):
                    saving.end()
    finally:
        far.server.execute(f"ALTER DATABASE {far.name} RESET default_transaction_isolation")
    assert pauses.count <= 1


@only_postgresql
def test_a_lock_timeout_is_tried_again(far: Far) -> None:
    """R-42: 55P03: whoever holds the row lets it go meanwhile."""
    ident = new(far)
    far.server.execute(f"ALTER DATABASE {far.name} SET lock_timeout = '50ms'")
    other = far.near._writing.connect()
    other.begin()
    other.exec_driver_sql(f"UPDATE grantkeeper_grant SET used_at = 1 WHERE id = '{ident}'")
    pauses = Pauses(other.commit)
    try:
        with closing(far.opened(pause=pauses)) as store:
            store.save_grant(saved(grant_row(id=ident, subject=ident)), expected_version=1)
    finally:
        other.close()
        far.server.execute(f"ALTER DATABASE {far.name} RESET lock_timeout")
    assert pauses.count == 1


@only_postgresql
def test_a_standby_is_left_for_the_new_primary(far: Far) -> None:
    """R-42: 25006: the connection is dropped, and the next one finds a server that can write."""
    ident = new(far)
    far.server.execute(f"ALTER DATABASE {far.name} SET default_transaction_read_only = on")
    pauses = Pauses(lambda: far.server.execute(f"ALTER DATABASE {far.name} RESET default_transaction_read_only"))
    with closing(far.opened(pause=pauses)) as store:
        store.grants(limit=1)
        store.save_grant(saved(grant_row(id=ident, subject=ident)), expected_version=1)
    assert pauses.count == 1


@only_mariadb
def test_a_read_only_mariadb_is_left_for_the_new_primary(far: Far) -> None:
    """R-42: 1290."""
    ident = new(far)
    far.execute("CREATE USER plain@localhost IDENTIFIED BY 'plain-password'")
    far.execute(f"GRANT SELECT, UPDATE ON {far.name}.* TO plain@localhost")
    far.execute("SET GLOBAL read_only = ON")
    pauses = Pauses(lambda: far.execute("SET GLOBAL read_only = OFF"))
    try:
        url = f"mysql://plain:plain-password@127.0.0.1:{far.proxy.port}/{far.name}"
        with closing(SqlStore(url, pause=pauses)) as store:
            store.save_grant(saved(grant_row(id=ident, subject=ident)), expected_version=1)
    finally:
        far.execute("SET GLOBAL read_only = OFF")
        far.execute("DROP USER plain@localhost")
    assert pauses.count == 1


@only_mariadb
@pytest.mark.slow
def test_a_lock_on_mariadb_is_not_waited_for_as_long_as_its_server_would(far: Far) -> None:
    """R-42: 1205 after five seconds, not fifty."""
    ident = new(far)
    with far.near._writing.begin() as other, closing(far.opened()) as store:
        other.exec_driver_sql(f"UPDATE grantkeeper_grant SET used_at = 1 WHERE id = '{ident}'")
        with pytest.raises(DatabaseUnavailable, match="locked"):
            store.save_grant(saved(grant_row(id=ident, subject=ident)), expected_version=1)


def test_a_server_that_comes_back_in_time_is_not_missed(far: Far) -> None:
    """R-42: refused connections are tried again: nothing was sent."""
    ident = new(far)
    pauses = Pauses(far.proxy.come_back)
    with closing(far.opened(pause=pauses)) as store:
        far.proxy.leave()
        store.save_grant(saved(grant_row(id=ident, subject=ident)), expected_version=1)
    assert pauses.count == 1


@pytest.mark.parametrize(
    "lost",
    [psycopg.errors.SerializationFailure(), psycopg.errors.CannotConnectNow(), pymysql.err.OperationalError(1213)],
    ids=str,
)
def test_tries_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: Exception) -> None:
    """R-42: bounded: after three seconds, here less, the caller is told; each pause is short."""
    monkeypatch.setattr(writing, "RETRY_SECONDS", 0.2)
    tries = 0

    def fail(_work: object) -> int:
        nonlocal tries
        tries += 1
        raise DBAPIError("UPDATE", None, lost)

    with closing(SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")) as store:
        store.migrate()
        monkeypatch.setattr(store._writer, "_once", fail)
        begun = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            store.insert_grant(grant_row())
    assert 2 <= tries <= 10
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("lasting", [psycopg.errors.DiskFull(), psycopg.errors.QueryCanceled(), Unanswered()], ids=str)
def test_what_does_not_pass_soon_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lasting: Exception
) -> None:
    """R-42: a full disk is no better in a moment, and a call that took too long would take as long again."""
    pauses = Pauses()
    with closing(SqlStore(f"sqlite:///{tmp_path}/a.sqlite3", pause=pauses)) as store:
        store.migrate()
        monkeypatch.setattr(store._writer, "_once", raising(DBAPIError("UPDATE", None, lasting)))
        with pytest.raises(DatabaseUnavailable):
            store.insert_grant(grant_row())
    assert pauses.count == 0


def raising(error: Exception) -> Callable[[object], int]:
    """Return a function that raises."""

    def fail(_work: object) -> int:
        raise error

    return fail
