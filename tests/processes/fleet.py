"""Worker processes, seen from the test: they are started, told things, heard, stopped for a while, and ended."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canaries import AVIARY

Order = dict[str, Any]
Reply = dict[str, Any]

TESTS = Path(__file__).resolve().parents[1]
PATIENCE = 60.0
"""Seconds after which a worker that says nothing has failed; none needs a tenth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a forked child ended: its exit code, or minus the signal; and what it said before, errors beside."""

    code: int
    replies: list[Reply]
    errors: str


class Worker:
    """A process with an interpreter of its own; see worker.py for what it does."""

    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        self._process = process
        self._errors = errors
        self._told = 0
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name=f"worker-{process.pid}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def tell(self, order: Order) -> None:
        """Give an order, and do not wait for what comes of it."""
        assert self._process.stdin is not None
        self._told += 1
        self._process.stdin.write(json.dumps({**order, "number": self._told}).encode() + b"\n")
        self._process.stdin.flush()

    def hear(self) -> Reply:
        """Wait for the next line about the latest order; what earlier ones, of a test that failed, left is skipped."""
        while True:
            line = self._lines.get(timeout=PATIENCE)
            said = self._errors.read_bytes()
            AVIARY.show("the output of a worker", line + said)
            assert line, f"a worker ended: {said.decode(errors='replace')}"
            reply: Reply = json.loads(line)
            if reply.pop("number") == self._told:
                return reply

    def ask(self, order: Order) -> Reply:
        """Give an order and wait for what comes of it."""
        self.tell(order)
        return self.hear()

    def fork(self, orders: Sequence[Order]) -> int:
        """Let a forked child do these orders; returns its process id."""
        pid: int = self.ask({"do": "fork", "orders": list(orders)})["forked"]
        return pid

    def ended(self) -> Ended:
        """Wait until the forked child has ended."""
        replies: list[Reply] = []
        while True:
            reply = self.hear()
            if "ended" in reply:
                return Ended(code=reply["ended"], replies=replies, errors=self._errors.read_text(errors="replace"))
            replies.append(reply)

    def stop(self) -> None:
        """Stop the process where it is (SIGSTOP) and wait until it stands still."""
        os.kill(self.pid, signal.SIGSTOP)
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

    def go_on(self) -> None:
        """Let a stopped process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        """End the process; a stopped one too."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")


@contextmanager
def workers(count: int, folder: Path) -> Iterator[list[Worker]]:
    """Start processes, all at once; end them when the block is left."""
    command = [sys.executable, "-W", "error", "-m", "processes.worker"]
    with ExitStack() as stack:
        started = []
        for number in range(count):
            path = folder / f"worker-{number}.txt"
            errors = stack.enter_context(path.open("wb"))
            process = subprocess.Popen(command, cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
            worker = Worker(process, path)
            stack.callback(worker.end)
            started.append(worker)
        yield started


def all_of(fleet: Sequence[Worker], order: Order) -> list[Reply]:
    """Give all of them the same order, then wait for every one."""
    for worker in fleet:
        worker.tell(order)
    return [worker.hear() for worker in fleet]
