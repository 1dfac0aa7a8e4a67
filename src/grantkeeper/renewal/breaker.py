"""May a refresh be sent now? Breakers for a provider in trouble, one that asks to wait, and one that refuses everybody.

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
from .gate import Answers, Gate

Why: TypeAlias = Literal["outage", "asked_to_wait", "mass_refusal"]
"""Why a refresh is not sent now: the provider is down, it asked this OAuth client to wait, or it refuses its grants."""

Outcome: TypeAlias = Literal["ok", "refused", "trouble", "ours"]
"""What became of a refresh: see `outcome_of`. `trouble` is also an answer that did not come."""

TROUBLES_IN_A_ROW: Final = 5
"""One or two time-outs are weather; five without an answer in between, over all its grants, are an outage."""
OUTAGE_FIRST_WAIT: Final = timedelta(seconds=2)
"""A restart at the provider takes seconds, and callers wait as long."""
OUTAGE_LONGEST_WAIT: Final = timedelta(seconds=60)
"""The end of an outage is noticed within a minute; one probe a minute burdens nobody."""

CAP: Final = timedelta(minutes=5)
"""No Retry-After is obeyed for longer (R-32): an absurd one, or one from a box in between, must not end the service."""

WINDOW: Final = timedelta(minutes=5)
"""Refusals this close to each other may have one cause; people do not withdraw their consents in step (R-31)."""
MANY_REFUSALS: Final = 10
"""So many grants refused within WINDOW, and at least half of those answered: the cause is with the provider or us."""
REFUSAL_FIRST_WAIT: Final = timedelta(seconds=30)
REFUSAL_LONGEST_WAIT: Final = timedelta(minutes=5)
"""Probes while everybody is refused: rarely enough that a long fault of the provider reaches few grants."""
BELIEVED_AFTER: Final = timedelta(hours=1)
"""A grant refused again after so long is over, mass refusal or not: else an installation with many grants that really
are over would never come to rest."""

NOT_SAID: Final = frozenset({Reason.REVOKED_OR_EXPIRED, Reason.ROTATION_REPLY_LOST})
"""Reasons that the provider did not name: of many grants at once they are hardly about each of them."""

MAX_NAMES: Final = 1000
"""Providers and OAuth clients remembered, each; past that the one asked about longest ago is forgotten (R-54)."""


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
    """What a report changed: the breakers that `opened` and those that `closed`.

    `refused` are the grants whose refusals made a mass refusal open: what was believed of them is to be taken back.
    """

    opened: tuple[Why, ...] = ()
    closed: tuple[Why, ...] = ()
    refused: tuple[str, ...] = ()


ADMITTED: Final = Admission()
UNCHANGED: Final = Change()


class _Provider:
    """What is known of one provider."""

    __slots__ = ("outage", "troubles")

    def __init__(self) -> None:
        self.outage = Gate(longest=OUTAGE_LONGEST_WAIT)
        self.troubles = 0  # in a row


class _Client:
    """What is known of one OAuth client, which belongs to one provider."""

    __slots__ = ("answers", "asked", "refusal")

    def __init__(self) -> None:
        self.asked = Gate(longest=CAP)
        self.refusal = Gate(longest=REFUSAL_LONGEST_WAIT)
        self.answers = Answers(WINDOW)


_Known = TypeVar("_Known", _Provider, _Client)


class Breakers:
    """All breakers of a keeper. Thread-safe.

    One per provider opens on an outage; two per OAuth client open when the provider asks it to wait, and when it
    refuses most of its grants at once. While one is open no refresh is sent, after its wait one probe at a time is.
    `provider` and `client` are their names.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._providers: dict[str, _Provider] = {}
        self._clients: dict[str, _Client] = {}

    def start_afresh(self) -> None:
        """In a forked child: nobody holds the lock here, and probes are the parent's."""
        self._lock, self._providers, self._clients = threading.Lock(), {}, {}

    def admit(self, provider: str, client: str, *, now: datetime) -> Admission:
        """Say whether a refresh may be sent; whoever is admitted reports with `record`, or says `unsent`."""
        with self._lock:
            gates = self._gates(provider, client)
            wait, why = max((gate.wait(now), why) for why, gate in gates.items())
            if wait:
                return Admission(why=why, wait=wait)
            for gate in gates.values():
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
            if outcome == "trouble":
                return _trouble(of_provider, of_client, retry_after, now)
            return _answered(of_provider, of_client, grant_id, outcome, now)

    def unsent(self, provider: str, client: str) -> None:
        """Say that an admitted refresh was not sent after all; if it was the probe, another may go."""
        with self._lock:
            for gate in self._gates(provider, client).values():
                gate.probe_unsent()

    def frozen(self, client: str) -> bool:
        """Return True while most of the client's grants are refused: no status follows from a refusal then."""
        with self._lock:
            known = self._clients.get(client)
            return known is not None and not known.refusal.is_open

    @staticmethod
    def believed(refused_at: datetime | None, *, now: datetime) -> bool:
        """Return True when a refusal is believed even now, because the grant was first refused long ago."""
        return refused_at is not None and now - refused_at >= BELIEVED_AFTER

    def _known(self, provider: str, client: str) -> tuple[_Provider, _Client]:
        return _kept(self._providers, provider, _Provider), _kept(self._clients, client, _Client)

    def _gates(self, provider: str, client: str) -> dict[Why, Gate]:
        of_provider, of_client = self._known(provider, client)
        return {"outage": of_provider.outage, "asked_to_wait": of_client.asked, "mass_refusal": of_client.refusal}


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


def _trouble(provider: _Provider, client: _Client, retry_after: timedelta | None, now: datetime) -> Change:
    """Count it, and shut what it was the probe of. A Retry-After of no time is as good as none."""
    opened: list[Why] = []
    provider.troubles += 1
    if not provider.outage.is_open:
        provider.outage.probe_failed(now)
    elif provider.troubles >= TROUBLES_IN_A_ROW:
        provider.outage.shut(OUTAGE_FIRST_WAIT, now)
        opened.append("outage")
    if retry_after is None or retry_after <= timedelta():
        client.asked.probe_failed(now)
    elif client.asked.shut(retry_after, now):
        opened.append("asked_to_wait")
    client.refusal.probe_failed(now)
    return Change(opened=tuple(opened)) if opened else UNCHANGED


def _answered(provider: _Provider, client: _Client, grant_id: str, outcome: Outcome, now: datetime) -> Change:
    """Open what the answer shows to be over; but an answer to what was sent before a client's wait ends no wait."""
    closed: list[Why] = []
    provider.troubles = 0
    if provider.outage.open():
        closed.append("outage")
    if not client.asked.left(now) and client.asked.open():
        closed.append("asked_to_wait")
    if outcome == "ours":  # which says nothing about the grant
        client.refusal.probe_failed(now)
        return Change(closed=tuple(closed)) if closed else UNCHANGED
    client.answers.note(grant_id, refused=outcome == "refused", now=now)
    if outcome == "refused":
        return _refused(client, tuple(closed), now)
    if not client.refusal.left(now) and client.refusal.open():
        client.answers.clear()
        closed.append("mass_refusal")
    return Change(closed=tuple(closed)) if closed else UNCHANGED


def _refused(client: _Client, closed: tuple[Why, ...], now: datetime) -> Change:
    if client.refusal.is_open and client.answers.mostly_refused(MANY_REFUSALS):
        client.refusal.shut(REFUSAL_FIRST_WAIT, now)
        return Change(opened=("mass_refusal",), closed=closed, refused=client.answers.refused())
    client.refusal.probe_failed(now)
    return Change(closed=closed) if closed else UNCHANGED
