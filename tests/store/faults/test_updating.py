"""Changes that several threads make together, on SQLite."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from grantkeeper.store import SqlStore
from store.made import NOW, grant_row

LEASE = timedelta(minutes=1)


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    """A store on SQLite with three grants."""
    made = SqlStore(f"sqlite:///{tmp_path / 'together.sqlite3'}")
    made.migrate()
    for name in ("a", "b", "c"):
        made.insert_grant(grant_row(id=name, subject=name))
    return made


def begin(store: SqlStore, name: str, who: str = "us") -> bool:
    """Take the lease of a grant."""
    return store.begin_refresh(name, version=1, attempt=who, at=NOW, lease=LEASE)


class Gate:
    """Holds up the thread that makes the first change until others wait, then does what is asked for."""

    def __init__(self, store: SqlStore, then: Callable[[], object] = lambda: None) -> None:
        self._updater = store._updater
        self._execute = self._updater.execute
        self._then = then
        self.entered, self.opened = threading.Event(), threading.Event()
        self._updater.execute = self._held  # type: ignore[method-assign]

    def _held(self, cursor: Any, text: str, parameters: Any) -> int:
        if not self.entered.is_set():
            self.entered.set()
            assert self.opened.wait(10)
            self._then()
        return self._execute(cursor, text, parameters)

    def until_waiting(self, number: int) -> None:
        """Return when so many threads wait."""
        look = threading.Event()
        for _ in range(2000):
            with self._updater._lock:
                if len(self._updater._waiting) == number:
                    return
            look.wait(0.005)
        pytest.fail("they do not wait")


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Do some work in a thread; what it returns or raises is in the list."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is looked at
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, results


def test_threads_that_wait_are_served_together_each_with_its_own_result(store: SqlStore) -> None:
    """One commit for many; who loses is told so."""
    gate = Gate(store)
    first = in_thread(lambda: begin(store, "a"))
    assert gate.entered.wait(10)
    others = [in_thread(lambda: begin(store, "b")), in_thread(lambda: begin(store, "c"))]
    others.append(in_thread(lambda: begin(store, "a", "another")))
    gate.until_waiting(3)
    gate.opened.set()
    for thread, _ in (first, *others):
        thread.join(10)

    assert [results for _, results in (first, *others)] == [[True], [True], [True], [False]]
    store.close()


def test_an_interrupted_leader_loses_nobodys_change(store: SqlStore) -> None:
    """R-10: Ctrl-C in the thread that makes the changes of others: they are made all the same, or said not to be."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    ahead = Gate(store)
    first = in_thread(lambda: begin(store, "a"))
    assert ahead.entered.wait(10)
    second = in_thread(lambda: begin(store, "b"))
    third = in_thread(lambda: begin(store, "c"))
    ahead.until_waiting(2)
    later = Gate(store, interrupted)
    later.opened.set()
    ahead.opened.set()
    for thread, _ in (first, second, third):
        thread.join(10)

    results = [results for _, results in (first, second, third)]
    assert results[0] == [True]
    assert sorted(type(each[0]).__name__ for each in results[1:]) == ["KeyboardInterrupt", "bool"]
    for name, each in zip("abc", results, strict=True):
        row = store.grant(name)
        assert row is not None
        assert (row.lease == "us") is (each == [True])
    assert begin(store, "a", "another") is False
    store.close()


def test_a_thread_that_is_interrupted_while_it_waits_leaves_the_others_going(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-10: Ctrl-C in a thread that waits, which was to lead next."""
    gate = Gate(store)
    first = in_thread(lambda: begin(store, "a"))
    assert gate.entered.wait(10)
    real = threading.Event.wait
    main = threading.current_thread()

    def wait(self: threading.Event, timeout: float | None = None) -> bool:
        if threading.current_thread() is main and timeout is None:
            monkeypatch.setattr(threading.Event, "wait", real)
            third = in_thread(lambda: begin(store, "c"))
            gate.until_waiting(2)
            gate.opened.set()
            real(self, 10)  # it is told that it leads
            others.append(third)
            raise KeyboardInterrupt
        return real(self, timeout)

    others: list[tuple[threading.Thread, list[object]]] = []
    monkeypatch.setattr(threading.Event, "wait", wait)
    with pytest.raises(KeyboardInterrupt):
        begin(store, "b")
    for thread, results in (first, *others):
        thread.join(10)
        assert results == [True]
    assert begin(store, "b")
    store.close()
