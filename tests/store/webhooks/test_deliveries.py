"""The store's contract for deliveries, the same on every database."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from grantkeeper.model import NOTHING, Beside, Delivery, Due, Event
from grantkeeper.store import SqlStore, tables
from grantkeeper.webhooks import LEASE, LEASES
from store.made import NOW, endpoint_row, event

TOLD = Event(kind="grant.exported", at=NOW, grant_id="told", owner="", client="")


@pytest.fixture
def endpoint(store: SqlStore) -> str:
    """The id of an endpoint that wants everything."""
    store.webhooks.add(endpoint_row("a"), beside=NOTHING)
    return "a"


def happen(store: SqlStore, count: int = 1, *, before: timedelta = timedelta()) -> None:
    """Write events, and give them their positions."""
    for number in range(count):
        store.events.add(event(grant_id=f"g{number}", at=NOW - before))
    store.events.settle()


def claimed(store: SqlStore, *, limit: int = 10, later: timedelta = timedelta()) -> list[Due]:
    """Claim what is due of every endpoint that is ready."""
    now = NOW + later
    rows = store.webhooks.ready(now=now)
    return [due for row in rows for due in store.webhooks.claim(row, now=now, leases=LEASES, limit=limit)]


def delivered(delivery: Delivery) -> Delivery:
    """Return it as it is after it was taken."""
    return replace(
        delivery,
        status="delivered",
        attempts=delivery.attempts + 1,
        due_at=None,
        delivered_at=NOW,
        last_status=204,
        last_error="",
    )


def failed(delivery: Delivery, *, again: timedelta | None = timedelta(seconds=5)) -> Delivery:
    """Return it as it is after it was refused; `again` None: for good."""
    return replace(
        delivery,
        status="waiting" if again else "dead",
        attempts=delivery.attempts + 1,
        due_at=NOW + again if again else None,
        last_status=500,
        last_error="status",
    )


def test_a_claim_brings_everything_that_a_delivery_needs(store: SqlStore, endpoint: str) -> None:
    """The event as it was read, the endpoint's row, and until when it is the claimer's."""
    happen(store)
    (due,) = claimed(store)

    assert due.event == store.events.read()[0]
    assert due.row == store.webhooks.get(endpoint)
    assert due.delivery.due_at == NOW + LEASE
    assert (due.delivery.status, due.delivery.attempts, due.delivery.event_id) == ("waiting", 0, due.event.id)


def test_each_delivery_is_claimed_by_one_of_many(store: SqlStore, endpoint: str) -> None:
    """R-53: as many workers as there are, none posts what another one posts now."""
    happen(store, 60)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: claimed(store, limit=7), range(24)))
    while rest := claimed(store):
        found.append(rest)

    taken = Counter(due.delivery.id for each in found for due in each)
    assert set(taken.values()) == {1}
    assert len(taken) == 60


def test_what_a_killed_worker_had_claimed_is_due_again(store: SqlStore, endpoint: str) -> None:
    """The lease ends; who comes back late writes nothing over it, unless it was delivered."""
    happen(store)
    (first,) = claimed(store)
    assert claimed(store) == []
    (second,) = claimed(store, later=LEASE)

    assert not store.webhooks.end(first.delivery, failed(first.delivery, again=None), now=NOW)
    assert store.webhooks.deliveries()[0] == replace(second.delivery, attempts=2)  # both may have posted it
    assert store.webhooks.end(first.delivery, delivered(first.delivery), now=NOW)
    assert not store.webhooks.end(second.delivery, failed(second.delivery), now=NOW)
    assert store.webhooks.deliveries()[0].status == "delivered"


def test_a_delivery_that_failed_is_due_when_it_says(store: SqlStore, endpoint: str) -> None:
    """Its endpoint fails since then and is held; one that succeeds ends both."""
    happen(store)
    (due,) = claimed(store)
    hold = NOW + timedelta(minutes=1)
    assert store.webhooks.end(due.delivery, failed(due.delivery), now=NOW, held_until=hold)
    found = store.webhooks.get(endpoint)
    assert found is not None
    assert (found.endpoint.failing_since, found.endpoint.held_until) == (NOW, hold)

    assert claimed(store, later=timedelta(seconds=59)) == []
    (again,) = claimed(store, later=timedelta(minutes=1))
    assert (again.delivery.attempts, again.delivery.last_status, again.delivery.last_error) == (1, 500, "status")
    store.webhooks.end(again.delivery, failed(again.delivery), now=NOW + timedelta(minutes=1))
    still = store.webhooks.get(endpoint)
    assert still is not None
    assert (still.endpoint.failing_since, still.endpoint.held_until) == (NOW, None)
    (last,) = claimed(store, later=timedelta(minutes=2))
    store.webhooks.end(last.delivery, delivered(last.delivery), now=NOW + timedelta(minutes=2))
    mended = store.webhooks.get(endpoint)
    assert mended is not None
    assert (mended.endpoint.failing_since, mended.endpoint.delivered_at) == (None, NOW + timedelta(minutes=2))


def test_an_endpoint_is_disabled_once_and_gets_nothing_more(store: SqlStore, endpoint: str) -> None:
    """What goes with it is written once; what waits for it is not claimed, and comes when it is enabled again."""
    happen(store, 3)
    first, second, _ = claimed(store)
    for due in (first, second):
        store.webhooks.end(
            due.delivery, failed(due.delivery, again=None), now=NOW, disable="gone", beside=Beside(events=(TOLD,))
        )
    found = store.webhooks.get(endpoint)
    assert found is not None
    assert (found.endpoint.status, found.endpoint.reason, found.endpoint.version) == ("disabled", "gone", 2)
    assert claimed(store, later=LEASE) == []
    assert len(store.events.read(grant_id="told")) == 1
    happen(store)
    assert len(store.webhooks.deliveries()) == 3

    enabled = replace(found, endpoint=replace(found.endpoint, status="enabled", version=3))
    store.webhooks.save(enabled, expected_version=2, beside=NOTHING)
    assert len(claimed(store, later=LEASE)) == 1


def test_an_event_that_cannot_be_read_stops_no_other(store: SqlStore, endpoint: str) -> None:
    """R-52: its delivery is dead, and says why; so is that of an event which is gone."""
    happen(store, 3)
    event_ids = sorted(each.event_id for each in store.webhooks.deliveries())
    with store._writing.begin() as connection:
        connection.execute(update(tables.event).where(tables.event.c.id == event_ids[0]).values(data="[]"))
        connection.execute(tables.event.delete().where(tables.event.c.id == event_ids[1]))

    assert [due.event.id for due in claimed(store)] == event_ids[2:]
    dead = store.webhooks.deliveries(statuses=("dead",))
    assert [(each.event_id, each.last_error) for each in dead] == [
        (event_ids[1], "unreadable"),
        (event_ids[0], "unreadable"),
    ]


def test_deliveries_are_found_newest_first(store: SqlStore, endpoint: str) -> None:
    """By endpoint, event and status, page by page."""
    store.webhooks.add(endpoint_row("b"), beside=NOTHING)
    happen(store, 3)
    everything = store.webhooks.deliveries()
    assert [each.id for each in everything] == sorted((each.id for each in everything), reverse=True)
    assert len(everything) == 6

    assert store.webhooks.deliveries(before=everything[1].id, limit=2) == everything[2:4]
    assert len(store.webhooks.deliveries(endpoint_id="b")) == 3
    assert len(store.webhooks.deliveries(event_id=everything[0].event_id)) == 2
    assert store.webhooks.deliveries(statuses=("dead",)) == []
    assert store.webhooks.deliveries(endpoint_id="\ud800") == []


def test_dead_deliveries_are_replayed_from_the_beginning(store: SqlStore, endpoint: str) -> None:
    """All that are dead, or one whatever became of it; of no other endpoint."""
    happen(store, 3)
    first, second, third = claimed(store)
    for due in (first, second):
        store.webhooks.end(due.delivery, failed(due.delivery, again=None), now=NOW)
    store.webhooks.end(third.delivery, delivered(third.delivery), now=NOW)
    one = third.delivery.id

    later = NOW + timedelta(days=1)
    assert store.webhooks.replay(endpoint_id="b", now=later, beside=Beside(events=(TOLD,))) == 0
    assert store.webhooks.replay(endpoint_id="b", now=later, delivery_id=one, beside=NOTHING) == 0
    assert store.webhooks.replay(endpoint_id=endpoint, now=later, beside=Beside(events=(TOLD,))) == 2
    assert store.webhooks.replay(endpoint_id=endpoint, now=later, delivery_id=one, beside=NOTHING) == 1
    assert len(store.events.read(grant_id="told")) == 1
    again = claimed(store, later=timedelta(days=1))
    tried = {due.delivery.id: due.delivery.attempts for due in again}
    assert [tried[due.delivery.id] for due in (first, second, third)] == [0, 0, 0]


def test_what_nobody_takes_is_given_up_and_what_ended_is_deleted(store: SqlStore, endpoint: str) -> None:
    """R-53: the queue is bounded by time; what is younger stays, and what was not tried yet where it can be."""
    happen(store, 2, before=timedelta(days=6))
    happen(store, 1)
    limits = {"before": NOW - timedelta(days=5), "now": NOW, "error": "too_old"}
    assert store.webhooks.give_up(**limits, limit=1) == 0  # type: ignore[arg-type]
    row = store.webhooks.get(endpoint)
    assert row is not None
    off = replace(row, endpoint=replace(row.endpoint, status="disabled"))
    store.webhooks.save(off, expected_version=row.endpoint.version, beside=NOTHING)
    assert store.webhooks.give_up(**limits, limit=1) == 1  # type: ignore[arg-type]
    assert store.webhooks.give_up(**limits, limit=10) == 1  # type: ignore[arg-type]
    assert store.webhooks.give_up(**limits, limit=10) == 0  # type: ignore[arg-type]
    assert [each.status for each in store.webhooks.deliveries()] == ["waiting", "dead", "dead"]

    assert store.webhooks.prune(before=NOW, limit=10) == 0
    assert store.webhooks.prune(before=NOW + timedelta(days=30), limit=10) == 2
    assert [each.last_error for each in store.webhooks.deliveries()] == [""]
