"""The store's contract for events, the same on every database."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text, update

from grantkeeper.model import Event
from grantkeeper.store import SqlStore, tables
from grantkeeper.store.records.events import write
from store.made import NOW

EVENT = Event(
    kind="grant.accounts_changed",
    at=NOW,
    grant_id="g1",
    owner="acmé",
    client="google-ads",
    data={"said": "ü", "n": [1]},
)


def test_events_come_back_as_they_were_in_the_order_of_writing(store: SqlStore) -> None:
    """Every member; positions count, and `after` goes on where one stopped."""
    for number in range(5):
        store.events.add(dataclasses.replace(EVENT, at=NOW - timedelta(days=number)))
    found = store.events.read(limit=3)
    rest = store.events.read(after=found[-1].position)
    assert [each.position for each in (*found, *rest)] == [1, 2, 3, 4, 5]
    assert dataclasses.replace(found[0], id=0, position=0) == EVENT
    assert store.events.last() == 5
    assert (len(found), len(rest)) == (3, 2)


def test_events_are_found_by_owner_and_client(store: SqlStore) -> None:
    """A key that is restricted sees its own only, and nothing when it may see none."""
    for owner, client in (("a", "x"), ("b", "x"), ("a", "y"), ("", "x")):
        store.events.add(dataclasses.replace(EVENT, owner=owner, client=client))

    assert len(store.events.read(owners=["a"])) == 2
    assert len(store.events.read(owners=["a", "b"], clients=["x"])) == 2
    assert store.events.read(owners=[]) == []


@pytest.mark.parametrize("writers", [6])
def test_a_reader_that_goes_by_positions_misses_no_event(store: SqlStore, writers: int) -> None:
    """R-53: each event once and in order, though transactions take their time and are not committed as begun."""
    each, done = 20, threading.Event()
    seen: list[Event] = []

    def write_slowly(number: int) -> None:
        rng = random.Random(number)
        for count in range(each):
            event = dataclasses.replace(EVENT, grant_id=f"g{number}", data={"count": count})

            def work(connection: Connection, event: Event = event) -> int:
                write(connection, event)
                time.sleep(rng.random() / 200)  # the transaction is open, and its event's id is given
                return 1

            store._written(work)

    def read_on() -> None:
        last = False
        while not last:
            last = done.is_set()
            while found := store.events.read(after=seen[-1].position if seen else 0, limit=7):
                seen.extend(found)

    with ThreadPoolExecutor(writers + 2) as pool:
        readers = [pool.submit(read_on)]
        written = [pool.submit(write_slowly, number) for number in range(writers)]
        for future in written:
            future.result(100)
        done.set()
        for future in readers:
            future.result(100)

    assert [event.position for event in seen] == list(range(1, writers * each + 1))
    for number in range(writers):
        counts = [event.data["count"] for event in seen if event.grant_id == f"g{number}"]
        assert counts == list(range(each))


def test_several_who_number_at_once_give_each_event_one_position(store: SqlStore) -> None:
    """They are alone under the lock of one row; what another has numbered is left alone."""
    for number in range(60):
        store.events.add(dataclasses.replace(EVENT, grant_id=f"g{number}"))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: store.events.read(limit=100), range(8)))

    assert all([event.position for event in each] == list(range(1, 61)) for each in found)


def test_an_event_becomes_a_delivery_of_each_endpoint_that_wants_it_once(store: SqlStore) -> None:
    """R-53: made with the position, in one transaction; disabled endpoints and other kinds get none."""
    row = {"description": "", "reason": "", "data_key": b"k", "sealed": b"s", "created_at": 0, "created_by": "cli"}
    row |= {"url": "https://hooks.example.com", "version": 1}
    wants = {"all": "[]", "some": '["grant.exported"]', "off": "[]", "other": '["grant.revoked"]'}
    with store._writing.begin() as connection:
        for name, kinds in wants.items():
            status = "disabled" if name == "off" else "enabled"
            connection.execute(insert(tables.endpoint).values(id=name, kinds=kinds, status=status, **row))
    store.events.add(EVENT)
    store.events.add(dataclasses.replace(EVENT, kind="grant.exported"))
    store.events.read()
    store.events.read()

    made = store._read(select(tables.delivery.c.endpoint_id, tables.delivery.c.kind))
    assert sorted(map(tuple, made)) == [
        ("all", "grant.accounts_changed"),
        ("all", "grant.exported"),
        ("some", "grant.exported"),
    ]


def test_old_events_are_deleted_once_they_have_a_position(store: SqlStore) -> None:
    """Nobody can still be waiting for one without; what is younger stays."""
    for days in (500, 450, 1):
        store.events.add(dataclasses.replace(EVENT, at=NOW - timedelta(days=days)))
    assert store.events.prune(before=NOW) == 0
    store.events.read()

    assert store.events.prune(before=NOW - timedelta(days=400)) == 2
    assert [event.position for event in store.events.read()] == [3]


def test_events_of_a_clock_that_was_ahead_keep_no_old_one(store: SqlStore) -> None:
    """R-65: they come first, more than one page of them, and stay until they are old themselves."""
    ahead, old = NOW + timedelta(days=1100), NOW - timedelta(days=450)
    values = {"kind": "grant.connected", "grant_id": "g1", "owner": "a", "client": "x", "data": "{}"}
    made = [values | {"at": int(at.timestamp() * 1e6)} for at in (*[ahead] * 30, *[old] * 15, NOW)]
    with store._writing.begin() as connection:
        connection.execute(insert(tables.event), made)
    store.events.settle()
    before = NOW - timedelta(days=400)

    assert [store.events.prune(before=before, limit=10) for _ in range(3)] == [10, 5, 0]
    assert [event.position for event in store.events.read()] == [*range(1, 31), 46]
    assert store.events.prune(before=ahead + timedelta(days=1)) == 31


def test_an_event_whose_time_is_none_keeps_no_old_one(tmp_path: Path) -> None:
    """R-52: SQLite keeps text where a number belongs."""
    with closing(SqlStore(f"sqlite:///{tmp_path / 'grants.sqlite3'}")) as store:
        store.migrate()
        for _ in range(3):
            store.events.add(EVENT)
        store.events.settle()
        with store._writing.begin() as connection:
            connection.execute(text("UPDATE grantkeeper_event SET at = 'x' WHERE id = 1"))

        assert store.events.prune(before=NOW + timedelta(days=1)) == 2
        assert store.events.prune(before=NOW + timedelta(days=1)) == 0


def test_events_are_found_by_grant_and_kind(store: SqlStore) -> None:
    """Both at once, too; what nobody stored finds nothing."""
    store.events.add(EVENT)
    store.events.add(dataclasses.replace(EVENT, grant_id="g2"))
    store.events.add(dataclasses.replace(EVENT, kind="grant.exported"))
    assert len(store.events.read(grant_id="g1")) == 2
    assert len(store.events.read(grant_id="g1", kind="grant.exported")) == 1
    assert store.events.read(kind="\ud800") == []


@pytest.mark.parametrize("data", ["[]", "no", ""])
def test_an_altered_event_is_said_and_stops_nobody(
    store: SqlStore, caplog: pytest.LogCaptureFixture, data: str
) -> None:
    """V-02, R-52: the log names it, once; the others are read, by the page too, and its mark is there."""
    for number in range(5):
        store.events.add(dataclasses.replace(EVENT, grant_id=f"g{number}"))
    store.events.settle()
    with store._writing.begin() as connection:
        connection.execute(update(tables.event).where(tables.event.c.position.in_((1, 2, 5))).values(data=data))

    for _ in range(2):
        assert [event.position for event in store.events.read(limit=1)] == [3]
        assert [event.position for event in store.events.read(after=3, limit=2)] == [4]
    assert [mark.grant_id for mark in store.events.marks(since=2, limit=3)] == ["g1", "g2", "g3"]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 3
    assert all("holds a value of a wrong type. It is left out." in each for each in said)


def test_a_position_that_was_never_given_is_none(store: SqlStore) -> None:
    """R-52: whoever went on from it would miss all that happens from then on."""
    for number in range(4):
        store.events.add(dataclasses.replace(EVENT, grant_id=f"g{number}"))
    store.events.settle()
    with store._writing.begin() as connection:
        connection.execute(update(tables.event).where(tables.event.c.position == 2).values(position=1 << 60))

    assert [mark.position for mark in store.events.marks(since=1, limit=9)] == [1, 3, 4]
    assert [event.position for event in store.events.read()] == [1, 3, 4]
    assert store.events.read(after=4) == []
