"""What a worker does with a keeper's grants: which are due, renewing them, looking at them, and what was noted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from ...errors import GrantkeeperError, SealBroken
from ...model import AccessToken, AccountChanges, Claimed, DueGrant, Event, Grant, GrantRow, GrantStatus, OAuthClient
from ..parts import Parts
from ..tokens.refreshes import Refreshes
from .health import Health

log = logging.getLogger("grantkeeper")

FLUSHED_EVERY: Final = timedelta(minutes=1)
"""How often a process without a worker writes down what it noted, in passing."""

DELETED_AT_ONCE: Final = 1000

LATEST: Final = timedelta(days=3)
"""No grant is due, or put off, later than a day from now (`renewal.timing`): beyond this a clock was wrong."""

_LIVING: Final = (GrantStatus.ACTIVE, GrantStatus.PENDING, GrantStatus.CONSENT_REQUIRED)


class Working:
    """The keeper's `work`, for `grantkeeper.worker`. Thread-safe."""

    def __init__(
        self,
        parts: Parts,
        *,
        refreshes: Refreshes,
        health: Health,
        discover: Callable[[str], AccountChanges],
    ) -> None:
        self._store = parts.store
        self._parts = parts
        self._refreshes = refreshes
        self._health = health
        self.clients: tuple[OAuthClient, ...] = tuple(parts.clients.values())
        self.now = parts.now
        self.pause = parts.pause
        self.tracing = parts.tracing
        self.discover = discover
        self._flushed_at = parts.now()
        self._flushing = threading.Lock()

    # --- what is due ------------------------------------------------------------------------------------------

    def claim(self, client: OAuthClient, *, until: datetime, limit: int, used_since: datetime) -> Claimed:
        """Take grants of this client that are due, each for one caller; see `WorkStore.claim`."""
        return self._store.work.claim(client.name, now=self.now(), until=until, limit=limit, used_since=used_since)

    def schedule(
        self,
        seen: DueGrant,
        *,
        due_at: datetime,
        checked_at: datetime | None = None,
        warned_at: datetime | None = None,
        events: Iterable[Event] = (),
    ) -> bool:
        """Say when a claimed grant is due next, and what was done; False when somebody else did; see `WorkStore`."""
        beside = self._parts.beside(events=tuple(events))
        return self._store.work.schedule(seen, due_at=due_at, checked_at=checked_at, warned_at=warned_at, beside=beside)

    def unscheduled(self, client: OAuthClient, *, limit: int) -> Claimed:
        """Return grants of this client that were never scheduled; takes none."""
        return self._store.work.unscheduled(client.name, limit=limit)

    def first(self, due: Mapping[str, datetime]) -> int:
        """Say when grants are due that were never scheduled; returns how many were."""
        return self._store.work.first(due)

    def put(self, due: Mapping[str, datetime]) -> None:
        """Put grants off, or give them back."""
        self._store.work.put(due)

    def waiting(self) -> tuple[int, datetime | None]:
        """Return how many grants are due now, counted up to 10,000 a client, and since when the first is."""
        return self._store.work.waiting(tuple(self._parts.clients), now=self.now())

    def shut(self, client: OAuthClient) -> tuple[timedelta, bool]:
        """Return how long nothing is sent for this client by its breakers, and whether one probe goes first then."""
        return self._refreshes.shut(client)

    # --- doing it ---------------------------------------------------------------------------------------------

    def renew(self, grant_id: str) -> GrantRow | None:
        """Refresh now, which counts as no use, and return the row afterwards; raises as `Keeper.refresh`."""
        self._refreshes.tokens.refresh(grant_id)
        return self._store.grant(grant_id)

    def alive(self, grant: Grant) -> list[Grant]:
        """Return the grants with refresh tokens that the provider counts together with this one's, as far as we know.

        They are those of the same person at the same OAuth client, the oldest id first.
        """
        provider, client_id = (client := self._parts.clients[grant.client]).provider, client.client_id
        same = tuple(
            each.name
            for each in self.clients
            if each.client_id == client_id and each.provider.token_endpoint == provider.token_endpoint
        )
        most = 2 * (provider.refresh_token_cap or DELETED_AT_ONCE)
        try:
            rows = self._store.grants(
                issuer=grant.issuer, subject=grant.subject, clients=same, statuses=_LIVING, limit=most
            )
        except SealBroken as error:  # of one of them, which concerns the others no more than this
            log.warning("the grants of %s's person cannot be counted: %s", grant.id, error)
            return []
        return [row.grant for row in rows if row.sealed is not None]

    # --- what is noted in passing -----------------------------------------------------------------------------

    def pass_by(self) -> None:
        """Now and then, write down some of what was noted: before a token is looked for, which must not grow old.

        Somebody waits for that token. Who passes by next writes the rest.
        """
        if abs(self.now() - self._flushed_at) >= FLUSHED_EVERY and not self._refreshes.tokens.is_away():
            self._flush_quietly(most=1)

    def used(self, grant_id: str, token: AccessToken) -> AccessToken:
        """Note that somebody asked for this token, and return it."""
        self._refreshes.uses.note(grant_id, token)
        return token

    def flush(self, *, most: int | None = None) -> None:
        """Write down what was noted: who used what, how OAuth clients do; raises DatabaseUnavailable.

        `most` is how many batches of uses are written at most; without it, all.
        """
        before, self._flushed_at = self._flushed_at, self.now()
        if self._refreshes.uses.flush(most=most):
            self._health.flush()
        else:
            self._flushed_at = before

    def close(self) -> None:
        """Write down what was noted if the database can be reached; it is not worth waiting for it."""
        if not self._refreshes.tokens.is_away():
            self._flush_quietly()

    def _flush_quietly(self, *, most: int | None = None) -> None:
        if not self._flushing.acquire(blocking=False):
            return
        try:
            self.flush(most=most)
        except GrantkeeperError as error:
            log.warning("who uses which grant is written down later: %s", error)
        finally:
            self._flushing.release()

    # --- putting in order -------------------------------------------------------------------------------------

    def tidy(self) -> int:
        """Delete what is of no use any more: flows, sessions, answers kept for repeated requests; returns how much."""
        now = self.now()
        flows = _all_of(lambda: self._store.sweep_flows(expired_before=now, limit=DELETED_AT_ONCE))
        answers = _all_of(lambda: self._store.answers.sweep(now=now, limit=DELETED_AT_ONCE))
        return flows + answers + self._store.operators.sweep(now=now)

    def forget(self) -> int:
        """Delete tallies that were kept long enough; returns how many."""
        return self._health.prune()

    def settle(self) -> int:
        """Take back that clients fail where nobody else does; see `Health.settle`."""
        return self._health.settle()

    def mend(self) -> int:
        """Schedule anew what a clock that was ahead put off for years."""
        return self._store.work.mend(tuple(self._parts.clients), after=self.now() + LATEST)


def _all_of(delete: Callable[[], int]) -> int:
    """Delete batch by batch; returns how much that was."""
    gone = 0
    while batch := delete():
        gone += batch
        if batch < DELETED_AT_ONCE:
            break
    return gone
