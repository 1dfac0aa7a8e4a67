"""Many threads, many processes, forks: one winner, nothing lost, nothing shared that must not be."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from multiprocessing import get_context
from typing import Any

import pytest

from grantkeeper.errors import Conflict, DatabaseUnavailable
from grantkeeper.store import SqlStore
from store.made import NOW, flow_row, grant_row, saved

THREADS, PROCESSES, ROUNDS = 50, 4, 20


def together(count: int, work: Callable[[int], bool]) -> list[bool]:
    """Return what `work` answers in each of `count` threads that begin at the same moment."""
    start = threading.Barrier(count)

    def begin(number: int) -> bool:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(begin, range(count)))


def inserted(store: SqlStore, number: int) -> bool:
    """Return whether the grant with this id got the place."""
    try:
        store.insert_grant(grant_row(id=f"g{number}"))
    except Conflict:
        return False
    return True


def incremented(store: SqlStore) -> bool:
    """Save the grant once, however often somebody else saves first."""
    while True:
        row = store.grant("g1")
        assert row is not None
        try:
            store.save_grant(saved(row), expected_version=row.grant.version)
        except Conflict:
            continue
        return True


def _consume_in_process(url: str) -> list[bool]:
    with closing(SqlStore(url)) as store:
        return [store.consume_flow(f"{number:064}", at=NOW) for number in range(ROUNDS)]


def _increment_in_process(url: str) -> int:
    with closing(SqlStore(url)) as store:
        return sum(incremented(store) for _ in range(ROUNDS))


def test_of_fifty_threads_one_consumes_a_flow(store: SqlStore) -> None:
    """O-04: one winner, whoever is first; the others are told."""
    store.add_flow(flow_row())
    won = together(THREADS, lambda _number: store.consume_flow(flow_row().state_hash, at=NOW))
    assert sum(won) == 1


def test_of_four_processes_one_consumes_each_flow(store: SqlStore, database_url: str) -> None:
    """O-04: across processes too, with no error but the answer False."""
    for number in range(ROUNDS):
        store.add_flow(flow_row(state_hash=f"{number:064}"))
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
        answers = list(processes.map(_consume_in_process, [database_url] * PROCESSES))
    assert [sum(winners) for winners in zip(*answers, strict=True)] == [1] * ROUNDS


def test_of_twenty_threads_one_inserts_a_person(store: SqlStore) -> None:
    """Two browsers of one person that finish at once make one grant."""
    assert sum(together(20, lambda number: inserted(store, number))) == 1
    assert len(store.grants()) == 1


def test_no_save_is_lost(store: SqlStore, database_url: str) -> None:
    """R-03, R-06: every save of every process is there, one version each, and nobody sees a locked database."""
    store.insert_grant(grant_row())
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
        assert sum(processes.map(_increment_in_process, [database_url] * PROCESSES)) == PROCESSES * ROUNDS
    final = store.grant("g1")
    assert final is not None
    assert final.grant.version == 1 + PROCESSES * ROUNDS


def _increment_often(url: str) -> int:
    with closing(SqlStore(url)) as store:
        return sum(incremented(store) for _ in range(100))


@pytest.mark.slow
def test_eight_processes_write_without_an_error(store: SqlStore, database_url: str) -> None:
    """R-06: nobody is told that the database is locked, every save is there, and the file is whole."""
    store.insert_grant(grant_row())
    with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as processes:
        assert sum(processes.map(_increment_often, [database_url] * 8)) == 800
    final = store.grant("g1")
    assert final is not None
    assert final.grant.version == 801
    if database_url.startswith("sqlite"):
        with store._engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_readers_see_whole_rows_while_writers_write(store: SqlStore) -> None:
    """A read never mixes two versions, and never fails because somebody writes."""
    store.insert_grant(grant_row())
    done = threading.Event()

    def read(_number: int) -> bool:
        while not done.is_set():
            row = store.grant("g1")
            assert row is not None
            assert row.generation == row.grant.version
        return True

    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(read, number) for number in range(3)]
        writers = [threads.submit(incremented, store) for _ in range(ROUNDS)]
        assert all(writer.result() for writer in writers)
        done.set()
        assert all(reader.result() for reader in readers)


def test_more_threads_than_connections_wait_their_turn(store: SqlStore) -> None:
    """R-49: fifty threads share fifteen connections and all get their answer."""
    store.insert_grant(grant_row())
    assert all(together(THREADS, lambda _number: store.grant("g1") == grant_row() and store.grants() != []))


def test_when_no_connection_is_free_it_is_said(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-49: the queue has a deadline; then it is DatabaseUnavailable."""
    store.insert_grant(grant_row())
    pool = store._engine.pool
    monkeypatch.setattr(pool, "_timeout", 0.05)
    busy = [store._engine.connect() for _ in range(15)]
    for use in (
        store.grants,
        lambda: store.grant("g1"),
        lambda: store.save_grant(saved(grant_row()), expected_version=1),
    ):
        with pytest.raises(DatabaseUnavailable, match="in use"):
            use()
    for connection in busy:
        connection.close()
    assert store.grants() == [grant_row()]


def driver_connection(store: SqlStore) -> Any:
    """Return the driver's connection that the pool hands out next."""
    with store._engine.connect() as connection:
        return connection.connection.driver_connection


def in_child(work: Callable[[], bool]) -> bool:
    """Return what `work` answers in a forked child, which ends without any clean-up."""
    child = os.fork()
    if child == 0:
        try:
            answer = work()
        except BaseException:  # noqa: BLE001 - nothing may get out of the child
            answer = False
        os._exit(0 if answer else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_forked_child_has_connections_of_its_own(store: SqlStore) -> None:
    """R-67: the child neither uses nor closes what it inherited; the parent's connections go on working."""
    store.insert_grant(grant_row())
    assert store.grant("g1") == grant_row()
    pooled, kept = driver_connection(store), store._kept._kept[0].driver_connection
    assert kept is not None

    def use() -> bool:
        others = driver_connection(store) is not pooled and not store._kept._kept
        found = store.grant("g1") == grant_row() and store.grants() == [grant_row()]
        store.close()
        return others and found

    assert in_child(use)
    for connection in (pooled, kept):
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_a_fork_in_the_middle_of_a_transaction_does_not_end_it(store: SqlStore) -> None:
    """R-67: closing an inherited connection would roll back, in the parent's name, what the parent is writing."""
    store.insert_grant(grant_row())
    with store._writing.begin() as parents:
        parents.exec_driver_sql("UPDATE grantkeeper_grant SET email = 'by the parent'")
        assert in_child(lambda: store.grant("g1") == grant_row())
    found = store.grant("g1")
    assert found is not None
    assert found.grant.email == "by the parent"


def test_a_forked_child_writes_as_well(store: SqlStore) -> None:
    """R-67: as under a server that forks its workers after start."""
    store.insert_grant(grant_row())
    for _ in range(3):
        assert in_child(lambda: incremented(store))
    assert incremented(store)
    final = store.grant("g1")
    assert final is not None
    assert final.grant.version == 5


def test_who_read_the_row_before_another_refresh_does_not_get_the_lease(store: SqlStore) -> None:
    """R-09: a refresh that came between, and left its outcome open, has to be seen before the token is sent again."""
    store.insert_grant(grant_row())
    lease = timedelta(minutes=1)

    def begun(attempt: str, sends: int) -> bool:
        return store.begin_refresh("g1", version=1, attempt=attempt, at=NOW, lease=lease, sends=sends)

    assert begun("another", 0)
    assert store.end_refresh("g1", attempt="another", sent_at=NOW, sends=1)

    assert not begun("late", 0)
    assert begun("late", 1)
    assert begun("late", 1)  # its own sends do not stand in its way
