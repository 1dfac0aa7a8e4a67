"""Access tokens in memory: the hot path."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ...model import AccessToken, Grant, Secret
from ...renewal import due

_NO_TIME: Final = timedelta()

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_NOTHING: Final = AccessToken(value=Secret(""), expires_at=_NEVER, scopes=frozenset())
"""Held in place of a token: whatever is in memory of an earlier state of the grant is not handed out."""

TRUSTED_FOR: Final = timedelta(seconds=60)
"""How long a token is handed out on the word of who follows the events, before its row's version is looked at all the
same, by who follows: a process of an older version, during an upgrade, revokes without an event."""

USED_FOR: Final = timedelta(minutes=15)
"""How long versions are looked at for nobody: then who asks looks at the row, and notes that the grant is used."""

READ_LATE: Final = timedelta(seconds=15)
"""How long a row may be on its way from the database (`store.engine` CALL_SECONDS): what arrives in this time after
somebody began to follow, or found that it cannot be read, may have been read before."""

MAX_HELD: Final = 100_000
"""Tokens held in memory, about 1 kB each; past that the one looked at longest ago goes (R-54)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A token in memory, good to hand out without a look at the row from `looked_at` until `look_again_at`.

    Until `trust_until` it is good, too, while somebody follows the events. Before `dropped_until` no token takes
    its place.
    """

    token: AccessToken
    version: int
    owner: str
    client: str
    looked_at: datetime
    look_again_at: datetime
    trust_until: datetime
    dropped_until: datetime = _NEVER


class Memory:
    """Tokens of grants, as their rows were when they were last looked at. Thread-safe; a look takes no lock.

    `staying` are the OAuth clients whose access tokens a later refresh does not end: what another process refreshes is
    no reason to look again.
    """

    def __init__(
        self, *, now: Callable[[], datetime], max_stale: timedelta, staying: frozenset[str] = frozenset()
    ) -> None:
        self._now = now
        self._max_stale = max_stale
        self._staying = staying
        self._trusted_from = self._trusted_until = self._followed_since = _NEVER
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()  # for changes only

    def start_afresh(self) -> None:
        """In a forked child: nobody holds the lock here."""
        self._lock = threading.Lock()

    def fresh(self, grant_id: str, min_ttl: timedelta) -> AccessToken | None:
        """Return the token in memory when it may be handed out as it is; no I/O."""
        held = self._held.get(grant_id)
        if held is None:
            return None
        now = self._now()
        # The lower bound matters: after a clock set back, "look again" would otherwise be an hour away.
        left = held.token.expires_at - now
        if left <= min_ttl or left <= _NO_TIME or now < held.looked_at:
            return None
        return held.token if now < held.look_again_at or self._is_trusted(held, now) else None

    def _is_trusted(self, held: _Held, now: datetime) -> bool:
        """Tell whether its row has not changed by what happened up to a moment ago."""
        followed = self._trusted_from <= now < self._trusted_until and self._followed_since <= held.looked_at
        return followed and now < held.trust_until

    def trust(self, at: datetime, *, beginning: bool = False) -> None:
        """Note that whatever happened to grants before `at`, since the beginning, is known here."""
        if beginning:
            self._followed_since = at + READ_LATE
        self._trusted_from, self._trusted_until = at, at + self._max_stale

    def grants(self) -> list[str]:
        """Return the grants of which something is in memory."""
        return list(self._held)

    def ageing(self, grant_ids: Iterable[str], within: timedelta) -> list[tuple[str, int]]:
        """Return those, and which version of each, whose tokens will be trusted for no longer than this."""
        now = self._now()
        end = now + within
        looked = ((grant_id, self._held.get(grant_id)) for grant_id in grant_ids)
        return [
            (grant_id, held.version)
            for grant_id, held in looked
            if held and held.looked_at < held.trust_until <= end and now < held.trust_until
        ]

    def looked_at(self, versions: Iterable[tuple[str, int]], at: datetime, *, same: Container[str]) -> None:
        """Note which of these grants were of these versions at this time; the others are trusted no longer."""
        with self._lock:
            for grant_id, version in versions:
                held = self._held.get(grant_id)
                if held is not None and held.version == version:
                    longest = min(at + TRUSTED_FOR, held.looked_at + USED_FOR)
                    until = max(held.trust_until, longest) if grant_id in same else held.looked_at
                    self._held[grant_id] = replace(held, trust_until=until)

    def whose(self, grant_id: str) -> tuple[str, str] | None:
        """Return owner and OAuth client of a grant whose token is in memory."""
        held = self._held.get(grant_id)
        return None if held is None else (held.owner, held.client)

    def alive(self, grant_id: str, min_ttl: timedelta) -> AccessToken | None:
        """Return the token in memory that lives longer than `min_ttl`, however long ago its row was looked at."""
        held = self._held.get(grant_id)
        if held is None or due(held.token.expires_at, now=self._now(), min_ttl=max(min_ttl, _NO_TIME)):
            return None
        return held.token

    def of_version(self, grant: Grant) -> AccessToken | None:
        """Return the token in memory that belongs to exactly this state of the grant."""
        held = self._held.get(grant.id)
        return None if held is None or held.version != grant.version or held.token is _NOTHING else held.token

    def hold(self, grant: Grant, access_token: Secret) -> AccessToken:
        """Hold the token of this state of the grant, and return it as it is handed out."""
        # A row without expires_at has no access token that counts; `due` says so before anybody comes here.
        expires_at = grant.expires_at or grant.updated_at
        return self._keep(grant, AccessToken(value=access_token, expires_at=expires_at, scopes=grant.scopes))

    def look(self, grant: Grant, token: AccessToken) -> AccessToken:
        """Note that the row was looked at now and is still of this state."""
        return self._keep(grant, token)

    def forget(self, grant: Grant) -> None:
        """Hand out no token from memory that is older than this state of the grant, which is saved already."""
        self._keep(grant, _NOTHING)

    def drop(self, grant_id: str) -> None:
        """Hand out no token of a grant from memory, nor what was read of it up to now: its row cannot be read."""
        with self._lock:
            known = self._held.get(grant_id)
            if known is not None:
                self._held[grant_id] = replace(known, token=_NOTHING, dropped_until=self._now() + READ_LATE)

    def _keep(self, grant: Grant, token: AccessToken) -> AccessToken:
        """Keep a token in memory, unless a later state of the grant is known: a slow thread must not undo it (R-55)."""
        now = self._now()
        trusted_for = TRUSTED_FOR if grant.client in self._staying else _NO_TIME
        held = _Held(
            token=token,
            version=grant.version,
            owner=grant.owner,
            client=grant.client,
            looked_at=now,
            look_again_at=now + self._max_stale,
            trust_until=now + trusted_for,
        )
        with self._lock:
            known = self._held.pop(grant.id, None)
            if known is not None and known.version > grant.version:
                held = known
            elif known is not None and now < known.dropped_until:
                held = replace(held, token=_NOTHING, dropped_until=known.dropped_until)
            elif known is None and len(self._held) >= MAX_HELD:
                del self._held[next(iter(self._held))]  # the one that was looked at longest ago
            self._held[grant.id] = held
        return token
