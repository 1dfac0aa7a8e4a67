"""The lease on a grant: who refreshes it now, among threads, processes and hosts."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from ...errors import GrantkeeperError
from ...model import GrantRow, Store
from ..authority import DEADLINE
from . import holders

log = logging.getLogger("grantkeeper")

LEASE: Final = DEADLINE * 2
"""How long a lease lasts: one call to the provider to its total deadline, and as long again for a slow database and a
process that was not given the processor (R-04). It is taken anew before each further call."""

MARGIN: Final = DEADLINE / 2
"""Between asking for a lease and calling the provider: whoever was held up for longer gives it back."""

STEAL_AFTER: Final = timedelta(seconds=5)
"""How long a lease that is over is watched before it is taken: a holder whose database was away saves first, it tries
every two seconds; and a clock that was set forward ends no lease at once (R-65)."""

_FIRST_LOOK: Final = timedelta(milliseconds=10)
_LONGEST_LOOK: Final = timedelta(milliseconds=250)
"""How often a waiter reads the row: a refresh takes 50 ms to 20 s."""


class Watch:
    """One waiter's look at another's lease, measured by the waiter's own pauses: no clock can be wrong."""

    def __init__(self) -> None:
        self.waited = timedelta()
        self.replayed = ""
        self.proved = ""
        self._seen = ("", 0)
        self._watched = timedelta()
        self._next = _FIRST_LOOK

    def look(self, lease: str, sends: int = 0) -> None:
        """Note who holds the lease now, and at which send: whoever begins again has all the time anew."""
        if (lease, sends) != self._seen:
            self._seen, self._watched = (lease, sends), timedelta()

    def pause(self) -> timedelta:
        """Return how long to wait before the next look, a little different for everyone."""
        taken = self._next * random.uniform(0.7, 1.3)  # noqa: S311 - no secret
        self._next = min(self._next * 3 / 2, _LONGEST_LOOK)
        self.passed(taken)
        return taken

    def passed(self, duration: timedelta) -> None:
        """Note a pause that was made."""
        self.waited += duration
        self._watched += duration

    def begin_again(self) -> None:
        """Watch the present lease from now on."""
        self._watched = timedelta()

    def longer_than(self, duration: timedelta) -> bool:
        """Tell whether the present lease was seen unchanged for longer."""
        return self._watched > duration


class Leases:
    """Takes leases and gives them back. Thread-safe.

    `replay` puts into the database what processes of this host left in their journals, though a lease named so stands.
    """

    def __init__(
        self, *, store: Store, now: Callable[[], datetime], length: timedelta, replay: Callable[[str], object]
    ) -> None:
        self._store = store
        self._now = now
        self._length = length
        self._replay = replay

    def take(self, row: GrantRow, watch: Watch) -> str | None:
        """Return the name of a new attempt that now holds the row's lease, or None: look again after a pause."""
        watch.look(row.lease, row.sends)
        gone = row.lease if row.lease and holders.is_gone(row.lease) else ""
        if row.lease and not gone:
            if not self._was_watched(row, watch):
                return None
            gone = row.lease if watch.longer_than(self._length + STEAL_AFTER) else ""
        if row.lease and watch.replayed != row.lease:
            # What its holder was answered, or who held it before, may be in a journal of this host: that comes first.
            watch.replayed = row.lease
            self._replay(row.lease)
            return None
        attempt = holders.begin()
        done = False
        try:
            done = self._begun(row, attempt, expired=row.lease, gone=gone)
        finally:
            if not done:
                holders.end(attempt)
        return attempt if done else None

    def again(self, row: GrantRow, attempt: str, *, unknown: bool) -> bool:
        """Take the lease anew before a further call; False when the row has changed or the lease was taken over.

        `unknown`: what became of the calls before is not known.
        """
        return self._begun(row, attempt, unknown=unknown)

    def give_back(self, row: GrantRow, attempt: str, *, unknown: bool) -> None:
        """Let others refresh. `unknown`: whether the provider has used the refresh token up is not known."""
        sent_at, sends = (row.sent_at or self._now(), row.sends + 1) if unknown else (row.sent_at, row.sends)
        try:
            self._store.end_refresh(row.grant.id, attempt=attempt, sent_at=sent_at, sends=sends)
        except GrantkeeperError as error:
            # The lease ends by itself, and what it says of the refresh is the more careful way.
            log.warning("grant %s: its lease could not be given back: %s", row.grant.id, error)
        finally:
            holders.end(attempt)

    def _was_watched(self, row: GrantRow, watch: Watch) -> bool:
        """Tell whether another's lease was watched for long enough, while the database took writes.

        A holder that was answered while it took none saves as soon as it does: so it is shown to, and watched again.
        Raises DatabaseUnavailable while it does not.
        """
        if not watch.longer_than(STEAL_AFTER):
            return False
        if watch.proved == row.lease:
            return True
        self._store.touch_lease(row.grant.id, lease=row.lease)
        watch.proved = row.lease
        watch.begin_again()
        return False

    def _begun(self, row: GrantRow, attempt: str, *, expired: str = "", gone: str = "", unknown: bool = False) -> bool:
        asked_at = self._now()
        done = self._store.begin_refresh(
            row.grant.id,
            version=row.grant.version,
            sends=row.sends,
            attempt=attempt,
            at=asked_at,
            lease=self._length,
            expired=expired,
            gone=gone,
        )
        if done and not timedelta() <= self._now() - asked_at <= MARGIN:
            self.give_back(row, attempt, unknown=unknown)
            return False
        return done
