"""What holds of the breakers whatever happens, in whatever order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.renewal import Admission, Breakers, Outcome
from grantkeeper.renewal.breaker import CAP, MAX_NAMES, REFUSAL_LONGEST_WAIT, SEVERAL, Why
from grantkeeper.renewal.gate import LATEST, PROBE_LIFETIME

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OF_A_GRANT = {"trouble", "not_accepted"}
LONGEST = max(CAP, REFUSAL_LONGEST_WAIT)


@dataclass(frozen=True)
class Pass:
    """Time passes, or the clock is set back."""

    time: timedelta


@dataclass(frozen=True)
class Ask:
    """Somebody wants to refresh."""

    grant_id: str


@dataclass(frozen=True)
class Report:
    """Something became of a refresh, one of long ago perhaps."""

    outcome: Outcome
    grant_id: str
    retry_after: timedelta | None


Step = Pass | Ask | Report

TIMES = st.one_of(
    st.sampled_from([1, 2, 5, 29, 30, 31, 60, 299, 300, 3600]), st.integers(-100_000, 100_000), st.floats(-2, 2)
).map(lambda seconds: timedelta(seconds=seconds))
REPORTS = st.builds(
    Report,
    outcome=st.sampled_from(get_args(Outcome)),
    grant_id=st.integers(0, 30).map(str),
    retry_after=st.none() | st.timedeltas(),
)
FEW: st.SearchStrategy[list[Step]] = st.lists(
    st.builds(Pass, TIMES) | st.builds(Ask, st.integers(0, 3).map(str)) | REPORTS, max_size=30
)
MANY = st.builds(
    lambda outcome, times: [Report(outcome, f"many{number}", None) for number in range(times)],
    st.sampled_from(get_args(Outcome)),
    st.integers(5, 12),
)
HISTORIES = st.lists(FEW | MANY, max_size=8).map(lambda parts: [step for part in parts for step in part])


class Watched:
    """Breakers of one OAuth client, and what an onlooker can know of them."""

    def __init__(self) -> None:
        self.breakers = Breakers()
        self.now = START
        self.open: set[Why] = set()
        self.probe_at: datetime | None = None

    def run(self, history: list[Step]) -> None:
        """Let it happen."""
        for step in history:
            if isinstance(step, Pass):
                self.now += step.time
            elif isinstance(step, Ask):
                self.ask(step.grant_id)
            else:
                self.report(step)

    def ask(self, grant_id: str = "any") -> Admission:
        """Ask, and check the answer."""
        admission = self.breakers.admit("google", "ads", grant_id=grant_id, now=self.now)
        assert admission.admitted == (admission.wait == timedelta()) == (admission.why is None)
        assert admission.why is None or admission.why in self.open or admission.why in OF_A_GRANT
        assert timedelta() <= admission.wait <= LONGEST
        if self.probe_at is not None:
            self.probe_at = min(self.probe_at, self.now)
            assert not admission.admitted or self.now - self.probe_at >= PROBE_LIFETIME, "a second probe"
        if admission.admitted and self.open:
            self.probe_at = self.now
        return admission

    def report(self, report: Report) -> None:
        """Report, and check what changed."""
        changed = self.breakers.record(
            "google",
            "ads",
            grant_id=report.grant_id,
            outcome=report.outcome,
            retry_after=report.retry_after,
            now=self.now,
        )
        assert self.open.issuperset(changed.closed)
        assert self.open.isdisjoint(changed.opened)
        assert bool(changed.refused) == ("mass_refusal" in changed.opened)
        self.open = (self.open - set(changed.closed)) | set(changed.opened)
        assert self.breakers.frozen("ads") == ("mass_refusal" in self.open)
        self.probe_at = None

    def admitted_within(self, longest: timedelta) -> bool:
        """Ask as often as told to, until admitted."""
        end = self.now + longest
        while not (admission := self.ask()).admitted:
            self.now += admission.wait
            if self.now > end:
                return False
        return True


@given(HISTORIES)
def test_while_a_breaker_is_open_one_probe_at_a_time_is_out(history: list[Step]) -> None:
    """R-31, R-32, R-51: until it reports or is given up; and every breaker opens and closes in turn."""
    Watched().run(history)


@given(HISTORIES)
def test_when_trouble_stops_everybody_is_admitted_again(history: list[Step]) -> None:
    """R-51: after the longest wait and a lost probe at most; one success, and nothing is left of it."""
    watched = Watched()
    watched.run(history)
    assert watched.admitted_within(LONGEST + PROBE_LIFETIME)
    watched.report(Report("ok", "good", None))
    assert watched.open == set()
    assert [watched.ask().admitted for _ in range(3)] == [True] * 3


@given(HISTORIES, st.integers(1, 20))
def test_probes_that_never_report_block_nobody_for_ever(history: list[Step], lost: int) -> None:
    """R-51: however many of them die, one after the other."""
    watched = Watched()
    watched.run(history)
    for _ in range(lost):
        assert watched.admitted_within(LONGEST + PROBE_LIFETIME)


def test_memory_is_bounded_in_grants() -> None:
    """R-54: a million grants of one OAuth client are two hundred answers; the latest, so that a fault shows."""
    breakers = Breakers()
    for number in range(LATEST * 10):
        breakers.record("google", "ads", grant_id=f"good{number}", outcome="ok", now=START)
    answers = breakers._clients["ads"].answers
    assert len(answers._latest) == LATEST
    opened: tuple[str, ...] = ()
    for number in range(LATEST):
        changed = breakers.record("google", "ads", grant_id=f"bad{number}", outcome="refused", now=START)
        opened += changed.refused
    assert opened == tuple(f"bad{number}" for number in range(LATEST // 2))
    assert len(answers._latest) == LATEST


@pytest.mark.parametrize("known", ["_providers", "_clients"])
def test_memory_is_bounded_in_names(known: str) -> None:
    """R-54: those asked about longest ago go; those in use stay as they are."""
    breakers = Breakers()
    for number in range(5):
        breakers.record("down", "kept", grant_id=f"g{number}", outcome="trouble", now=START)
    for number in range(MAX_NAMES * 2):
        assert breakers.admit(f"provider{number}", f"client{number}", grant_id="new", now=START).admitted
        assert not breakers.admit("down", "kept", grant_id="new", now=START).admitted
    assert len(getattr(breakers, known)) == MAX_NAMES


def test_memory_is_bounded_in_grants_that_meet_trouble() -> None:
    """R-54: those heard of longest ago go; whoever is answered, or was never in trouble, is not remembered at all."""
    breakers = Breakers()
    outcomes: tuple[Outcome, ...] = ("trouble", "ours")
    for number in range(MAX_NAMES * 2):
        breakers.record("google", "ads", grant_id=f"g{number}", outcome=outcomes[number % 2], now=START)
        breakers.admit("google", "ads", grant_id=f"asked{number}", now=START)
    assert set(breakers._grants) == {f"g{number}" for number in range(MAX_NAMES, MAX_NAMES * 2)}
    for number in range(MAX_NAMES * 2):
        breakers.record("google", "ads", grant_id=f"g{number}", outcome="ok", now=START)
    assert breakers._grants == {}


def test_memory_is_bounded_in_what_happens_in_a_row() -> None:
    """R-54: a provider that is down for a year is not a set of all grants."""
    breakers = Breakers()
    for number in range(100):
        breakers.record("google", "ads", grant_id=f"g{number}", outcome="trouble", now=START)
    assert len(breakers._providers["google"].troubles._grants) == SEVERAL


def test_asking_whether_it_is_frozen_remembers_nothing() -> None:
    """R-54: a look costs no memory."""
    breakers = Breakers()
    assert not breakers.frozen("ads")
    assert breakers._clients == {}


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.integers(-400, 400)), max_size=60))
def test_who_was_refused_is_counted_right(notes: list[tuple[int, bool, int]]) -> None:
    """R-31: a plain recount agrees, whatever the clock does."""
    breakers, now = Breakers(), START
    for grant, refused, seconds in notes:
        now += seconds * SECOND
        breakers.record("google", "ads", grant_id=str(grant), outcome="refused" if refused else "ok", now=now)
        answers = breakers._clients["ads"].answers
        assert answers._refused == len(answers.refused()) == sum(refused for _, refused in answers._latest.values())
