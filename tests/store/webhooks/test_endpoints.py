"""The store's contract for webhook endpoints, the same on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from grantkeeper.errors import Conflict, SealBroken
from grantkeeper.model import NOTHING, Beside, Event
from grantkeeper.store import SqlStore, tables
from store.made import NOW, endpoint_row, event

TOLD = Event(kind="grant.exported", at=NOW, grant_id="told", owner="", client="")


def test_an_endpoint_comes_back_as_it_was(store: SqlStore) -> None:
    """Every member, by id and among all, oldest first."""
    full = endpoint_row("a", kinds=frozenset({"grant.revoked", "link.opened"}), description="ü", reason="why " * 100)
    full = replace(full, endpoint=replace(full.endpoint, status="disabled", failing_since=NOW, held_until=NOW))
    older = endpoint_row("b", created_at=NOW - timedelta(days=1))
    for row in (full, older):
        store.webhooks.add(row, beside=NOTHING)

    assert store.webhooks.get("a") == full
    assert store.webhooks.all() == [older, full]
    assert store.webhooks.get("\ud800") is None


def test_who_saves_an_endpoint_second_is_told(store: SqlStore) -> None:
    """Compare-and-swap: what goes with the change is written with it, or not at all."""
    row = endpoint_row("a")
    store.webhooks.add(row, beside=NOTHING)
    changed = replace(row, endpoint=replace(row.endpoint, url="https://b.example.com", version=2))
    store.webhooks.save(changed, expected_version=1, beside=Beside(events=(TOLD,)))
    with pytest.raises(Conflict, match="changed this endpoint first"):
        store.webhooks.save(changed, expected_version=1, beside=Beside(events=(TOLD,)))

    assert store.webhooks.get("a") == changed
    assert len(store.events.read(grant_id="told")) == 1


def test_an_endpoint_that_is_removed_takes_its_deliveries_along(store: SqlStore) -> None:
    """However many they are; those of others stay. A second time there is nothing to remove."""
    for name in ("a", "b"):
        store.webhooks.add(endpoint_row(name), beside=NOTHING)
    for _ in range(1200):
        store.events.add(event())
    store.events.settle()

    assert store.webhooks.remove("a", beside=Beside(events=(TOLD,)))
    assert not store.webhooks.remove("a", beside=Beside(events=(TOLD,)))
    left = select(tables.delivery.c.endpoint_id, func.count()).group_by(tables.delivery.c.endpoint_id)
    assert [tuple(row) for row in store._read(left)] == [("b", 1200)]
    assert len(store.events.read(grant_id="told")) == 1


@pytest.mark.parametrize(("column", "value"), [("kinds", "{}"), ("status", "odd"), ("created_at", 1 << 62)])
def test_an_altered_endpoint_is_said(store: SqlStore, column: str, value: object) -> None:
    """V-02: what cannot be read is named."""
    store.webhooks.add(endpoint_row("a"), beside=NOTHING)
    with store._writing.begin() as connection:
        connection.execute(update(tables.endpoint).values({column: value}))
    with pytest.raises(SealBroken, match="The endpoint a holds a value of a wrong type"):
        store.webhooks.get("a")


def test_an_endpoint_whose_kinds_were_altered_stops_nobody_else(store: SqlStore) -> None:
    """R-52: events get their positions, and the others their deliveries."""
    for name in ("a", "b"):
        store.webhooks.add(endpoint_row(name), beside=NOTHING)
    with store._writing.begin() as connection:
        connection.execute(update(tables.endpoint).where(tables.endpoint.c.id == "a").values(kinds="[1"))
    store.events.add(event())

    assert len(store.events.read()) == 1
    assert [each.endpoint_id for each in store.webhooks.deliveries()] == ["b"]
