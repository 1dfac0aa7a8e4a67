"""Rows that nobody can read, clocks that were ahead, posts under way: none of it stops the other deliveries."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import update

from grantkeeper.model import NOTHING, Endpoint
from grantkeeper.store import SqlStore, tables
from grantkeeper.webhooks import LEASE, RETRIES
from store.made import NOW, endpoint_row
from store.webhooks.test_deliveries import claimed, delivered, failed, happen

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def endpoint(store: SqlStore) -> str:
    """The id of an endpoint that wants everything."""
    store.webhooks.add(endpoint_row("a"), beside=NOTHING)
    return "a"


def of(store: SqlStore, endpoint_id: str) -> Endpoint:
    """Return the endpoint as it is now."""
    found = store.webhooks.get(endpoint_id)
    assert found is not None
    return found.endpoint


@pytest.mark.parametrize(("column", "value"), [("kinds", "x"), ("status", "enabled "), ("created_at", 1 << 62)])
def test_an_endpoint_that_cannot_be_read_stops_no_other(
    store: SqlStore, endpoint: str, caplog: pytest.LogCaptureFixture, column: str, value: object
) -> None:
    """R-52: the others are ready, and listed; the log names it, once."""
    store.webhooks.add(endpoint_row("b"), beside=NOTHING)
    happen(store)
    with store._writing.begin() as connection:
        connection.execute(update(tables.endpoint).where(tables.endpoint.c.id == "b").values({column: value}))

    with caplog.at_level(logging.ERROR, "grantkeeper"):
        for _ in range(2):
            assert [row.endpoint.id for row in store.webhooks.ready(now=NOW)] == [endpoint]
            assert [row.endpoint.id for row in store.webhooks.all()] == [endpoint]
    assert [record.getMessage() for record in caplog.records] == [
        "The endpoint b holds a value of a wrong type. It is left out."
    ]


def test_a_delivery_that_cannot_be_read_stops_no_list(store: SqlStore, endpoint: str) -> None:
    """R-52: a page is as long as ever, so that whoever reads by the page goes on."""
    happen(store, 4)
    ids = [each.id for each in store.webhooks.deliveries()]
    with store._writing.begin() as connection:
        connection.execute(update(tables.delivery).where(tables.delivery.c.id == ids[0]).values(status="odd"))
        connection.execute(update(tables.delivery).where(tables.delivery.c.id == ids[2]).values(status="odd"))

    assert [each.id for each in store.webhooks.deliveries(limit=2)] == [ids[1], ids[3]]
    assert [each.id for each in store.webhooks.deliveries(limit=3)] == [ids[1], ids[3]]


@pytest.mark.parametrize("then", ["delivered", "failed", "held"])
def test_what_an_endpoint_asked_for_is_not_undone_by_posts_under_way(store: SqlStore, endpoint: str, then: str) -> None:
    """Several are posted at a time: `Retry-After` of one holds, whatever the others are answered after it."""
    happen(store, 3)
    first, second, _ = claimed(store)
    asked = NOW + HOUR
    store.webhooks.end(first.delivery, failed(first.delivery), now=NOW, held_until=asked)
    later = NOW + SECOND
    if then == "delivered":
        store.webhooks.end(second.delivery, delivered(second.delivery), now=later)
    else:
        shorter = later + SECOND if then == "held" else None
        store.webhooks.end(second.delivery, failed(second.delivery), now=later, held_until=shorter)

    assert of(store, endpoint).held_until == asked
    assert (of(store, endpoint).failing_since is None) == (then == "delivered")
    assert claimed(store, later=HOUR - SECOND) == []
    assert len(claimed(store, later=HOUR)) == (2 if then == "delivered" else 3)


def test_a_hold_that_is_over_is_forgotten(store: SqlStore, endpoint: str) -> None:
    """So is one that no receiver can have asked for: a clock was ahead when that was written."""
    happen(store, 2)
    first, second = claimed(store)
    ahead = NOW + timedelta(days=3650)
    store.webhooks.end(first.delivery, failed(first.delivery), now=ahead, held_until=ahead + HOUR)
    happen(store)
    assert len(claimed(store, later=SECOND)) == 1

    store.webhooks.end(second.delivery, delivered(second.delivery), now=NOW)
    assert of(store, endpoint).held_until is None


def test_nobody_writes_for_an_endpoint_that_nothing_is_due_for(store: SqlStore, endpoint: str) -> None:
    """What waits for one that is disabled, held or gone costs the others nothing."""
    happen(store)
    off = endpoint_row(endpoint, status="disabled", version=2)
    store.webhooks.save(off, expected_version=1, beside=NOTHING)
    for name in ("b", "c"):
        store.webhooks.add(endpoint_row(name), beside=NOTHING)

    assert store.webhooks.ready(now=NOW) == []
    happen(store)
    assert [row.endpoint.id for row in store.webhooks.ready(now=NOW)] == ["b", "c"]


def test_what_a_clock_that_was_ahead_put_off_is_made_now(store: SqlStore, endpoint: str) -> None:
    """R-65: by an hour or by ten years; what is claimed, or waits for its next attempt, waits on."""
    for ahead in (HOUR, timedelta(days=3650)):
        happen(store, before=-ahead)
    happen(store, 3)
    tried, years, _ = claimed(store)
    store.webhooks.end(tried.delivery, failed(tried.delivery, again=timedelta(hours=26)), now=NOW)
    store.webhooks.end(years.delivery, failed(years.delivery, again=timedelta(days=3650)), now=NOW)

    assert store.webhooks.mend(now=NOW, limit=2) == 2
    assert store.webhooks.mend(now=NOW, limit=2) == 1
    assert store.webhooks.mend(now=NOW, limit=2) == 0
    assert len(claimed(store)) == 3


def tried_long_ago(store: SqlStore) -> None:
    """Let two deliveries have been tried once, and been due again for six days."""
    happen(store, 2, before=timedelta(days=6))
    for due in claimed(store):
        store.webhooks.end(due.delivery, failed(due.delivery, again=-timedelta(days=6)), now=NOW)


def test_what_is_posted_just_now_is_not_given_up(store: SqlStore, endpoint: str) -> None:
    """It may be answered yet; once its claim has ended it is given up like the others."""
    tried_long_ago(store)
    before = NOW - timedelta(days=5)
    claimed(store, limit=1)
    assert store.webhooks.give_up(before=before, now=NOW, error="too_old", limit=10) == 1
    assert Counter(each.status for each in store.webhooks.deliveries()) == {"waiting": 1, "dead": 1}

    before += timedelta(days=6)
    assert store.webhooks.give_up(before=before, now=before, error="too_old", limit=10) == 1


def test_a_delivery_that_whoever_takes_it_dies_of_is_taken_ten_times(store: SqlStore, endpoint: str) -> None:
    """R-52, R-53: each claim is an attempt, and the next comes no sooner than after a failure; then it is dead."""
    happen(store, 2)
    good, bad = claimed(store)
    store.webhooks.end(good.delivery, delivered(good.delivery), now=NOW)
    at, taken = timedelta(), [timedelta()]
    while store.webhooks.deliveries(statuses=("waiting",)):
        at += timedelta(minutes=1)
        taken += [at for due in claimed(store, later=at) if due.delivery.id == bad.delivery.id]

    assert [after - before for before, after in pairwise(taken)] == [max(wait, LEASE) for wait in RETRIES]
    (dead,) = store.webhooks.deliveries(statuses=("dead",))
    assert (dead.id, dead.attempts, dead.last_error) == (bad.delivery.id, 10, "unrecorded")
    assert (dead.due_at, store.webhooks.ready(now=NOW + at)) == (None, [])


def test_a_delivery_that_nobody_began_to_post_was_no_attempt(store: SqlStore, endpoint: str) -> None:
    """It is due again when it is said; one that is somebody else's by now is left alone."""
    happen(store)
    (due,) = claimed(store)
    store.webhooks.put_back(due.delivery, due_at=NOW + HOUR)
    (again,) = claimed(store, later=HOUR)
    assert again.delivery.attempts == 0
    store.webhooks.put_back(due.delivery, due_at=NOW)
    assert claimed(store, later=HOUR) == []


@pytest.mark.parametrize("attempts", [-20, -1, 1001, 32767])
def test_a_delivery_with_no_count_of_attempts_is_posted_to_nobody(
    store: SqlStore, endpoint: str, attempts: int
) -> None:
    """R-52: it is dead, says why, and can be replayed; the others are taken."""
    happen(store, 2)
    alter = update(tables.delivery).where(tables.delivery.c.id == store.webhooks.deliveries()[0].id)
    with store._writing.begin() as connection:
        connection.execute(alter.values(attempts=attempts))
    assert len(claimed(store)) == 1
    with store._writing.begin() as connection:
        connection.execute(alter.values(attempts=3))
    assert [each.last_error for each in store.webhooks.deliveries(statuses=("dead",))] == ["unreadable"]


def test_what_waits_for_an_endpoint_that_cannot_be_read_is_given_up_by_age(store: SqlStore, endpoint: str) -> None:
    """R-53: the queue is bounded by time whoever has not taken it, and why; what is leased or younger stays."""
    store.webhooks.add(endpoint_row("b"), beside=NOTHING)
    with store._writing.begin() as connection:
        connection.execute(update(tables.endpoint).where(tables.endpoint.c.id == "b").values(created_at=1 << 62))
    happen(store, 2, before=timedelta(days=11))
    happen(store, 1, before=timedelta(days=9))
    assert len(claimed(store)) == 3
    limits = {"before": NOW - timedelta(days=10), "now": NOW, "error": "too_old"}

    assert store.webhooks.let_go(**limits, limit=1) == 1  # type: ignore[arg-type]
    assert store.webhooks.let_go(**limits, limit=9) == 1  # type: ignore[arg-type]
    assert store.webhooks.let_go(**limits, limit=9) == 0  # type: ignore[arg-type]
    assert {(each.endpoint_id, each.last_error) for each in store.webhooks.deliveries(statuses=("dead",))} == {
        ("b", "too_old")
    }
    assert store.webhooks.unreadable() == ["b"]


def test_looking_for_what_is_old_takes_no_lock(store: SqlStore, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While there is none, nobody who writes waits for it."""
    tried_long_ago(store)
    begun: list[Any] = []
    change = store._writer.change

    def counted(work: Any, *rest: Any) -> int:
        begun.append(work)
        return change(work, *rest)

    monkeypatch.setattr(store._writer, "change", counted)
    assert store.webhooks.give_up(before=NOW - timedelta(days=7), now=NOW, error="too_old", limit=10) == 0
    assert store.webhooks.let_go(before=NOW - timedelta(days=7), now=NOW, error="too_old", limit=10) == 0
    assert store.webhooks.mend(now=NOW, limit=10) == 0
    assert store.webhooks.prune(before=NOW, limit=10) == 0
    assert store.events.prune(before=NOW - timedelta(days=7)) == 0
    assert begun == []

    assert store.webhooks.give_up(before=NOW, now=NOW, error="too_old", limit=10) == 2
    assert len(begun) == 1
