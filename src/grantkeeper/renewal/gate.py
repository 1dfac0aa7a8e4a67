"""What breakers are made of: a gate that is shut for a while, what happens in a row, and who was answered lately."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

PROBE_LIFETIME: Final = timedelta(seconds=30)
"""A probe that was not reported by then is given up, and another is let through: its thread or process may have died.
Longer than one call to a provider may take in all (20 s), so that a slow one is not overtaken."""

PROBE_WAIT: Final = timedelta(seconds=1)
"""Whoever meets a probe under way is told to ask again this soon: most probes are answered within a second."""

LATEST: Final = 200
"""Grants whose answers are remembered per OAuth client: enough to tell a share from chance, and few enough that a
fault shows at a big installation before it has reached thousands of grants."""

_NO_TIME: Final = timedelta()


class Gate:
    """Open, or shut for a wait and then half open: one probe at a time until somebody opens it or shuts it again.

    A clock that was set back (or a thread that read it a moment earlier) finds the wait begun anew at most: nothing is
    shut for longer than its wait as seen from the clock's present state.
    """

    __slots__ = ("_longest", "_probe_at", "_shut_at", "_wait")

    def __init__(self, *, longest: timedelta) -> None:
        self._longest = longest
        self._wait = _NO_TIME  # none: open
        self._shut_at: datetime | None = None
        self._probe_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """True when everybody may pass."""
        return self._shut_at is None

    def left(self, now: datetime) -> timedelta:
        """Return how long it is shut from now on; none when it is open or half open, probe or no probe."""
        if self._shut_at is None or self._probe_at is not None:
            return _NO_TIME
        self._shut_at = min(self._shut_at, now)
        return max(self._shut_at + self._wait - now, _NO_TIME)

    def wait(self, now: datetime) -> timedelta:
        """Return how long to wait before asking again; none when the next to come may pass."""
        left = self.left(now)
        if left or self._probe_at is None:
            return left
        self._probe_at = min(self._probe_at, now)
        return min(max(self._probe_at + PROBE_LIFETIME - now, _NO_TIME), PROBE_WAIT)

    def passed(self, now: datetime) -> None:
        """Note that somebody was let through: the probe, unless everybody is."""
        if self._shut_at is not None:
            self._probe_at = now

    def shut(self, wait: timedelta, now: datetime) -> bool:
        """Shut it for `wait`, the longest there is at most, or leave it shut for longer; True when it was open."""
        was_open = self.is_open
        wait = min(wait, self._longest)
        if wait >= self.left(now):
            self._wait, self._shut_at, self._probe_at = wait, now, None
        return was_open

    def probe_failed(self, now: datetime) -> bool:
        """Shut it again for twice as long as before, if a probe was out (True); other bad news is old news."""
        if self._probe_at is None:
            return False
        self.shut(self._wait * 2, now)
        return True

    def probe_unsent(self) -> None:
        """Let another probe through at once: the one let through was not sent."""
        self._probe_at = None

    def open(self) -> bool:
        """Let everybody pass; True when it was not open before."""
        was_open = self.is_open
        self._wait, self._shut_at, self._probe_at = _NO_TIME, None, None
        return not was_open


class Row:
    """How often something happened in a row, and whether `several` grants met it. Bounded in memory."""

    __slots__ = ("_grants", "_several", "_times")

    def __init__(self, several: int) -> None:
        self._several = several
        self._grants: set[str] = set()
        self._times = 0

    def add(self, grant_id: str) -> None:
        """Count it once more."""
        self._times += 1
        if len(self._grants) < self._several:
            self._grants.add(grant_id)

    def is_long(self, times: int) -> bool:
        """Return True when it happened so often, and to several grants."""
        return self._times >= times and len(self._grants) >= self._several

    def clear(self) -> None:
        """Begin anew."""
        self._grants.clear()
        self._times = 0


class Answers:
    """The latest answer to each of the last LATEST grants within a window of time: was it a refusal?"""

    __slots__ = ("_latest", "_refused", "_window")

    def __init__(self, window: timedelta) -> None:
        self._window = window
        self._latest: dict[str, tuple[datetime, bool]] = {}  # in the order of arrival
        self._refused = 0

    def note(self, grant_id: str, *, refused: bool, now: datetime) -> None:
        """Remember an answer; it replaces the grant's earlier one."""
        self._forget(grant_id)
        self._latest[grant_id] = (now, refused)
        self._refused += refused
        while len(self._latest) > LATEST or not self._recent(next(iter(self._latest.values()))[0], now):
            self._forget(next(iter(self._latest)))

    def mostly_refused(self, at_least: int) -> bool:
        """Return True when so many grants were refused, and at least half of those that were answered."""
        return self._refused >= at_least and self._refused * 2 >= len(self._latest)

    def refused(self) -> tuple[str, ...]:
        """Return the grants that were refused, in the order of their refusals."""
        return tuple(grant_id for grant_id, (_, refused) in self._latest.items() if refused)

    def clear(self) -> None:
        """Forget everything."""
        self._latest.clear()
        self._refused = 0

    def _recent(self, at: datetime, now: datetime) -> bool:
        return abs(now - at) < self._window  # either side: after a clock set back, the future is long ago

    def _forget(self, grant_id: str) -> None:
        _, refused = self._latest.pop(grant_id, (None, False))
        self._refused -= refused
