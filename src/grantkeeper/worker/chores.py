"""What is done now and then, whichever grants are due: each chore for itself, and none stops another."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from grantkeeper.errors import DatabaseUnavailable, GrantkeeperError
from grantkeeper.keeper import Keeper
from grantkeeper.renewal import next_due, used_lately

log = logging.getLogger("grantkeeper")

OFTEN: Final = timedelta(seconds=10)
"""Who used what is known to the other workers so soon, and so is how OAuth clients do."""
EACH_MINUTE: Final = timedelta(minutes=1)
SOMETIMES: Final = timedelta(minutes=5)
RARELY: Final = timedelta(hours=1)

PATIENCE: Final = timedelta(seconds=1)
"""How long a refresh is waited for that another process may still be at work on: the next round looks again."""

BATCH: Final = 500


@dataclass(slots=True, kw_only=True)
class Chore:
    """Something to do every so often; `due` is when next, by the monotonic clock."""

    name: str
    do: Callable[[], int]
    every: timedelta
    due: float = 0.0


class Chores:
    """A worker's chores.

    A sweep does the `first` ones, tends grants, does what is known `then`, posts, and does the `last`.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._span = keeper.tracing.span
        work = keeper.work
        self.first = (
            Chore(name="noted", do=self._noted, every=OFTEN),
            Chore(name="scheduled", do=self._scheduled, every=EACH_MINUTE),
            Chore(name="expired", do=keeper.links.expire, every=EACH_MINUTE),
            Chore(name="recovered", do=lambda: keeper.recover(patience=PATIENCE), every=SOMETIMES),
            Chore(name="hastened", do=keeper.webhooks.mend, every=SOMETIMES),
            Chore(name="deleted", do=work.tidy, every=SOMETIMES),
            Chore(name="mended", do=work.mend, every=RARELY),
            Chore(name="forgotten", do=work.forget, every=RARELY),
        )
        self.then = (Chore(name="settled", do=work.settle, every=SOMETIMES),)
        # Whoever was away for days posts before anything is given up.
        self.last = (Chore(name="pruned", do=keeper.webhooks.prune, every=RARELY, due=_in(SOMETIMES)),)
        self.all = (*self.first, *self.then, *self.last)

    def do(self, chores: tuple[Chore, ...]) -> dict[str, int]:
        """Do each once; returns how much each did."""
        return {chore.name: self._done(chore) for chore in chores}

    def do_due(self) -> float:
        """Do what is due; returns the seconds until something is again."""
        for chore in self.all:
            if chore.due <= time.monotonic():
                self._done(chore)
                chore.due = _in(chore.every)
        return max(min(chore.due for chore in self.all) - time.monotonic(), 0.0)

    def _done(self, chore: Chore) -> int:
        with self._span(f"worker.{chore.name}") as span:
            count = _done(chore)
            span.put("grantkeeper.count", count)
        return count

    def _noted(self) -> int:
        """Write down who used what, which key read it, and how it went."""
        if self._keeper.keys.reads.are_due():
            self._keeper.keys.flush()
        self._keeper.work.flush()
        return 0

    def _scheduled(self) -> int:
        """Schedule what never was, evenly: an older version wrote it, or a clock was wrong."""
        work, count = self._keeper.work, 0
        for client in work.clients:
            while batch := work.unscheduled(client, limit=BATCH):
                now = work.now()
                times = {
                    each.row.grant.id: next_due(each.row.grant, now=now, used=used_lately(each.used_at, now=now))
                    for each in batch.grants
                }
                # What cannot be read is named by who claims it. When nothing was written, others did it, or nobody can.
                done = work.first(times | dict.fromkeys(batch.unreadable, now))
                count += max(done, 0)
                if not done:
                    break
        return count


def _in(wait: timedelta) -> float:
    return time.monotonic() + wait.total_seconds()


def _done(chore: Chore) -> int:
    try:
        return chore.do()
    except DatabaseUnavailable as error:
        log.warning("%s is done later: %s", chore.name, error)
    except GrantkeeperError as error:
        log.error("%s is not done: %s", chore.name, error)  # noqa: TRY400 - a traceback adds nothing
    except Exception:
        log.exception("%s is not done", chore.name)
    return 0
