"""May a refresh be sent now? Breakers for a provider, for an OAuth client at it, and for a grant.

Pure, thread-safe, bounded in memory; `now` is an argument. Each process learns for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, TypeVar

from ..model import Reason
from .answers import Meaning
from .gate import Answers, Gate, Row

Why: TypeAlias = Literal["outage", "asked_to_wait", "mass_refusal", "not_accepted", "trouble"]
"""Why a refresh is not sent now: the provider is down, it asked this OAuth client to wait, it refuses its grants, it
does not accept the client itself; or this one grant always meets trouble."""

Outcome: TypeAlias = Literal["ok", "refused", "trouble", "ours"]
"""What became of a refresh: see `outcome_of`. `trouble` is also an answer that did not come."""

TROUBLES_IN_A_ROW: Final = 5
"""One or two time-outs are weather; five without an answer in between are an outage, if SEVERAL grants met them, and
else the trouble of one grant."""
SEVERAL: Final = 3
"""What fewer grants meet may be about them alone: one that the provider always answers with a 500 (or says
unauthorized_client of) and that is asked for each second would stop all others."""
OUTAGE_FIRST_WAIT: Final = timedelta(seconds=2)
"""A restart at the provider takes seconds, and callers wait as long."""
OUTAGE_LONGEST_WAIT: Final = timedelta(seconds=60)
"""The end of an outage is noticed within a minute; one probe a minute burdens nobody. The same for one grant."""
NOT_ACCEPTED_FIRST_WAIT: Final = timedelta(seconds=1)
NOT_ACCEPTED_LONGEST_WAIT: Final = timedelta(seconds=60)
"""Providers lock out an OAuth client that goes on with a wrong secret; a mended one works within a minute."""

CAP: Final = timedelta(minutes=5)
"""No Retry-After is obeyed for longer (R-32): an absurd one, or one from a box in between, must not end the service."""

WINDOW: Final = timedelta(minutes=5)
"""Refusals this close to each other may have one cause; people do not withdraw their consents in step (R-31)."""
MANY_REFUSALS: Final = 10
"""So many grants refused within WINDOW, and at least half of those answered: the cause is with the provider or us.
The limit of this: see Breakers."""
REFUSAL_FIRST_WAIT: Final = timedelta(seconds=30)
REFUSAL_LONGEST_WAIT: Final = timedelta(minutes=5)
"""Probes while everybody is refused: rarely enough that a long fault of the provider reaches few grants."""
BELIEVED_AFTER: Final = timedelta(hours=1)
"""A grant refused again after so long is over, mass refusal or not: else an installation with many grants that really
are over would never come to rest."""
BELIEVED_UNTIL: Final = timedelta(days=3)
"""A first refusal longer ago belongs to another incident, over since then, and confirms nothing: the first refusal of
the next one would end the grants that nobody asked for in between."""

NOT_SAID: Final = frozenset({Reason.REVOKED_OR_EXPIRED, Reason.ROTATION_REPLY_LOST})
"""Reasons that the provider did not name: of many grants at once they are hardly about each of them."""

MAX_NAMES: Final = 1000
"""Providers, OAuth clients and grants in trouble remembered, each; past that the one heard of longest ago is forgotten
(R-54)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whether a refresh may be sent now; if not, `why`, and how long to `wait` before it is worth asking again."""

    why: Why | None = None
    wait: timedelta = timedelta()

    @property
    def admitted(self) -> bool:
        """True when it may be sent; whoever sends it reports with `record`, or says `unsent`."""
        return self.why is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a report changed: the breakers of a provider or client that `opened` and those that `closed`.

    `failed` are those whose probe showed that what opened them goes on. `refused` are the grants whose refusals made a
    mass refusal open: what was believed of them is to be taken back.
    """

    opened: tuple[Why, ...] = ()
    closed: tuple[Why, ...] = ()
    failed: tuple[Why, ...] = ()
    refused: tuple[str, ...] = ()


ADMITTED: Final = Admission()
UNCHANGED: Final = Change()


class _Provider:
    """What is known of one provider."""

    __slots__ = ("outage", "troubles")

    def __init__(self) -> None:
        self.outage = Gate(longest=OUTAGE_LONGEST_WAIT)
        self.troubles = Row(SEVERAL)


class _Client:
    """What is known of one OAuth client, which belongs to one provider."""

    __slots__ = ("accepted", "answers", "asked", "ours", "refusal")

    def __init__(self) -> None:
        self.asked = Gate(longest=CAP)
        self.refusal = Gate(longest=REFUSAL_LONGEST_WAIT)
        self.answers = Answers(WINDOW)
        self.accepted = Gate(longest=NOT_ACCEPTED_LONGEST_WAIT)
        self.ours = Row(SEVERAL)


class _Grant:
    """What is known of one grant whose latest refresh met trouble, or an answer that is `ours`."""

    __slots__ = ("gate", "troubles", "why")

    def __init__(self) -> None:
        self.gate = Gate(longest=OUTAGE_LONGEST_WAIT)
        self.troubles = 0  # in a row
        self.why: Why = "trouble"

    def trouble(self, now: datetime) -> None:
        """Count it, and shut the gate when it is one too many."""
        self.why = "trouble"
        self.troubles += 1
        if not self.gate.is_open:
            self.gate.probe_failed(now)
        elif self.troubles >= TROUBLES_IN_A_ROW:
            self.gate.shut(OUTAGE_FIRST_WAIT, now)

    def ours(self, now: datetime) -> None:
        """Shut the gate at once: nothing gets better by itself."""
        self.why = "not_accepted"
        self.troubles = 0
        if self.gate.is_open:
            self.gate.shut(NOT_ACCEPTED_FIRST_WAIT, now)
        else:
            self.gate.probe_failed(now)


_Known = TypeVar("_Known", _Provider, _Client, _Grant)


class Breakers:
    """All breakers of a keeper. Thread-safe.

    One per provider opens on an outage; three per OAuth client open when the provider asks it to wait, when it refuses
    most of its grants at once, and when it does not accept the client. One per grant opens on what only this grant
    meets, as far as is known. While one is open no refresh is sent, after its wait one probe at a time is. `provider`
    and `client` are their names.

    The limit of it: a mass refusal is seen when MANY_REFUSALS grants were refused within WINDOW, by this process. A
    client with fewer grants, or whose grants are asked for more rarely, is not protected: each refusal in certain words
    ends its grant. To doubt fewer refusals would be to doubt those of people who do withdraw their consents.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._providers: dict[str, _Provider] = {}
        self._clients: dict[str, _Client] = {}
        self._grants: dict[str, _Grant] = {}

    def start_afresh(self) -> None:
        """In a forked child: nobody holds the lock here, and probes are the parent's."""
        self._lock, self._providers, self._clients, self._grants = threading.Lock(), {}, {}, {}

    def admit(self, provider: str, client: str, *, grant_id: str, now: datetime) -> Admission:
        """Say whether a refresh may be sent; whoever is admitted reports with `record`, or says `unsent`."""
        with self._lock:
            gates = self._gates(provider, client, grant_id)
            wait, why = max((gate.wait(now), why) for why, gate in gates)
            if wait:
                return Admission(why=why, wait=wait)
            for _, gate in gates:
                gate.passed(now)
            return ADMITTED

    def record(
        self,
        provider: str,
        client: str,
        *,
        grant_id: str,
        outcome: Outcome,
        retry_after: timedelta | None = None,
        now: datetime,
    ) -> Change:
        """Note what became of a refresh, and say what that changed."""
        with self._lock:
            of_provider, of_client = self._known(provider, client)
            self._note(grant_id, outcome, now)
            if outcome == "trouble":
                return _trouble(of_provider, of_client, grant_id, retry_after, now)
            if outcome == "ours":
                return _ours(of_provider, of_client, grant_id, now)
            return _answered(of_provider, of_client, grant_id, outcome, now)

    def unsent(self, provider: str, client: str, *, grant_id: str) -> None:
        """Say that an admitted refresh was not sent after all; if it was the probe, another may go."""
        with self._lock:
            for _, gate in self._gates(provider, client, grant_id):
                gate.probe_unsent()

    def shut(self, provider: str, client: str, *, now: datetime) -> tuple[timedelta, bool]:
        """Return how long nothing is sent for this client, and whether then one probe is sent before all others.

        It asks for nothing to be sent: for who has much to send, to begin nothing of it.
        """
        with self._lock:
            gates = [gate for _, gate in self._gates(provider, client, "")]
            return max(gate.wait(now) for gate in gates), not all(gate.is_open for gate in gates)

    def frozen(self, client: str) -> bool:
        """Return True while most of the client's grants are refused: no status follows from a refusal then."""
        with self._lock:
            known = self._clients.get(client)
            return known is not None and not known.refusal.is_open

    @staticmethod
    def believed(refused_at: datetime | None, *, now: datetime) -> bool:
        """Return True when a refusal is believed even now, because the grant was first refused an hour to days ago."""
        return refused_at is not None and BELIEVED_AFTER <= now - refused_at <= BELIEVED_UNTIL

    @staticmethod
    def first_refused(refused_at: datetime | None, *, now: datetime) -> datetime:
        """Return when the grant that is refused now was refused first: `now`, if what is known is of another time."""
        if refused_at is None or not timedelta() <= now - refused_at <= BELIEVED_UNTIL:
            return now
        return refused_at

    def _known(self, provider: str, client: str) -> tuple[_Provider, _Client]:
        return _kept(self._providers, provider, _Provider), _kept(self._clients, client, _Client)

    def _gates(self, provider: str, client: str, grant_id: str) -> list[tuple[Why, Gate]]:
        of_provider, of_client = self._known(provider, client)
        gates: list[tuple[Why, Gate]] = [
            ("outage", of_provider.outage),
            ("asked_to_wait", of_client.asked),
            ("mass_refusal", of_client.refusal),
            ("not_accepted", of_client.accepted),
        ]
        of_grant = self._grants.get(grant_id)
        if of_grant is not None:
            gates.append((of_grant.why, of_grant.gate))
        return gates

    def _note(self, grant_id: str, outcome: Outcome, now: datetime) -> None:
        """Remember a grant while it meets trouble, and no longer."""
        if outcome == "trouble":
            _kept(self._grants, grant_id, _Grant).trouble(now)
        elif outcome == "ours":
            _kept(self._grants, grant_id, _Grant).ours(now)
        else:
            self._grants.pop(grant_id, None)


def outcome_of(meant: Meaning, reason: Reason) -> Outcome:
    """Return what a refusal is to the breakers; `reason` is what `why_it_ended` made of it.

    Only a death without a reason of its own counts as `refused`: whoever names a reason, or an end that was known
    beforehand, has looked at this grant. That an answer was lost is our guess, which an outage makes for many.
    """
    if meant.kind == "dead":
        return "refused" if reason in NOT_SAID else "ok"
    return "ours" if meant.kind == "ours" else "trouble"


def _kept(known: dict[str, _Known], name: str, new: Callable[[], _Known]) -> _Known:
    """Return what is known by that name, and forget the one asked about longest ago when there are too many."""
    found = known.pop(name, None) or new()
    if len(known) >= MAX_NAMES:
        del known[next(iter(known))]
    known[name] = found
    return found


def _trouble(
    provider: _Provider, client: _Client, grant_id: str, retry_after: timedelta | None, now: datetime
) -> Change:
    """Count it, and shut what it was the probe of. A Retry-After of no time is as good as none."""
    opened: list[Why] = []
    failed: tuple[Why, ...] = ()
    provider.troubles.add(grant_id)
    if not provider.outage.is_open:
        failed = ("outage",) if provider.outage.probe_failed(now) else ()
    elif provider.troubles.is_long(TROUBLES_IN_A_ROW):
        provider.outage.shut(OUTAGE_FIRST_WAIT, now)
        opened.append("outage")
    if retry_after is None or retry_after <= timedelta():
        client.asked.probe_failed(now)
    elif client.asked.shut(retry_after, now):
        opened.append("asked_to_wait")
    client.refusal.probe_failed(now)
    client.accepted.probe_failed(now)
    return Change(opened=tuple(opened), failed=failed) if opened or failed else UNCHANGED


def _ours(provider: _Provider, client: _Client, grant_id: str, now: datetime) -> Change:
    """Count it against the client; it says nothing about the grant."""
    closed = _reached(provider, client, now)
    client.refusal.probe_failed(now)
    client.ours.add(grant_id)
    opened: tuple[Why, ...] = ()
    failed: tuple[Why, ...] = ()
    if not client.accepted.is_open:
        failed = ("not_accepted",) if client.accepted.probe_failed(now) else ()
    elif client.ours.is_long(SEVERAL):
        client.accepted.shut(NOT_ACCEPTED_FIRST_WAIT, now)
        opened = ("not_accepted",)
    return Change(opened=opened, closed=closed, failed=failed) if opened or closed or failed else UNCHANGED


def _reached(provider: _Provider, client: _Client, now: datetime) -> tuple[Why, ...]:
    """Open what any answer shows to be over; but one to what was sent before a client's wait ends no wait."""
    closed: list[Why] = []
    provider.troubles.clear()
    if provider.outage.open():
        closed.append("outage")
    if not client.asked.left(now) and client.asked.open():
        closed.append("asked_to_wait")
    return tuple(closed)


def _answered(provider: _Provider, client: _Client, grant_id: str, outcome: Outcome, now: datetime) -> Change:
    """Open what an answer about a grant shows to be over; see `_reached`."""
    closed = _reached(provider, client, now)
    client.ours.clear()
    if client.accepted.open():
        closed += ("not_accepted",)
    client.answers.note(grant_id, refused=outcome == "refused", now=now)
    if outcome == "refused":
        return _refused(client, closed, now)
    if not client.refusal.left(now) and client.refusal.open():
        client.answers.clear()
        closed += ("mass_refusal",)
    return Change(closed=closed) if closed else UNCHANGED


def _refused(client: _Client, closed: tuple[Why, ...], now: datetime) -> Change:
    if client.refusal.is_open and client.answers.mostly_refused(MANY_REFUSALS):
        client.refusal.shut(REFUSAL_FIRST_WAIT, now)
        return Change(opened=("mass_refusal",), closed=closed, refused=client.answers.refused())
    failed: tuple[Why, ...] = ("mass_refusal",) if client.refusal.probe_failed(now) else ()
    return Change(closed=closed, failed=failed) if closed or failed else UNCHANGED
