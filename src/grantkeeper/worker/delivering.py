"""Deliveries: what is due is posted, many at a time, and no endpoint keeps others waiting."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from datetime import timedelta
from typing import Final

from grantkeeper.errors import GrantkeeperError
from grantkeeper.keeper import Keeper
from grantkeeper.model import Delivery, Due, EndpointRow

from .threads import is_started

log = logging.getLogger("grantkeeper")

THREADS: Final = 32
EACH: Final = 4
"""How many posts of one endpoint are under way: one that hangs holds so many threads for 20 seconds, and from then on
one, until it answers."""
_FAILING_SHARE: Final = 2
"""What fails has at most half of the threads."""


class Delivering:
    """Delivers a keeper's webhooks. Thread-safe; any number of them may run over one database.

    Args:
        keeper: whose events; closed by its owner, after `finish`.
        threads: how many posts are under way at a time.
        each: how many of one endpoint.
    """

    def __init__(self, keeper: Keeper, *, threads: int = THREADS, each: int = EACH) -> None:
        self._posting = keeper.webhooks.posting
        self._span = keeper.tracing.span
        self._threads = threads
        self._each = each
        self._changed = threading.Condition()
        self._busy: Counter[str] = Counter()
        self._failing: set[str] = set()
        self._turn = 0
        self._stirred = False

    def begin(self) -> int:
        """Begin to post what is due and there is room for; returns how many, at once. Raises DatabaseUnavailable."""
        begun = 0
        rows = self._posting.ready()
        self._turn = (self._turn + 1) % max(len(rows), 1)
        for row in (*rows[self._turn :], *rows[: self._turn]):  # each time another endpoint is the first
            room = self._room(row)
            begun += sum(self._begin(due) for due in (self._posting.claim(row, room) if room else ()))
        return begun

    def once(self) -> int:
        """Post everything that is due, and return when it is done; returns how many posts that were."""
        count = 0
        while begun := self.begin():
            count += begun
            self._wait(None)
        return count

    def rest(self, longest: timedelta) -> None:
        """Return when there may be something to begin: a post has ended, or the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._stirred, longest.total_seconds())
            self._stirred = False

    def finish(self, patience: timedelta = timedelta(seconds=25)) -> bool:
        """Wait for what is under way; False when some of it still is. What is not begun is left to others."""
        return self._wait(patience.total_seconds())

    def _wait(self, seconds: float | None) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, seconds)

    def _room(self, row: EndpointRow) -> int:
        """Return how many more posts may be begun of this endpoint: one that fails is only tried."""
        name, failing = row.endpoint.id, row.endpoint.failing_since is not None
        with self._changed:
            free = self._threads - self._busy.total()
            if not failing:
                self._failing.discard(name)
                return min(self._each - self._busy[name], free)
            self._failing.add(name)
            tried = sum(self._busy[each] for each in self._failing)
            return int(free > 0 and not self._busy[name] and tried < max(self._threads // _FAILING_SHARE, 1))

    def _begin(self, due: Due) -> bool:
        """Begin a post in a thread of its own; False when there is none: it is due again a little later."""
        with self._changed:
            self._busy[due.row.endpoint.id] += 1
        begun = is_started(threading.Thread(target=self._post, args=(due,), name="grantkeeper-hook", daemon=True))
        if not begun:
            self._ended(due)
            self._posting.put_back(due)
        return begun

    def _post(self, due: Due) -> None:
        try:
            self._delivered(due)
        except GrantkeeperError as error:
            log.warning("how a delivery went is not written down, it is made again: %s", error)
        except Exception:
            log.exception("a delivery ended in an error")
        finally:
            self._ended(due)

    def _delivered(self, due: Due) -> Delivery:
        with self._span("worker.deliver", grantkeeper_endpoint_id=due.row.endpoint.id) as span:
            done = self._posting.deliver(due)
            span.put("grantkeeper.done", done.status)
        return done

    def _ended(self, due: Due) -> None:
        name = due.row.endpoint.id
        with self._changed:
            self._busy[name] -= 1
            if not self._busy[name]:
                del self._busy[name]
            self._stirred = True
            self._changed.notify_all()
