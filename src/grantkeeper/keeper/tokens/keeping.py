"""Access tokens: from memory, from the row, or by a refresh that one thread does for all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from ...errors import Conflict, DatabaseUnavailable, InvalidInput, Misconfigured, ProviderUnavailable
from ...model import AccessToken, Grant, GrantRow, Secret, Store
from ...renewal import due
from ..refresh.leases import LEASE, STEAL_AFTER, Watch
from ..refresh.refusals import unknown_grant, unusable
from ..vault import Vault
from .memory import Memory

Refresh: TypeAlias = Callable[[GrantRow, Watch], tuple[Grant, Secret] | None]
"""Refreshes the grant of a row that was read a moment ago; None when somebody else does."""

MIN_INTERVAL: Final = timedelta(seconds=30)
"""No second refresh of a grant sooner than this because of a short-lived or rejected token (R-39): a caller that asks
for more life than the provider gives, or an API that refuses every token, must not become a hot loop of refreshes."""

SAVE_ATTEMPTS: Final = 5
"""Who loses a compare-and-swap reads again and saves again; five losses in a row mean that something is wrong."""

WAIT_FOR_OTHERS: Final = LEASE * 3
"""How long a thread waits for the one that refreshes, which may wait for a lease to end and then call twice itself."""

WAIT_FOR_LEASE: Final = LEASE + STEAL_AFTER * 4
"""How long one waits for another process that refreshes: until its lease is over, and was watched twice."""

LOOK_PATIENCE: Final = timedelta(seconds=1)
"""How long a row is waited for whose token is in memory and lives: the look only asks whether it was revoked."""

LOOK_LATE: Final = timedelta(milliseconds=250)
"""When one such look takes so long, others do not begin any."""

WAIT_FOR_DATABASE: Final = timedelta(seconds=1)
"""While the database cannot be reached, whoever has a token in memory is answered from there; it is asked again so
often."""


class _Flight:
    """One refresh under way: its result or error goes to everybody who waits."""

    __slots__ = ("done", "error", "token")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.token: AccessToken | None = None
        self.error: Exception | None = None


class TokenKeeping:
    """The verbs token, refresh and report_rejected of a keeper. Thread-safe."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        memory: Memory,
        now: Callable[[], datetime],
        pause: Callable[[timedelta], None],
        refresh: Refresh,
        flush: Callable[[str], None],
    ) -> None:
        self._store = store
        self._vault = vault
        self._now = now
        self._pause = pause
        self._memory = memory
        self._refresh = refresh
        self._flush = flush
        self._away_since: datetime | None = None
        self._looks_began: list[datetime] = []
        self._flights: dict[str, _Flight] = {}
        self._flights_lock = threading.Lock()

    def start_afresh(self) -> None:
        """In a forked child: nobody refreshes here yet."""
        self._flights, self._flights_lock = {}, threading.Lock()
        self._looks_began = []

    def stored(self, grant_id: str, min_ttl: timedelta) -> AccessToken | None:
        """Return the row's token when it lives longer than `min_ttl`, None when it has to be refreshed.

        While the database cannot be reached, the token in memory counts, however long ago its row was looked at.
        """
        found = self._looked_up(grant_id, min_ttl)
        return found if isinstance(found, AccessToken) else None

    def _looked_up(self, grant_id: str, min_ttl: timedelta) -> AccessToken | GrantRow:
        """Return the token that serves, or the row as it was just read whose token does not."""
        alive = self._memory.alive(grant_id, min_ttl)
        if alive is None:
            row = self._active_row(grant_id)
            return self._found(row, min_ttl) or row
        if self.is_away():
            return alive
        self._looks_began.append(began := self._now())
        try:
            row = self._active_row(grant_id, patience=LOOK_PATIENCE)
        except (DatabaseUnavailable, Misconfigured):  # a password that was changed keeps no living token from anybody
            self._away_since = self._now()
            alive = self._memory.alive(grant_id, min_ttl)  # that took time
            if alive is None:
                raise
            return alive
        finally:
            self._looks_began.remove(began)
        return self._found(row, min_ttl) or row

    def _found(self, row: GrantRow, min_ttl: timedelta) -> AccessToken | None:
        """Return the row's token when it lives longer than `min_ttl`."""
        if due(row.grant.expires_at, now=self._now(), min_ttl=max(min_ttl, timedelta())):
            return None
        held = self._memory.of_version(row.grant)
        if held is not None:
            return self._memory.look(row.grant, held)
        access_token = self._vault.open_tokens(row).access_token
        return None if access_token is None else self._memory.hold(row.grant, access_token)

    def token(self, grant_id: str, *, min_ttl: timedelta) -> AccessToken:
        """Return a token that lives longer than `min_ttl`: from memory, from the row, or refreshed."""
        found = self._memory.fresh(grant_id, min_ttl) or self._looked_up(grant_id, min_ttl)
        return found if isinstance(found, AccessToken) else self._single_flight(grant_id, min_ttl, found)

    def renew(self, row: GrantRow, watch: Watch) -> bool:
        """Refresh the grant of this row now, if nobody else does; raises as `token`."""
        done = self._refresh(row, watch)
        if done is None:
            return False
        self._memory.hold(*done)
        return True

    def refresh(self, grant_id: str) -> AccessToken:
        """Refresh whatever is left of the present token; threads that ask at the same time share one refresh."""
        return self._single_flight(grant_id, None, None)

    def report_rejected(self, grant_id: str, token: Secret) -> None:
        """Take the present access token out of use because an API refused it (R-37).

        A token that is no longer the present one, or that was issued only a moment ago, changes nothing: a hundred
        callers with the same complaint cause one refresh.
        """
        for _ in range(SAVE_ATTEMPTS):
            row = self._store.grant(grant_id)
            if row is None:
                raise unknown_grant(grant_id)
            now = self._now()
            grant = row.grant
            young = grant.refreshed_at is not None and timedelta() <= now - grant.refreshed_at < MIN_INTERVAL
            if self._memory.of_version(grant) is None:  # another process has newer tokens, or took this one out of use
                self._memory.forget(grant)
            if due(grant.expires_at, now=now, min_ttl=timedelta()) or young:
                return
            if self._vault.open_tokens(row).access_token != token:
                return
            try:
                saved = self._save(row, replace(grant, expires_at=now), now=now)
            except Conflict:
                continue
            self._memory.forget(saved)
            return

    def is_away(self) -> bool:
        """Tell whether the database could not be reached a moment ago, or lets somebody wait for it now."""
        now, since = self._now(), self._away_since
        if since is not None and timedelta() <= now - since < WAIT_FOR_DATABASE:
            return True
        first = next(iter(self._looks_began), now)
        return now - first > LOOK_LATE

    def _active_row(self, grant_id: str, *, patience: timedelta | None = None) -> GrantRow:
        row = self._store.grant(grant_id, patience=patience) if patience else self._store.grant(grant_id)
        if row is None:
            raise unknown_grant(grant_id)
        if not row.grant.usable:
            self._memory.forget(row.grant)
            raise unusable(row.grant)
        return row

    def _single_flight(self, grant_id: str, min_ttl: timedelta | None, row: GrantRow | None) -> AccessToken:
        """Let one thread refresh and the others wait for it; each then checks what it got against its own need."""
        with self._flights_lock:
            flight = self._flights.get(grant_id)
            leads = flight is None
            if flight is None:
                flight = self._flights[grant_id] = _Flight()
        if leads:
            self._lead(flight, grant_id, min_ttl, row)
        elif not flight.done.wait(WAIT_FOR_OTHERS.total_seconds()):
            raise ProviderUnavailable("Another thread's refresh of this grant does not end.", advice="Ask again later.")
        if flight.error is not None:
            raise flight.error
        return self._enough(flight.token, min_ttl)

    def _lead(self, flight: _Flight, grant_id: str, min_ttl: timedelta | None, row: GrantRow | None) -> None:
        flight.error = ProviderUnavailable("The thread that refreshed was interrupted.", advice="Ask again.")
        try:
            flight.token = self._renew_or_take(grant_id, min_ttl, row)
            flight.error = None
        except Exception as error:  # noqa: BLE001 - it is raised in every thread that waits, this one included
            flight.error = error
        finally:
            with self._flights_lock:
                del self._flights[grant_id]
            flight.done.set()

    def _renew_or_take(self, grant_id: str, min_ttl: timedelta | None, read: GrantRow | None) -> AccessToken:
        """Refresh; when somebody else saved new tokens meanwhile, theirs serve as well.

        `read` is the row as it was read a moment ago: who refreshed it since is noticed by who wants the lease.
        """
        watch, generation, losses = Watch(), None, 0
        while losses < SAVE_ATTEMPTS and watch.waited < WAIT_FOR_LEASE:
            try:
                self._flush(grant_id)
            except (DatabaseUnavailable, Misconfigured):
                # It can be read and not be written: the row is older than what is in memory.
                found = None if min_ttl is None else self._memory.alive(grant_id, min_ttl)
                if found is None:
                    raise
                return found
            row, was_read, read = read or self._active_row(grant_id), read is not None, None
            found = self._renewed_by_others(row, min_ttl, generation)
            if found is not None:
                return found
            generation = row.generation if generation is None else generation
            try:
                done = self._refresh(row, watch)
            except Conflict:
                losses += 1
                continue
            if done is not None:
                return self._memory.hold(*done)
            if not was_read:
                self._pause(watch.pause())
        if losses:
            raise Conflict(f"Grant {grant_id} changes faster than it can be refreshed.", advice="Ask again.")
        raise ProviderUnavailable("Another process's refresh of this grant does not end.", advice="Ask again later.")

    def _renewed_by_others(
        self, row: GrantRow, min_ttl: timedelta | None, generation: int | None
    ) -> AccessToken | None:
        """Return the row's token if no refresh is needed any more (R-09).

        `generation` is what the row had when we first looked: whoever wants a refresh at any rate takes another's that
        ended meanwhile. A token that was just refreshed serves even who wants more life: the provider gives no more.
        """
        if min_ttl is not None:
            found = self._found(row, min_ttl)
            return found or (self._hold_row(row) if self._just_renewed(row.grant) else None)
        return self._hold_row(row) if generation is not None and row.generation > generation else None

    def _just_renewed(self, grant: Grant) -> bool:
        """True when a refresh ended a moment ago and its token is still alive: another would bring no more life."""
        now = self._now()
        return (
            grant.refreshed_at is not None
            and timedelta() <= now - grant.refreshed_at < MIN_INTERVAL
            and not due(grant.expires_at, now=now, min_ttl=timedelta())
        )

    def _hold_row(self, row: GrantRow) -> AccessToken:
        access_token = self._vault.open_tokens(row).access_token
        if access_token is None:
            raise unusable(row.grant)
        return self._memory.hold(row.grant, access_token)

    def _enough(self, token: AccessToken | None, min_ttl: timedelta | None) -> AccessToken:
        if token is None:
            raise ProviderUnavailable("The refresh ended without a token.", advice="Ask again.")
        left = token.expires_at - self._now()
        if min_ttl is not None and left <= timedelta():
            raise ProviderUnavailable("The new token ended before it could be handed out.", advice="Ask again.")
        if min_ttl is not None and left <= min_ttl:
            lives = timedelta(seconds=int(left.total_seconds()))
            raise InvalidInput(
                f"min_ttl is {min_ttl} but the provider's new token lives {lives} only.",
                advice="Ask for a shorter min_ttl.",
            )
        return token

    def _save(self, row: GrantRow, grant: Grant, *, now: datetime) -> Grant:
        """Save by compare-and-swap."""
        grant = replace(grant, version=row.grant.version + 1, updated_at=now)
        self._store.save_grant(replace(row, grant=grant), expected_version=row.grant.version)
        return grant
