"""Following what happens to grants, so that a token in memory need not be looked up each second.

Whatever takes a grant out of use is an event in the transaction of its change. One look at new events, a few times a
second, tells a process of all its grants at once what it else has to ask of each; so the work of the database follows
what happens, not what is read.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from ...errors import GrantkeeperError, SealBroken
from ...model import Mark, Store
from ...model.event import beyond
from .memory import MAX_HELD, Memory

log = logging.getLogger("grantkeeper")

SHARE: Final = 0.4
"""Of `max_stale`: two looks fit into it, so that one that takes its time costs nothing."""
SELDOM: Final = timedelta(milliseconds=50)
"""No more often, however little `max_stale` is: a thread that does nothing else would be a processor's whole work."""
BATCH: Final = 500
PART: Final = MAX_HELD // 20
"""Of the memory, that is gone through at a time: a processor's milliseconds; all of a full one takes eight seconds."""
SOON: Final = timedelta(seconds=25)
"""Whose trust ends so soon is looked at: time enough to go through the memory twice."""
_LOST: Final = "what happens to grants cannot be followed just now, each is looked up"


class Following:
    """Looks at new events in a thread of its own, and tells the memory until when it may be trusted. Thread-safe."""

    def __init__(self, *, store: Store, memory: Memory, now: Callable[[], datetime], max_stale: timedelta) -> None:
        self._store = store
        self._memory = memory
        self._now = now
        self._every = max(max_stale * SHARE, SELDOM)
        self._position: int | None = None
        self._last: Mark | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._complained = False
        self._ageing: list[tuple[str, int]] = []
        self._round: list[str] = []

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
            self._begin(began)
        elif self._went_on(self._position):
            self._memory.trust(began)
        else:
            self._skip_past(self._position, began)
            self._begin(began)

    def _begin(self, at: datetime) -> None:
        """Follow from here on. What is in memory by now was read before: it is trusted only once it is read again."""
        position = self._store.events.last()
        first = self._store.events.marks(since=position, limit=1)
        self._position, self._last = position, _standing_at(position, first)
        self._memory.trust(at, beginning=True)

    def _went_on(self, position: int) -> bool:
        """Go on from a position; False when the last event seen does not stand there any more.

        Then the database is an older state than it was, a backup or a replica that had not heard of everything: what
        was committed since the last look may have been given positions that were passed already.
        """
        more = True
        while more:
            marks = self._store.events.marks(since=position, limit=BATCH)
            if _standing_at(position, marks) != self._last:
                return False
            new = marks if self._last is None else marks[1:]
            if not marks and self._store.events.last() < position:
                return False
            for grant_id in dict.fromkeys(mark.grant_id for mark in new if mark.grant_id):
                self._note(grant_id)
            more = len(marks) == BATCH
            if new:
                position, self._last = new[-1].position, new[-1]
                self._position = position
        return True

    def _skip_past(self, position: int, at: datetime) -> None:
        """Let no more events take the places of others, unless the last one seen only grew too old to be kept."""
        events = self._store.events
        if _standing_at(position, events.marks(since=position, limit=1)) or events.last() < position:
            log.error("the database is an older state than it was; positions of events go on from a later number")
            events.skip_to(beyond(at))

    def _note(self, grant_id: str) -> None:
        """Drop what is in memory of a grant unless its row is still the same; also what another thread is reading."""
        try:
            row = self._store.grant(grant_id)
        except SealBroken as problem:  # nobody knows what it says: no reason to stop following all others
            log.error("no token of it is handed out from memory: %s", problem)  # noqa: TRY400 - a traceback adds nothing
            self._memory.drop(grant_id)
            return
        if row is not None and self._memory.of_version(row.grant) is None:
            self._memory.forget(row.grant)

    def look_at_versions(self) -> None:
        """Look whether grants whose tokens are in memory are as they were, many at once; raises DatabaseUnavailable.

        It costs a hundredth of looking at each row when somebody asks.
        """
        began = self._now()
        if not self._ageing:
            self._round = self._round or self._memory.grants()
            part, self._round = self._round[:PART], self._round[PART:]
            self._ageing = self._memory.ageing(part, SOON)
        # The events must not wait: without a look at them nothing is trusted.
        while self._ageing and self._now() - began < self._every:
            batch, self._ageing = self._ageing[:BATCH], self._ageing[BATCH:]
            at = self._now()
            self._memory.looked_at(batch, at, same=self._store.work.unchanged(dict(batch)))

    def _follow(self) -> None:
        while not self._stopped.wait(self._every.total_seconds()):
            try:
                self.look()
                self.look_at_versions()
            except GrantkeeperError as error:
                if not self._complained:
                    log.warning("%s: %s", _LOST, error)
                self._complained = True
            except Exception:  # with the thread would end all trust, until a restart
                if not self._complained:
                    log.exception(_LOST)
                self._complained = True
            else:
                self._complained = False


def _standing_at(position: int, marks: Sequence[Mark]) -> Mark | None:
    return marks[0] if marks and marks[0].position == position else None
