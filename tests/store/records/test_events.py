"""The store's contract for events, the same on every database."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from sqlalchemy import update

from grantkeeper.errors import SealBroken
from grantkeeper.model import Event
from grantkeeper.store import SqlStore, tables
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
    """Every member; ids grow, and `after` goes on where one stopped."""
    for number in range(5):
        store.events.add(dataclasses.replace(EVENT, at=NOW - timedelta(days=number)))
    found = store.events.read(limit=3)
    rest = store.events.read(after=found[-1].id)
    assert [each.id for each in (*found, *rest)] == sorted({each.id for each in (*found, *rest)})
    assert dataclasses.replace(found[0], id=0) == EVENT
    assert (len(found), len(rest)) == (3, 2)


def test_events_are_found_by_grant_and_kind(store: SqlStore) -> None:
    """Both at once, too; what nobody stored finds nothing."""
    store.events.add(EVENT)
    store.events.add(dataclasses.replace(EVENT, grant_id="g2"))
    store.events.add(dataclasses.replace(EVENT, kind="grant.exported"))
    assert len(store.events.read(grant_id="g1")) == 2
    assert len(store.events.read(grant_id="g1", kind="grant.exported")) == 1
    assert store.events.read(kind="\ud800") == []


@pytest.mark.parametrize("data", ["[]", "no", ""])
def test_an_altered_event_is_said(store: SqlStore, data: str) -> None:
    """V-02: an event that cannot be read stops who reads, by name; it is not left out in silence."""
    store.events.add(EVENT)
    with store._writing.begin() as connection:
        connection.execute(update(tables.event).values(data=data))
    with pytest.raises(SealBroken, match="holds a value of a wrong type"):
        store.events.read()
