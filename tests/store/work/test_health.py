"""The store's contract for how OAuth clients do, the same on every database."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from grantkeeper.model import Beside, ClientState, Event, Tally
from grantkeeper.store import SqlStore
from store.made import NOW

FAILING = Beside(events=(Event(kind="client.failing", at=NOW, grant_id="", owner="", client="google-ads"),))
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
LATER = NOW + HOUR


def tally(hour: int, *, client: str = "google-ads", **counts: int) -> dict[tuple[str, int], Tally]:
    """Return what one process counted."""
    return {(client, hour): Tally(client=client, hour=hour, **counts)}


def test_what_is_counted_adds_up_by_client_and_hour(store: SqlStore) -> None:
    """Several processes count; the hours are those since 1970."""
    store.health.add(tally(10, refreshed=3) | tally(10, client="ad-manager", ours=1))
    store.health.add(tally(10, refreshed=2, refused=1) | tally(11, trouble=4))
    store.health.add({})

    assert store.health.tallies(since_hour=10, client="google-ads") == [
        Tally(client="google-ads", hour=10, refreshed=5, refused=1),
        Tally(client="google-ads", hour=11, trouble=4),
    ]
    assert [each.client for each in store.health.tallies(since_hour=0)] == ["ad-manager", "google-ads", "google-ads"]
    assert store.health.prune(before_hour=11) == 2
    assert len(store.health.tallies(since_hour=0)) == 1


def test_many_who_count_the_first_of_an_hour_lose_nothing(store: SqlStore) -> None:
    """Whoever inserts second adds instead."""
    together = threading.Barrier(6)

    def count() -> None:
        together.wait(10)
        store.health.add(tally(7, refreshed=1))

    threads = [threading.Thread(target=count) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)

    assert store.health.tallies(since_hour=7) == [Tally(client="google-ads", hour=7, refreshed=6)]


def test_a_failing_client_is_news_once_for_all_processes(store: SqlStore) -> None:
    """The event is written by exactly one of many that notice at the same time."""
    told: list[bool] = []
    together = threading.Barrier(6)

    def notice() -> None:
        together.wait(10)
        told.append(store.health.mark("google-ads", failing=True, why="outage", at=NOW, beside=FAILING))

    threads = [threading.Thread(target=notice) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)

    assert sorted(told) == [False] * 5 + [True]
    assert len(store.events.read(kind="client.failing")) == 1
    assert store.health.states() == [ClientState(client="google-ads", failing_since=NOW, why="outage", changed_at=NOW)]


def test_a_client_recovers_once_and_may_fail_again(store: SqlStore) -> None:
    """That one works which never failed is no news."""
    recovered = Beside(events=(Event(kind="client.recovered", at=LATER, grant_id="", owner="", client="google-ads"),))

    assert not store.health.mark("google-ads", failing=False, why="", at=LATER, beside=recovered)
    assert store.health.mark("google-ads", failing=True, why="outage", at=NOW, beside=FAILING)
    assert store.health.mark("google-ads", failing=False, why="", at=LATER, beside=recovered)
    assert not store.health.mark("google-ads", failing=False, why="", at=LATER, beside=recovered)
    assert store.health.states() == [ClientState(client="google-ads", failing_since=None, why="", changed_at=LATER)]
    assert store.health.mark("google-ads", failing=True, why="not_accepted", at=LATER, beside=FAILING)
    assert [each.kind for each in store.events.read()] == ["client.failing", "client.recovered", "client.failing"]


def test_of_a_client_that_is_known_to_fail_it_is_noted_that_it_still_does(store: SqlStore) -> None:
    """No news, and the latest time counts, whoever is slow; who knows another reason confirms nothing."""
    assert store.health.mark("google-ads", failing=True, why="outage", at=NOW, beside=FAILING)
    assert not store.health.mark("google-ads", failing=True, why="outage", at=LATER, beside=FAILING)
    assert not store.health.mark("google-ads", failing=True, why="outage", at=NOW, beside=FAILING)
    assert not store.health.mark("google-ads", failing=True, why="not_accepted", at=LATER + HOUR, beside=FAILING)

    (state,) = store.health.states()
    assert state == ClientState(client="google-ads", failing_since=NOW, why="outage", changed_at=LATER)
    assert len(store.events.read(kind="client.failing")) == 1


def test_another_reason_is_news_once_for_all_processes(store: SqlStore) -> None:
    """It takes the place of those that it is said to, by exactly one of many; the client fails since as long."""
    assert store.health.mark("google-ads", failing=True, why="outage", at=NOW, beside=FAILING)
    told: list[bool] = []
    together = threading.Barrier(4)

    def notice() -> None:
        other: Any = {"why": "not_accepted", "instead_of": ["outage", "mass_refusal"]}
        together.wait(10)
        told.append(store.health.mark("google-ads", failing=True, at=LATER, beside=FAILING, **other))

    threads = [threading.Thread(target=notice) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)

    assert sorted(told) == [False] * 3 + [True]
    assert len(store.events.read(kind="client.failing")) == 2
    (state,) = store.health.states()
    assert state == ClientState(client="google-ads", failing_since=NOW, why="not_accepted", changed_at=LATER)


def test_a_reason_that_nobody_confirmed_for_long_gives_way_to_any(store: SqlStore) -> None:
    """Who said it is gone; until then a slow process with another one changes nothing."""
    assert store.health.mark("google-ads", failing=True, why="not_accepted", at=NOW, beside=FAILING)
    for confirmed, news in ((NOW, False), (NOW + SECOND, True)):
        other: Any = {"why": "outage", "unconfirmed_since": confirmed}
        assert store.health.mark("google-ads", failing=True, at=LATER, beside=FAILING, **other) is news

    assert store.health.states()[0].why == "outage"
