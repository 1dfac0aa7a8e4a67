"""The primary goes away under a load of reads, refreshes and connects; a standby takes over; nobody helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from time import monotonic
from typing import Protocol

import pytest

from grantkeeper.store import SqlStore
from ha.load import MAX_STALE, Load, Outcome
from ha.pair import FrozenPair, KilledPair, running_pair
from ha.patroni import running_patroni


class Servers(Protocol):
    """A database that survives the loss of one server."""

    @property
    def url(self) -> str:
        """Where whichever of them can be written is found."""

    def strike(self) -> None:
        """Take the primary away."""

    def take_over(self) -> None:
        """Return when there is another primary."""


KINDS: dict[str, Callable[[], AbstractContextManager[Servers]]] = {
    "primary killed": partial(running_pair, KilledPair),
    "primary frozen": partial(running_pair, FrozenPair),
    "patroni": running_patroni,
}
RESUMED_WITHIN = 60.0
"""Seconds after a takeover. Every deadline of ours, one after the other, is less."""
pytestmark = pytest.mark.timeout(300)


READ_WITHIN = 3.0
"""Seconds. Whoever asks for a token that is in memory does not wait for a database that says nothing."""
MARKS = {"primary killed": [], "primary frozen": [pytest.mark.slow], "patroni": [pytest.mark.ha]}


@pytest.fixture(scope="module", params=[pytest.param(kind, marks=MARKS[kind]) for kind in KINDS])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """What came of the loss of a primary under load."""
    with KINDS[request.param]() as servers:
        with closing(SqlStore(servers.url)) as store:
            store.migrate()
        with closing(Load(servers.url, tmp_path_factory.mktemp("state"))) as load:
            with load.running():
                lose_the_primary(servers, load)
            yield load.inspect()


def lose_the_primary(servers: Servers, load: Load) -> None:
    """Take the primary away when all is well, and wait until all is well again, or long enough."""
    assert load.until(lambda: load.working("before"), 60), Counter(each.error for each in load.outcome.events)
    load.phase = "struck"
    servers.strike()
    memory_ends = monotonic() + MAX_STALE.total_seconds()
    load.until(lambda: monotonic() > memory_ends, 30)
    load.phase = "down"
    load.until(lambda: all(load.count("down", "read", each, tried=True) for each in load.fresh), 60)
    servers.take_over()
    load.phase = "after"
    load.until(lambda: load.working("after"), RESUMED_WITHIN)


def test_reads_of_fresh_tokens_never_fail(outcome: Outcome) -> None:
    """R-40: a token that is in memory and still good is served, whatever becomes of the database."""
    assert outcome.calls("read", "down")
    assert Counter(outcome.errors("read")) == {}


def test_reads_of_fresh_tokens_do_not_wait_for_the_database(outcome: Outcome) -> None:
    """R-40: not even for one that keeps its connections open and answers nothing."""
    slowest = max(each.ended - each.began for each in outcome.calls("read"))

    assert slowest < READ_WITHIN


def test_nothing_committed_is_lost(outcome: Outcome) -> None:
    """R-40: every state that the database said was committed is there, or a later one, and opens."""
    behind = {each: version for each, version in outcome.acknowledged.items() if outcome.stored[each] < version}

    assert behind == {}


def test_every_refresh_resumes_without_help(outcome: Outcome) -> None:
    """R-40: in the replicas that ran all the time, for every grant."""
    resumed = {each.who for each in outcome.calls("refresh", "after") if not each.error}

    assert resumed == set(outcome.brief)


def test_connects_resume_without_help(outcome: Outcome) -> None:
    """R-40: in the replicas that ran all the time."""
    assert any(not each.error for each in outcome.calls("connect", "after"))


def test_no_grant_dies_of_a_failover(outcome: Outcome) -> None:
    """R-10, R-14: the provider ends a family whose refresh token comes twice, and none came twice."""
    assert outcome.refusals == []
    assert outcome.unusable == {}


def test_only_the_database_is_blamed(outcome: Outcome) -> None:
    """R-40: who needs the database while it is away is told to wait, and nothing else; nobody waits for ever."""
    assert set(outcome.errors("refresh") + outcome.errors("connect")) <= {"DatabaseUnavailable"}
    assert outcome.stuck == []
