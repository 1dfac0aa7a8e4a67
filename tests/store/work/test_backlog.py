"""A backlog, the same on every database: what a claim reads follows what it takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import insert

from grantkeeper.model import Claimed
from grantkeeper.store import SqlStore, tables
from grantkeeper.store.records.upkeep.work import A_DAY
from grantkeeper.store.rows import grant_values, instant
from store.made import NOW, grant_row
from store.work.reading import read_by

DAY = timedelta(days=1)
ADS = "google-ads"


def fall_due(store: SqlStore, prefix: str, count: int) -> None:
    """Add grants that are due since yesterday, and were used before that."""
    used = instant(NOW - 3 * DAY)
    base = grant_values(grant_row()) | {"sharing": None, "used_at": used, "used_on": used // A_DAY}
    due = instant(NOW - DAY)
    rows = [
        base | {"id": f"{prefix}{number}", "owner": f"{prefix}{number}", "due_at": due + number}
        for number in range(count)
    ]

    def add(connection: Any) -> int:
        connection.execute(insert(tables.grant), rows)
        return count

    store._written(add)
    name = store._engine.dialect.name
    told = {"postgresql": "ANALYZE", "sqlite": "PRAGMA optimize"}.get(name, "ANALYZE TABLE grantkeeper_grant")
    with store._engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(sqlalchemy.text(told))


def claim(store: SqlStore, limit: int = 4) -> Claimed:
    """Claim some."""
    return store.work.claim(ADS, now=NOW, until=NOW + timedelta(minutes=5), limit=limit, used_since=NOW - DAY)


def test_what_a_claim_reads_follows_what_it_takes_not_what_is_due(store: SqlStore) -> None:
    """After days of downtime everything is due: a pass over 1,000 reads no more than one over 30."""
    fall_due(store, "few", 30)
    few = read_by(store, lambda: claim(store))
    fall_due(store, "many", 1000)
    many = read_by(store, lambda: claim(store))

    assert few > 0
    assert many <= 1.5 * few + 8, (few, many)


def test_what_is_used_now_does_not_wait_behind_a_backlog(store: SqlStore) -> None:
    """R-50: it is taken first, though thousands are due before it."""
    fall_due(store, "old", 300)
    store.insert_grant(grant_row(id="used", owner="used"))
    store.work.put({"used": NOW})
    store.work.note_used({"used": NOW}, hasten={})

    assert [each.row.grant.id for each in claim(store).grants] == ["used", "old0", "old1", "old2"]
