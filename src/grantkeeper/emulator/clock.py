"""The emulator's own clock, moved by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Lock


class Clock:
    """Tells an aware UTC time.

    Stands still until it is moved, or runs with the wall clock plus what it was moved by.
    """

    def __init__(self, *, start: datetime | None) -> None:
        """Take the time to stand still at, or None to run."""
        self._lock = Lock()
        self._standing = None if start is None else _utc(start)
        self._offset = timedelta()

    @classmethod
    def fixed(cls, start: datetime | None = None) -> Clock:
        """Return a clock that stands still, at the given aware time or at the wall clock's."""
        return cls(start=start or datetime.now(UTC))

    @classmethod
    def running(cls) -> Clock:
        """Return a clock that runs with the wall clock."""
        return cls(start=None)

    @property
    def runs(self) -> bool:
        """Whether time passes by itself."""
        return self._standing is None

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        with self._lock:
            return self._now()

    def _now(self) -> datetime:
        return (self._standing or datetime.now(UTC)) + self._offset

    def advance(self, by: timedelta) -> None:
        """Move the clock; a negative duration moves it back."""
        with self._lock:
            self._offset += by

    def set(self, to: datetime) -> None:
        """Move the clock to an aware time."""
        with self._lock:
            self._offset += _utc(to) - self._now()


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("the clock takes aware times only")
    return moment.astimezone(UTC)
