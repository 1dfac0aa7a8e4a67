"""Lets refreshes in while the keeper is open, and waits for those that are under way when it closes (R-57)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from ..refresh.refusals import Closed


class Gate:
    """Counts the refreshes under way. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._open = True

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Be under way within the block; raises Closed once the gate is."""
        with self._changed:
            if not self._open:
                raise Closed
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def close(self, patience: timedelta) -> None:
        """Let nobody in any more, and wait for those who are, for so long."""
        with self._changed:
            self._open = False
            self._changed.wait_for(lambda: self._inside == 0, patience.total_seconds())

    def start_afresh(self) -> None:
        """In a forked child: nobody is under way here."""
        self._changed, self._inside = threading.Condition(), 0
