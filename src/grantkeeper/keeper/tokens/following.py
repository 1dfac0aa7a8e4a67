"""Following what happens to grants, so that a token in memory need not be looked up each second.

Whatever takes a grant out of use is an event in the transaction of its change. One look at new events, a few times a
second, tells a process of all its grants at once what it else has to ask of each; so the work of the database follows
what happens, not what is read.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from ...errors import GrantkeeperError
from ...model import Store
from .memory import Memory

log = logging.getLogger("grantkeeper")

SHARE: Final = 0.4
"""Of `max_stale`: two looks fit into it, so that one that takes its time costs nothing."""
BATCH: Final = 500


class Following:
    """Looks at new events in a thread of its own, and tells the memory until when it may be trusted. Thread-safe."""

    def __init__(self, *, store: Store, memory: Memory, now: Callable[[], datetime], max_stale: timedelta) -> None:
        self._store = store
        self._memory = memory
        self._now = now
        self._every = max_stale * SHARE
        self._position: int | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._complained = False

    def start_afresh(self) -> None:
        """In a forked child: nobody follows here yet."""
        self._stopped, self._thread = threading.Event(), None

    def start(self) -> None:
        """Follow, until `stop`; may be called twice."""
        if self._thread is None or not self._thread.is_alive():
            self._stopped.clear()
            self._thread = threading.Thread(target=self._follow, name="grantkeeper-following", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Follow no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """Look at what happened since the last time; raises DatabaseUnavailable, and then nothing is trusted anew."""
        began = self._now()
        if self._position is None:
            # What is in memory by now was read before: it is trusted only once it is read again.
            self._position = self._store.events.last()
            self._memory.trust(began, beginning=True)
            return
        more = True
        while more:
            events = self._store.events.read(after=self._position, limit=BATCH)
            for grant_id in dict.fromkeys(event.grant_id for event in events if event.grant_id):
                self._note(grant_id)
            more = len(events) == BATCH
            self._position = events[-1].position if events else self._position
        self._memory.trust(began)

    def _note(self, grant_id: str) -> None:
        """Drop what is in memory of a grant unless its row is still the same; also what another thread is reading."""
        row = self._store.grant(grant_id)
        if row is not None and self._memory.of_version(row.grant) is None:
            self._memory.forget(row.grant)

    def _follow(self) -> None:
        while not self._stopped.wait(self._every.total_seconds()):
            try:
                self.look()
            except GrantkeeperError as error:
                if not self._complained:
                    log.warning("what happens to grants cannot be followed just now, each is looked up: %s", error)
                self._complained = True
            else:
                self._complained = False
