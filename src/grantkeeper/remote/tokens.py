"""Access tokens in memory, and one call of the service for all threads that ask at once."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from ..errors import (
    Conflict,
    ConsentRequired,
    DatabaseUnavailable,
    GrantkeeperError,
    NotFound,
    ProviderUnavailable,
    ServiceUnavailable,
    TooManyRequests,
)
from ..forks import in_child
from ..model import AccessToken, Secret

Ask: TypeAlias = Callable[[str, timedelta, timedelta | None], AccessToken]
"""Asks the service for a grant's token of at least so much life, with so much patience (None: the usual)."""

MAX_HELD: Final = 100_000
"""Tokens held in memory, about 1 kB each; past that the one looked at longest ago goes."""

LOOK_PATIENCE: Final = timedelta(seconds=2)
"""How long the service is waited for when a token in memory lives: the look only asks whether it was revoked."""

WAIT_FOR_SERVICE: Final = timedelta(seconds=1)
"""While there is no word on a token in memory that lives, it is handed out; the service is asked so often."""

MAX_AWAY: Final = timedelta(hours=1)
"""As long as most providers' access tokens live, so an outage stops nobody; those that live for days end here."""

PASSES: Final = (ServiceUnavailable, ProviderUnavailable, DatabaseUnavailable, TooManyRequests, Conflict)
"""What is over by itself, and no reason to give up a token that still lives."""

_NO_TIME: Final = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A token in memory, good to hand out without a call from `looked_at` until `look_again_at`.

    `troubled_at` is when the service was last asked in vain since.
    """

    token: AccessToken
    looked_at: datetime
    look_again_at: datetime
    troubled_at: datetime | None = None


class _Flight:
    """One call under way: its token or error goes to everybody who waits.

    `answered` when the service itself gave the token or refused; `outdated` once what it gives must not be kept;
    `overtaken` when another refresh that was under way with this one has been answered.
    """

    __slots__ = ("answered", "began", "done", "error", "outdated", "overtaken", "token")

    def __init__(self, began: datetime) -> None:
        self.began = began
        self.done = threading.Event()
        self.answered = self.outdated = self.overtaken = False
        self.token: AccessToken | None = None
        self.error: Exception | None = None


class Tokens:
    """What a Remote hands out. Thread-safe, safe to fork; a look at memory takes no lock and does no I/O."""

    def __init__(
        self,
        *,
        ask: Ask,
        now: Callable[[], datetime],
        max_stale: timedelta,
        patience: timedelta,
        max_away: timedelta = MAX_AWAY,
    ) -> None:
        self._ask = ask
        self._now = now
        self._max_stale = max_stale
        self._max_away = max_away
        self._patience = patience
        self._away_since: datetime | None = None
        self._turn: str | None = None  # whose question is the next while the service is away
        self._held: dict[str, _Held] = {}
        self._flights: dict[tuple[str, timedelta], _Flight] = {}
        self._refreshes: dict[_Flight, str] = {}
        self._told: list[weakref.WeakMethod[Callable[[str], None]]] = []
        self._lock = threading.Lock()  # for changes only
        in_child(self._forked)

    def _forked(self) -> None:
        """Nobody asks, and nobody holds the lock, in a forked child."""
        self._lock, self._flights, self._refreshes = threading.Lock(), {}, {}

    # --- memory -------------------------------------------------------------------------------------------------------

    def fresh(self, grant_id: str, min_ttl: timedelta) -> AccessToken | None:
        """Return the token in memory when it may be handed out as it is."""
        held = self._held.get(grant_id)
        if held is None:
            return None
        now = self._now()
        left = held.token.expires_at - now
        # The lower bound matters: after a clock set back, "look again" would otherwise be an hour away.
        return held.token if held.looked_at <= now < held.look_again_at and left > max(min_ttl, _NO_TIME) else None

    def alive(self, grant_id: str, min_ttl: timedelta) -> AccessToken | None:
        """Return the token in memory that lives longer than `min_ttl`, if the last word on it is not too old."""
        held = self._held.get(grant_id)
        if held is None:
            return None
        now = self._now()
        lives = held.token.expires_at - now > max(min_ttl, _NO_TIME)
        return held.token if lives and now - held.looked_at < self._max_away else None

    def forget(self, grant_id: str, *, only: Secret | None = None) -> None:
        """Hand the grant's token out no more, nor what calls under way bring; with `only`, if it is that one."""
        with self._lock:
            self._outdate(grant_id)
            held = self._held.get(grant_id)
            if held is not None and (only is None or held.token.value == only):
                del self._held[grant_id]

    def doubt(self) -> None:
        """Hand out no grant's token without asking the service whether it still is one."""
        with self._lock:
            for grant_id in {key[0] for key in self._flights} | set(self._refreshes.values()):
                self._outdate(grant_id)
            self._held = {each: replace(held, look_again_at=held.looked_at) for each, held in self._held.items()}

    def when_outdated(self, method: Callable[[str], None]) -> None:
        """Have a bound method called, as long as its object lives, with each grant about which something became known.

        What was asked before may be older than that: whoever asks from now on must not get it. It must take no lock.
        """
        self._told = [each for each in self._told if each() is not None] + [weakref.WeakMethod(method)]

    def _outdate(self, grant_id: str) -> None:
        self._outdate_reads(grant_id)
        for flight in self._refreshing(grant_id):
            flight.outdated = True

    def _outdate_reads(self, grant_id: str) -> None:
        for key in [key for key in self._flights if key[0] == grant_id]:
            self._flights.pop(key).outdated = True
        for each in self._told:
            method = each()
            if method is not None:
                method(grant_id)

    def _refreshing(self, grant_id: str) -> list[_Flight]:
        return [flight for flight, of in self._refreshes.items() if of == grant_id]

    def refreshed(self, grant_id: str, refresh: Callable[[str], AccessToken]) -> AccessToken:
        """Return the new token that `refresh` asks for; it is kept, unless the grant was forgotten meanwhile."""
        flight = _Flight(self._now())
        with self._lock:
            self._refreshes[flight] = grant_id
        try:
            token = refresh(grant_id)
        except (ConsentRequired, NotFound):
            self.forget(grant_id)
            raise
        else:
            with self._lock:
                self._take(grant_id, token, flight)
        finally:
            with self._lock:
                self._refreshes.pop(flight, None)
        return token

    def _take(self, grant_id: str, token: AccessToken, flight: _Flight) -> None:
        """Keep what a refresh brought; of two at a time nobody here can tell which the service did last."""
        if flight.outdated:
            return
        self._outdate_reads(grant_id)
        if flight.overtaken:
            self._held.pop(grant_id, None)
        else:
            self._keep(grant_id, token, flight.began)
        for other in self._refreshing(grant_id):
            other.overtaken = True

    def _keep(self, grant_id: str, token: AccessToken, asked: datetime) -> None:
        """Keep a token, as old as the question: what ended the grant since then was not looked at."""
        if self._held.pop(grant_id, None) is None and len(self._held) >= MAX_HELD:
            del self._held[next(iter(self._held))]  # the one that was looked at longest ago
        self._held[grant_id] = _Held(token=token, looked_at=asked, look_again_at=asked + self._max_stale)

    # --- the service --------------------------------------------------------------------------------------------------

    def token(self, grant_id: str, min_ttl: timedelta) -> AccessToken:
        """Return a token that lives longer than `min_ttl`: from memory, or from the service, asked once for all."""
        found = self.fresh(grant_id, min_ttl)
        if found is None and self._waits(grant_id):
            found = self.alive(grant_id, min_ttl)
        if found is not None:
            return found
        flight, leads = self._joined((grant_id, min_ttl))
        if leads:
            self._lead(flight, grant_id, min_ttl)
        elif not flight.done.wait(self._patience.total_seconds()):
            raise ServiceUnavailable("The thread that asks the service does not come back.", advice="Ask again.")
        if flight.token is None:
            raise _again(flight.error)
        return flight.token

    def _joined(self, key: tuple[str, timedelta]) -> tuple[_Flight, bool]:
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight, False
            made = self._flights[key] = _Flight(self._now())
            return made, True

    def _lead(self, flight: _Flight, grant_id: str, min_ttl: timedelta) -> None:
        flight.error = ServiceUnavailable("The thread that asked the service was interrupted.", advice="Ask again.")
        try:
            patience = None if self.alive(grant_id, min_ttl) is None else LOOK_PATIENCE
            flight.token = self._ask(grant_id, min_ttl, patience)
            flight.answered, self._away_since = True, None
        except PASSES as error:
            self._troubled(grant_id, error)
            flight.token, flight.error = self.alive(grant_id, min_ttl), error
        except Exception as error:  # noqa: BLE001 - it is raised in every thread that waits, this one included
            flight.answered, self._away_since, flight.error = True, None, error
        finally:
            self._land(flight, (grant_id, min_ttl))

    def _land(self, flight: _Flight, key: tuple[str, timedelta]) -> None:
        """Keep what the service said, unless the grant's token was forgotten meanwhile, then tell everybody."""
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]
            if flight.answered and not flight.outdated:
                if flight.token is None:
                    self._held.pop(key[0], None)
                else:
                    self._keep(key[0], flight.token, flight.began)
        flight.done.set()

    def _troubled(self, grant_id: str, error: Exception) -> None:
        """Note that the service was asked in vain: of this grant only, if it was the service that said so."""
        now = self._now()
        with self._lock:
            held = self._held.get(grant_id)
            if held is not None:
                self._held[grant_id] = replace(held, troubled_at=now)
            self._turn, self._away_since = None, now if isinstance(error, ServiceUnavailable) else None

    def _waits(self, grant_id: str) -> bool:
        """True while this grant's question waits, as it came to nothing a moment ago, or because the service is away.

        A question that is not answered may be its grant's own trouble: the first other grant that has to wait is the
        next to ask, so that no grant whose refresh hangs hides what became of the others.
        """
        held, since, now = self._held.get(grant_id), self._away_since, self._now()
        if held is not None and held.troubled_at is not None and _just(held.troubled_at, now, WAIT_FOR_SERVICE):
            return True
        if since is None or not _just(since, now, 2 * WAIT_FOR_SERVICE):
            return False
        if _just(since, now, WAIT_FOR_SERVICE):
            self._turn = self._turn or grant_id
            return True
        return self._turn not in (None, grant_id)


def _just(then: datetime, now: datetime, wait: timedelta) -> bool:
    """Tell whether that was less than so long ago; a clock that was set back makes nobody wait."""
    return _NO_TIME <= now - then < wait


def _again(error: Exception | None) -> Exception:
    """Return an equal error without traceback, for each thread its own: one object in two threads mixes both."""
    if not isinstance(error, GrantkeeperError):
        return error or ServiceUnavailable("The service gave no token.", advice="Ask again.")
    twin = type(error).__new__(type(error), *error.args)
    twin.__dict__.update(error.__dict__)
    return twin
