"""A keeper's verbs that keep it in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ...model import Store
from .keeping import WAIT_FOR_LEASE
from .refreshes import Refreshes


class UpkeepVerbs:
    """What a Keeper is told by whoever runs it. The rest of the upkeep is a worker's: see `grantkeeper.worker`."""

    _store: Store
    _now: Callable[[], datetime]
    _refreshes: Refreshes

    def keep_up(self) -> None:
        """Follow what happens to grants, in a thread of its own, until `close`: for a process that serves many.

        A token in memory is then handed out without a look at its row, though no longer than `max_stale` after any
        process has ended its grant. Without it, the row of each grant that is used is read again each `max_stale`.
        """
        self._refreshes.following.start()

    def recover(self, *, patience: timedelta = WAIT_FOR_LEASE) -> int:
        """Bring to an end what processes that were killed left behind; returns how many refreshes were resolved.

        Answers in the journal are saved. Refreshes whose outcome is not known are sent once more, oldest first, where
        the provider replaces refresh tokens: the sooner, the likelier that it still answers (R-13). Those that a
        living process may be working on are waited for, for `patience` in all.
        `Keeper.from_settings` does it in a thread of its own; call it at the start and now and then otherwise.

        Raises DatabaseUnavailable.
        """
        return self._refreshes.recover(patience)

    def sweep(self) -> int:
        """Delete flows whose browser never came back; returns how many. `begin` does it in passing."""
        swept, more = 0, True
        while more:
            more = bool(batch := self._store.sweep_flows(expired_before=self._now()))
            swept += batch
        return swept
