"""The parts of refreshing, put together."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import Final

from ...errors import DatabaseUnavailable, GrantkeeperError
from ...forks import in_child
from ...model import DEFAULT_MIN_TTL, AccessToken, OAuthClient
from ...renewal import Breakers
from ..parts import Parts
from ..refresh.judging import Judging
from ..refresh.leases import LEASE, Leases
from ..refresh.recovery import Recovery
from ..refresh.refreshing import Refreshing
from ..refresh.refusals import Closed
from ..refresh.saving import Saving
from ..service.health import Health
from .following import Following
from .gate import Gate
from .keeping import WAIT_FOR_LEASE, TokenKeeping
from .memory import Memory
from .uses import Uses

log = logging.getLogger("grantkeeper")

TRY_AGAIN: Final = timedelta(seconds=5)
"""How often recovery is tried while the database is away."""


class Refreshes:
    """A keeper's tokens and all that renews them."""

    def __init__(self, parts: Parts, *, max_stale: timedelta, lease: timedelta, health: Health) -> None:
        store, vault, now, pause = parts.store, parts.vault, parts.now, parts.pause
        staying = frozenset(name for name, each in parts.clients.items() if each.provider.access_tokens_stay)
        self.memory = Memory(now=now, max_stale=max_stale, staying=staying)
        self.following = Following(store=store, memory=self.memory, now=now, max_stale=max_stale)
        self.uses = Uses(store=store, now=now)
        self._now = now
        self._saving = Saving(
            store=store, vault=vault, now=now, pause=pause, journal=parts.journal, rotated=parts.rotated
        )
        self._pause = pause
        self._breakers = Breakers()
        self._gate = Gate()
        refreshing = Refreshing(
            vault=vault,
            authority=parts.authority,
            clients=parts.clients,
            now=now,
            pause=pause,
            leases=Leases(store=store, now=now, length=lease, replay=self._replay),
            saving=self._saving,
            judging=Judging(parts, forget=self.memory.forget, breakers=self._breakers, health=health),
            gate=self._gate,
            tracing=parts.tracing,
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
        self._recovery = Recovery(parts, saving=self._saving, refresh=self.tokens.renew)
        self._background: threading.Thread | None = None
        in_child(self._forked)

    def _forked(self) -> None:
        self._background = None
        here = (self.memory, self.following, self.uses, self.tokens)
        for each in (*here, self._saving, self._recovery, self._breakers, self._gate):
            each.start_afresh()

    def token(self, grant_id: str) -> AccessToken:
        """Return a token for a call of our own: nobody uses the grant."""
        return self.memory.fresh(grant_id, DEFAULT_MIN_TTL) or self.tokens.token(grant_id, min_ttl=DEFAULT_MIN_TTL)

    def shut(self, client: OAuthClient) -> tuple[timedelta, bool]:
        """Return how long nothing is sent for this client, and whether one probe goes first then."""
        return self._breakers.shut(client.provider.token_endpoint, client.name, now=self._now())

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
            log.warning("what was interrupted is looked at later: %s", error)
        self._background = threading.Thread(target=self._recover, name="grantkeeper-recovery", daemon=True)
        self._background.start()

    def finish(self) -> None:
        """Begin no refresh any more, and wait for those under way: a provider's answer is not to be cut off (R-57)."""
        self.following.stop()
        self._gate.close(LEASE)

    def close(self) -> None:
        """Wait for what is being recovered, and save what the database did not take before."""
        if self._background is not None:
            self._background.join(WAIT_FOR_LEASE.total_seconds())
        self._saving.close()

    def _recover(self) -> None:
        try:
            while not self._recovered():
                self._pause(TRY_AGAIN)
        except Closed:
            return

    def _recovered(self) -> bool:
        try:
            self.recover(WAIT_FOR_LEASE)
        except DatabaseUnavailable as error:
            log.warning("what was interrupted could not be recovered yet: %s", error)
            return False
        except Closed:
            raise
        except GrantkeeperError as error:
            log.warning("what was interrupted could not be recovered: %s", error)
        return True

    def _replay(self, over: str) -> int:
        return self._recovery.replay(over)
