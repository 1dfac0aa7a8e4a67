"""How OAuth clients do: counted here, kept for all processes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

from ...errors import GrantkeeperError
from ...forks import in_child
from ...model import Beside, ClientState, Event, OAuthClient, Tally
from ...model.event import CLIENT_FAILING, CLIENT_RECOVERED
from ...renewal import Change, Why, mending
from ..parts import Parts

log = logging.getLogger("grantkeeper")

Counted: TypeAlias = Literal["refreshed", "refused", "trouble", "ours"]
"""What became of a refresh, for people: tokens, a refusal of the grant, an error or no answer, a refusal of us."""

KEPT: Final = timedelta(days=90)
"""How long tallies are kept: a quarter is what people compare."""

_HOUR: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WORKED_FOR: Final = timedelta(minutes=10)
"""Who refreshed without trouble so long after a client was last said to fail knows better: who said so is gone. Whom
it still fails says so again with each probe, which is sent every 5 minutes at least. As long it is believed why."""

_FAILING: Final[dict[Why, str]] = {
    "not_accepted": f"{mending(None)} No grant was changed.",
    "mass_refusal": (
        "Look at the OAuth client at the provider: it refuses most grants at once, so that it is hardly their owners' "
        "doing. No grant was changed."
    ),
    "outage": "Wait: the provider answers with errors, or not at all. Tokens that live are handed out all the same.",
}
"""The breakers that make a client one that fails -> what to do; first what only you can mend.

That a provider asks to wait, or that one grant meets trouble, is no alarm."""
_RANKS: Final = {why: rank for rank, why in enumerate(_FAILING)}


class Health:
    """The keeper's `health`. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._store = parts.store
        self._clients = parts.clients
        self._now = parts.now
        self._start_afresh()
        in_child(self._start_afresh)

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, int], Tally] = {}
        self._open: dict[str, set[Why]] = {}
        self._said: dict[str, Why] = {}
        self._untold: dict[str, None] = {}
        self._worked: dict[str, datetime] = {}

    def states(self) -> list[ClientState]:
        """Return which OAuth clients fail or have failed, and why; one that never did is not among them."""
        return self._store.health.states()

    def tallies(self, *, since: datetime, client: str | None = None) -> list[Tally]:
        """Return what became of refreshes, by client and hour, from the hour of `since` on.

        Of other processes, what they have written down: they do it once a minute.
        """
        self._try(self.flush)
        return self._store.health.tallies(since_hour=_hour(since), client=client)

    def note(self, client: OAuthClient, counted: Counted) -> None:
        """Count what became of a refresh."""
        now = self._now()
        key = (client.name, _hour(now))
        with self._lock:
            before = self._counts.get(key) or Tally(client=client.name, hour=key[1])
            self._counts[key] = replace(before, **{counted: getattr(before, counted) + 1})
            if counted == "refreshed":
                self._worked[client.name] = now

    def changed(self, client: OAuthClient, change: Change) -> None:
        """Note which breakers opened and closed, and tell when a client fails now, or works again; never raises."""
        with self._lock:
            concerned = {why: tuple(self._concerned(client, why)) for why in (*change.opened, *change.closed)}
            before = {name: self._why(name) for names in concerned.values() for name in names}
            for why in change.opened:
                for name in concerned[why]:
                    self._open.setdefault(name, set()).add(why)
            for why in change.closed:
                for name in concerned[why]:
                    self._open.setdefault(name, set()).discard(why)
            news = [name for name, why_before in before.items() if self._why(name) != why_before]
            # Another process, for which it works, may have taken back what is said here: it is said again.
            again = [(name, why) for why in change.failed for name in self._concerned(client, why)]
            news += [name for name, why in again if why in self._open.get(name, ())]
            self._untold.update(dict.fromkeys(news))
        if news:
            self._try(self._tell)

    def flush(self) -> None:
        """Write down what was counted, and tell what could not be told yet; raises DatabaseUnavailable."""
        with self._lock:
            counts, self._counts = self._counts, {}
        try:
            self._store.health.add(counts)
        except BaseException:
            with self._lock:
                self._counts |= {key: _sum(each, self._counts.get(key)) for key, each in counts.items()}
            raise
        self._tell()

    def settle(self) -> int:
        """Say that clients work which another process said fail and then did not take back; returns how many.

        It was killed, or came to its end, as each that cron starts.
        """
        count = 0
        for state in self.states():
            with self._lock:
                worked, is_open = self._worked_at(state), bool(self._open.get(state.client))
            if state.failing_since and worked and worked >= state.changed_at + _WORKED_FOR and not is_open:
                self._mark(state.client, None)
                count += 1
        return count

    def _worked_at(self, state: ClientState) -> datetime | None:
        """Return when a refresh showed that what a client was said to fail for is over; an outage is the provider's."""
        client = self._clients.get(state.client)
        if client is None or state.why != "outage":
            return self._worked.get(state.client)
        return max(
            (self._worked[name] for name in self._concerned(client, "outage") if name in self._worked), default=None
        )

    def prune(self) -> int:
        """Forget tallies that are too old; returns how many."""
        return self._store.health.prune(before_hour=_hour(self._now() - KEPT))

    def _concerned(self, client: OAuthClient, why: Why) -> Iterator[str]:
        """Yield the clients that a breaker stops: an outage is the provider's, all else the client's own."""
        if why not in _FAILING:
            return
        for each in self._clients.values():
            same = each.provider.token_endpoint == client.provider.token_endpoint
            if each.name == client.name or (same and why == "outage"):
                yield each.name

    def _why(self, name: str) -> Why | None:
        """Return for what a client fails, as far as is known here: of several, what only you can mend."""
        return next((why for why in _FAILING if why in self._open.get(name, ())), None)

    def _tell(self) -> None:
        for name in list(self._untold):
            with self._lock:
                why = self._why(name)
                self._untold.pop(name, None)
            try:
                self._mark(name, why)
            except BaseException:
                with self._lock:
                    self._untold[name] = None
                raise

    def _mark(self, name: str, why: Why | None) -> None:
        kind = CLIENT_FAILING if why else CLIENT_RECOVERED
        data = {"why": why, "advice": _FAILING[why]} if why else {}
        now = self._now()
        event = Event(kind=kind, at=now, grant_id="", owner="", client=name, data=data)
        # What was said here may be taken back here; what another process said gives way to what is more urgent only.
        lesser = [other for other in _RANKS if why and _RANKS[other] > _RANKS[why]]
        self._store.health.mark(
            name,
            failing=bool(why),
            why=why or "",
            at=now,
            beside=Beside(events=(event,)),
            instead_of=[*lesser, *filter(None, [self._said.get(name)])],
            unconfirmed_since=now - _WORKED_FOR,
        )
        with self._lock:
            self._said.pop(name, None)
            if why:
                self._said[name] = why

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except GrantkeeperError as error:
            log.warning("how OAuth clients do is written down later: %s", error)


def _hour(at: datetime) -> int:
    return (at - _EPOCH) // _HOUR


def _sum(one: Tally, other: Tally | None) -> Tally:
    if other is None:
        return one
    return replace(
        one,
        refreshed=one.refreshed + other.refreshed,
        refused=one.refused + other.refused,
        trouble=one.trouble + other.trouble,
        ours=one.ours + other.ours,
    )
