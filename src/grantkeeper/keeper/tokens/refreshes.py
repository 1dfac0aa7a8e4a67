"""The parts of refreshing, put together."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from ...errors import GrantkeeperError
from ...renewal import Breakers
from ..parts import Parts
from ..refresh.judging import Judging
from ..refresh.leases import Leases
from ..refresh.recovery import Recovery
from ..refresh.refreshing import Refreshing
from ..refresh.saving import Saving
from .keeping import WAIT_FOR_LEASE, TokenKeeping
from .memory import Memory

log = logging.getLogger("grantkeeper")


class Refreshes:
    """A keeper's tokens and all that renews them."""

    def __init__(self, parts: Parts, *, max_stale: timedelta, lease: timedelta) -> None:
        store, vault, now, pause = parts.store, parts.vault, parts.now, parts.pause
        self.memory = Memory(now=now, max_stale=max_stale)
        self._saving = Saving(
            store=store, vault=vault, now=now, pause=pause, journal=parts.journal, rotated=parts.rotated
        )
        refreshing = Refreshing(
            vault=vault,
            authority=parts.authority,
            clients=parts.clients,
            now=now,
            pause=pause,
            leases=Leases(store=store, now=now, length=lease, replay=self._replay),
            saving=self._saving,
            judging=Judging(store=store, now=now, forget=self.memory.forget, breakers=Breakers()),
        )
        self.tokens = TokenKeeping(
            store=store,
            vault=vault,
            memory=self.memory,
            now=now,
            pause=pause,
            refresh=refreshing.refresh,
            flush=self._saving.flush,
        )
        self._recovery = Recovery(
            store=store,
            vault=vault,
            clients=parts.clients,
            saving=self._saving,
            journal=parts.journal,
            refresh=self.tokens.renew,
            pause=pause,
        )
        self._background: threading.Thread | None = None

    def recover(self, patience: timedelta) -> int:
        """See `Keeper.recover`."""
        return self._recovery.replay() + self._recovery.resolve(patience=patience)

    def start(self) -> None:
        """Save what is in journals, and resolve the rest in a thread of its own: nobody waits for a provider here."""
        try:
            self._recovery.replay()
            if not self._recovery.is_something_open():
                return
        except GrantkeeperError as error:
            log.warning("what was interrupted could not be looked at: %s", error)
            return
        self._background = threading.Thread(target=self._recover, name="grantkeeper-recovery", daemon=True)
        self._background.start()

    def close(self) -> None:
        """Wait for what is being recovered, and save what the database did not take before."""
        if self._background is not None:
            self._background.join(WAIT_FOR_LEASE.total_seconds())
        self._saving.close()

    def _recover(self) -> None:
        try:
            self.recover(WAIT_FOR_LEASE)
        except GrantkeeperError as error:
            log.warning("what was interrupted could not be recovered now: %s", error)

    def _replay(self) -> int:
        return self._recovery.replay()
