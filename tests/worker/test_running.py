"""A worker that runs in threads of its own: it begins, and it ends in order."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper import Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.model import Request, Response
from grantkeeper.testing import EmulatorTransport
from grantkeeper.worker import Worker
from worker.conftest import Opens
from worker.crowd import crowd, due_at, refreshes, tended, use

NOW = timedelta()
PATIENCE = 30


class Held(EmulatorTransport):
    """A transport whose refreshes wait at the provider until they are let go."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.hold = False
        self.reached, self.go = threading.Semaphore(0), threading.Event()

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Send, and keep the answer for a while."""
        answer = super().send(request, deadline=deadline)
        if self.hold and request.url.endswith("/token"):
            self.reached.release()
            assert self.go.wait(PATIENCE)
        return answer


def due_now(keeper: Keeper, emulator: Emulator, count: int, **more: Any) -> None:
    """Let so many used grants be due now."""
    grants = crowd(keeper, emulator, count, **more)
    use(keeper, emulator, grants)
    emulator.clock.advance(timedelta(minutes=50))
    due_at(keeper, grants, emulator.clock.now())


def test_a_started_worker_renews_what_is_due_and_ends_when_told(opens: Opens, emulator: Emulator) -> None:
    """R-57: it waits for the answer that is under way, saves it, and claims nothing more."""
    transport = Held(emulator)
    keeper = opens(transport=transport)
    due_now(keeper, emulator, 3)
    before, transport.hold = refreshes(emulator), True
    worker = Worker(keeper, threads=4)
    worker.start()
    assert transport.reached.acquire(timeout=PATIENCE)
    assert not worker.stop(NOW)  # it is still under way
    transport.go.set()

    assert worker.stop(timedelta(seconds=PATIENCE))
    sent = refreshes(emulator) - before
    renewed = [each for each in keeper.grants() if each.refreshed_at == emulator.clock.now()]
    assert sent >= 1
    assert len(renewed) == sent
    assert keeper.work.waiting()[0] == 3 - sent


def test_callers_are_served_while_the_worker_hangs(opens: Opens, emulator: Emulator) -> None:
    """R-51: every thread of the worker waits for a provider that hangs; a caller's own grant is refreshed at once."""
    transport = Held(emulator)
    keeper = opens(transport=transport)
    due_now(keeper, emulator, 8)
    (mine,) = crowd(keeper, emulator, 1, client="ad-manager")
    emulator.clock.advance(timedelta(hours=2))
    due_at(keeper, [mine], emulator.clock.now() + timedelta(days=1))  # not the worker's
    transport.hold = True
    worker = Worker(keeper, threads=4)
    worker.start()
    for _ in range(2):
        assert transport.reached.acquire(timeout=PATIENCE)
    transport.hold = False

    assert keeper.token(mine.id).expires_at > emulator.clock.now() + timedelta(minutes=50)
    transport.go.set()
    assert worker.stop(timedelta(seconds=PATIENCE))


def test_a_worker_that_was_not_started_can_be_stopped(keeper: Keeper) -> None:
    """And twice."""
    worker = Worker(keeper)

    assert worker.stop(NOW)
    assert worker.stop(NOW)


def no_threads(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let no thread of this name begin, as at a limit of the system."""
    start = threading.Thread.start

    def refused(thread: threading.Thread) -> None:
        if name in thread.name:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refused)


def test_what_no_thread_was_to_be_had_for_is_given_back(
    opens: Opens, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often that was: the grants are due, and their places are free, as soon as threads begin again."""
    keeper = opens()
    due_now(keeper, emulator, 6)
    before = refreshes(emulator)
    worker = Worker(keeper, threads=4)
    with monkeypatch.context() as patched:
        no_threads(patched, "grantkeeper-grant")
        for _ in range(9):
            worker._begun()
            emulator.clock.advance(timedelta(seconds=1))
        assert keeper.work.waiting()[0] == 6
    assert refreshes(emulator) == before

    for _ in range(9):
        worker._begun()
        emulator.clock.advance(timedelta(seconds=1))
        with worker._changed:
            assert worker._changed.wait_for(lambda: not worker._under_way, PATIENCE)
    assert refreshes(emulator) == before + 6
    assert worker.stop(NOW)


def test_a_sweep_without_threads_does_it_all_itself(
    opens: Opens, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`maintain` from cron, where the system allows no more threads."""
    keeper = opens()
    due_now(keeper, emulator, 6)
    no_threads(monkeypatch, "grantkeeper-sweep")
    worker = Worker(keeper, threads=4)

    assert tended(worker.sweep()) == 6
    assert worker.stop(NOW)
