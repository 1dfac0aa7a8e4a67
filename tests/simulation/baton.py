"""Threads of which exactly one runs, under a clock that moves only when all of them wait: whoever holds the baton."""

from __future__ import annotations

import _thread
import threading
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random
from types import TracebackType
from typing import Any, Final

SECOND: Final = 1_000_000
"""Virtual time is counted in microseconds."""

STEPS: Final = 50_000
"""More in one seed means that something goes round in circles."""


class Killed(BaseException):
    """Raised in a task whose process is gone, and in all of them when an invariant is broken."""


class Task:
    """A thread of a simulated process; `process` is None for the world's own."""

    __slots__ = ("body", "done", "killed", "name", "process", "runner", "ticket", "woken")

    def __init__(self, name: str, process: Any, body: Callable[[], object], runner: Runner) -> None:
        self.name, self.process, self.body, self.runner = name, process, body, runner
        self.ticket = 0
        self.killed = self.done = self.woken = False


class Runner:
    """A real thread, used for one task after another: starting one takes longer than most tasks do."""

    def __init__(self) -> None:
        self.gate = _thread.allocate_lock()
        self.gate.acquire()
        self.job: Callable[[], Callable[[], None]] = lambda: lambda: None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            self.gate.acquire()
            self.job()()


_idle: Final[list[Runner]] = []


class Scheduler:
    """Decides who runs, by the time at which each wants to; equal times are drawn."""

    def __init__(self, rng: Random, now: int) -> None:
        self.rng, self.now = rng, now
        self.current: Task | None = None
        self.failure = ""
        self.tasks: list[Task] = []
        self.trace: list[tuple[int, str, str]] = []
        self._heap: list[tuple[int, float, int, int, Task]] = []
        self._numbers = count()
        self._steps = 0
        self._main = _thread.allocate_lock()
        self._main.acquire()

    @property
    def me(self) -> Task:
        """The task that runs."""
        assert self.current is not None
        return self.current

    def spawn(self, name: str, body: Callable[[], object], *, process: Any = None, after: int = 0) -> Task:
        """Add a task that begins so much later."""
        runner = _idle.pop() if _idle else Runner()
        task = Task(name, process, body, runner)
        runner.job = lambda: self._run(task)
        self.tasks.append(task)
        self._push(task, self.now + after)
        return task

    def run(self) -> None:
        """Let tasks run until none of them wants to, or an invariant is broken."""
        if (task := self._next()) is not None:
            task.runner.gate.release()
            self._main.acquire()
        self.current = None

    def end(self) -> None:
        """End what still waits."""
        for task in self.tasks:
            if not task.done:
                task.killed = True
                self.current = task
                self._heap.clear()
                task.runner.gate.release()
                self._main.acquire()
        self.current = None

    def note(self, what: str) -> None:
        """Add a line to the trace."""
        self.trace.append((self.now, self.current.name if self.current else "-", what))

    def fail(self, what: str) -> None:
        """Note that an invariant is broken, the first one only, and end everything."""
        if not self.failure:
            self.failure = what
            self.note(f"BROKEN {what}")
        raise Killed

    def sleep(self, duration: int) -> None:
        """Let this task go on after that time."""
        me = self.me
        if me.killed:
            raise Killed
        at = self.now + duration
        if self._heap and self._heap[0][0] <= at:
            self._push(me, at)
            self._switch(me)
        else:
            self.now = at
        self._steps += 1
        if self._steps > STEPS:
            self.fail("the simulation goes round in circles")

    def block(self, timeout: int | None) -> bool:
        """Let this task wait until it is woken; False when that took longer than `timeout`."""
        me = self.me
        if me.killed:
            raise Killed
        me.ticket += 1
        me.woken = False
        if timeout is not None:
            self._push(me, self.now + timeout)
        self._switch(me)
        return me.woken

    def wake(self, task: Task) -> None:
        """Let a task that waits go on."""
        if not task.done:
            task.woken = True
            self._push(task, self.now)

    def kill(self, task: Task) -> None:
        """Let a task find, wherever it is, that its process is gone."""
        if not task.done:
            task.killed = True
            if task is not self.current:
                self._push(task, self.now)

    def _push(self, task: Task, at: int) -> None:
        task.ticket += 1
        heappush(self._heap, (at, self.rng.random(), next(self._numbers), task.ticket, task))

    def _next(self) -> Task | None:
        while self._heap and not self.failure:
            at, _, _, ticket, task = heappop(self._heap)
            if ticket == task.ticket and not task.done:
                self.now, self.current = max(self.now, at), task
                return task
        return None

    def _switch(self, me: Task) -> None:
        task = self._next()
        if task is not me:
            (task.runner.gate if task else self._main).release()
            me.runner.gate.acquire()
        if me.killed:
            raise Killed

    def _run(self, task: Task) -> Callable[[], None]:
        """Run a task; returns what hands the baton on, when nothing of the task is left."""
        try:
            if not task.killed:
                task.body()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - nothing of ours raises anything else
            self.failure = self.failure or f"{type(error).__name__} in {task.name}: {error}"
            self.note(f"BROKEN {self.failure}")
        task.done = True
        task.body = _nothing
        _idle.append(task.runner)
        following = self._next()
        return (following.runner.gate if following else self._main).release


def _nothing() -> None:
    """Take the place of a body that has ended: what its frames held is let go."""


class Here:
    """The simulation that runs in this process; what replaces `threading` in patched modules finds it here."""

    scheduler: Scheduler
    world: Any


class Event:
    """As threading.Event, for tasks."""

    def __init__(self) -> None:
        self._set = False
        self._waiting: list[Task] = []

    def is_set(self) -> bool:
        """Tell whether it happened."""
        return self._set

    def set(self) -> None:
        """Let it have happened."""
        self._set = True
        for task in self._waiting:
            Here.scheduler.wake(task)
        self._waiting.clear()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it."""
        if self._set:
            return True
        self._waiting.append(Here.scheduler.me)
        Here.scheduler.block(None if timeout is None else int(timeout * SECOND))
        return self._set


class Lock:
    """As threading.Lock used in a `with`, for tasks."""

    def __init__(self) -> None:
        self._holder: Task | None = None
        self._waiting: deque[Task] = deque()

    def __enter__(self) -> None:
        me = Here.scheduler.me
        while self._holder is not None and not self._holder.done:
            self._waiting.append(me)
            Here.scheduler.block(None)
        self._holder = me

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._holder = None
        if self._waiting:
            Here.scheduler.wake(self._waiting.popleft())


class Thread:
    """As threading.Thread, for tasks of the present process."""

    def __init__(self, *, target: Callable[[], object], name: str, daemon: bool) -> None:
        self._target, self._name = target, name
        self._task: Task | None = None

    def start(self) -> None:
        """Let it begin."""
        process = Here.scheduler.me.process
        self._task = Here.scheduler.spawn(f"{process.name} {self._name}", self._target, process=process)

    def is_alive(self) -> bool:
        """Tell whether it still runs."""
        return self._task is not None and not self._task.done

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended."""
        end = Here.scheduler.now + int((timeout or 3600) * SECOND)
        while self.is_alive() and Here.scheduler.now < end:
            Here.scheduler.sleep(SECOND)
