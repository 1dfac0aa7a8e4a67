"""The store's contract for what is due, the same on every database."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import DBAPIError

from grantkeeper.model import Beside, DueGrant, Event, GrantStatus
from grantkeeper.store import SqlStore, tables
from grantkeeper.store.rows import grant_values, instant
from store.made import NOW, grant_row

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
UNTIL = NOW + timedelta(minutes=5)
ADS = "google-ads"
WHEN: dict[str, Any] = {"now": NOW, "until": UNTIL, "used_since": NOW - DAY}


def row(store: SqlStore, name: str, *, due: datetime | None, used: datetime | None = None, **changes: Any) -> None:
    """Keep a grant that is due then."""
    store.insert_grant(grant_row(id=name, owner=name, **changes))
    if due is not None:
        store.work.put({name: due})
    if used is not None:
        store.work.note_used({name: used}, hasten={})


def claimed(store: SqlStore, *, limit: int = 100, client: str = ADS, **when: Any) -> list[str]:
    """Claim, and return the ids in order."""
    taken = store.work.claim(client, **(WHEN | when), limit=limit)
    return [each.row.grant.id for each in taken.grants]


def one(store: SqlStore, **when: Any) -> DueGrant:
    """Claim the one grant that is due."""
    (found,) = store.work.claim(ADS, **(WHEN | when), limit=100).grants
    return found


def test_what_is_due_is_claimed_the_earliest_first(store: SqlStore) -> None:
    """R-50: who needs it soonest comes first."""
    row(store, "late", due=NOW)
    row(store, "never", due=None)
    row(store, "early", due=NOW - HOUR)
    row(store, "future", due=NOW + timedelta(microseconds=1))

    assert claimed(store, limit=1) == ["early"]
    assert claimed(store) == ["late"]


def test_what_was_never_scheduled_is_scheduled_first(store: SqlStore) -> None:
    """A row of an older version is not forgotten, and not due at once together with all others of it."""
    row(store, "never", due=None)
    row(store, "over", due=None, status=GrantStatus.REVOKED)
    row(store, "known", due=NOW + HOUR)

    assert [each.row.grant.id for each in store.work.unscheduled(ADS, limit=10).grants] == ["never"]
    store.work.first({"never": NOW, "known": NOW})
    assert len(store.work.unscheduled(ADS, limit=10)) == 0
    assert claimed(store) == ["never"]


def test_a_claimed_grant_is_nobody_elses_until_its_time_is_up(store: SqlStore) -> None:
    """R-57: a worker that was killed gives its claims back by the clock."""
    row(store, "g", due=NOW)

    assert claimed(store) == ["g"]
    assert claimed(store, now=UNTIL - timedelta(seconds=1)) == []
    assert claimed(store, now=UNTIL) == ["g"]


def test_only_active_grants_of_the_client_are_claimed(store: SqlStore) -> None:
    """Nobody renews what is over, what waits for a confirmation, or what another application is configured for."""
    for status in GrantStatus:
        row(store, f"{status}", due=NOW, status=status)
    row(store, "other", due=NOW, client="ad-manager")

    assert claimed(store) == ["active"]
    assert claimed(store, client="nobody's") == []


def test_used_grants_are_claimed_first(store: SqlStore) -> None:
    """R-50: when much is due at once, what somebody uses comes first, by the day; a clock ahead does no harm."""
    row(store, "unused", due=NOW - 3 * HOUR)
    row(store, "long ago", due=NOW - 2 * HOUR, used=NOW - 3 * DAY)
    row(store, "used", due=NOW, used=NOW - HOUR)
    row(store, "used, earlier", due=NOW - HOUR, used=NOW)
    row(store, "yesterday", due=NOW - 2 * HOUR, used=NOW - DAY)
    row(store, "tomorrow", due=NOW, used=NOW + DAY)

    assert claimed(store, limit=3) == ["tomorrow", "used, earlier", "used"]
    assert claimed(store, limit=2) == ["yesterday", "unused"]
    assert claimed(store) == ["long ago"]


def test_an_altered_row_is_claimed_and_named_and_stops_no_other(store: SqlStore) -> None:
    """R-52: one bad row among others."""
    row(store, "bad", due=NOW - HOUR)
    row(store, "good", due=NOW)
    store._written(
        lambda connection: (
            connection.execute(
                update(tables.grant).where(tables.grant.c.id == "bad").values(consented_at=2**62)
            ).rowcount
        )
    )

    taken = store.work.claim(ADS, **WHEN, limit=10)

    assert ([each.row.grant.id for each in taken.grants], taken.unreadable) == (["good"], ("bad",))
    assert claimed(store) == []


@pytest.mark.parametrize("ident", [b"\xff", "a\0b"], ids=["no text", "a text that is not searched for"])
def test_a_row_that_no_name_leads_to_is_in_nobodys_way(store: SqlStore, ident: Any) -> None:
    """R-52: it is claimed and named once a day, and scheduled like others. On PostgreSQL each id is a name."""
    row(store, "bad", due=NOW - HOUR)
    row(store, "good", due=NOW)
    _rename(store, "bad", ident)
    if store._engine.dialect.name == "postgresql":
        assert len(claimed(store)) == 2
        return

    assert [len(store.work.claim(ADS, **WHEN, limit=1)) for _ in range(3)] == [1, 1, 0]
    assert claimed(store, now=NOW + DAY - HOUR, until=NOW + 2 * DAY) == ["good"]
    assert len(store.work.claim(ADS, **(WHEN | {"now": NOW + DAY}), limit=9)) == 1


@pytest.mark.parametrize("ident", [b"\xff", "a\0b"], ids=["no text", "a text that is not searched for"])
def test_what_no_name_leads_to_is_scheduled_once(store: SqlStore, ident: Any) -> None:
    """R-52: whoever schedules what never was comes to an end."""
    row(store, "bad", due=None)
    _rename(store, "bad", ident)

    never = store.work.unscheduled(ADS, limit=10)
    assert len(never) == 1
    store.work.first(dict.fromkeys([*never.unreadable, *(each.row.grant.id for each in never.grants)], NOW))
    assert len(store.work.unscheduled(ADS, limit=10)) == 0
    assert len(store.work.claim(ADS, **WHEN, limit=10)) == 1


def _rename(store: SqlStore, name: str, ident: Any) -> None:
    """Let somebody write another id into a row, as it is and not as we would write it."""
    with suppress(DBAPIError), store._writing.begin() as connection:
        sign = "?" if store._engine.dialect.name == "sqlite" else "%s"
        connection.exec_driver_sql(f"UPDATE grantkeeper_grant SET id = {sign} WHERE id = '{name}'", (ident,))


def test_each_grant_is_claimed_by_one_of_many(store: SqlStore) -> None:
    """One worker sweep does each job once: no row is given out twice, none is left out."""
    names = [f"g{number:03}" for number in range(60)]
    for name in names:
        row(store, name, due=NOW)
    taken: list[list[str]] = [[] for _ in range(4)]
    together = threading.Barrier(4)

    def work(mine: list[str]) -> None:
        together.wait(10)
        while got := claimed(store, limit=7):
            mine.extend(got)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in taken]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    # A worker that found every row locked by others may stop early; what it left is taken by the next round.
    everything = sorted(sum(taken, claimed(store)))

    assert everything == names


def test_what_was_scheduled_is_due_then_and_says_what_was_done(store: SqlStore) -> None:
    """The next claim knows when it was checked and warned."""
    row(store, "g", due=NOW)

    assert store.work.schedule(one(store), due_at=NOW + HOUR, checked_at=NOW, warned_at=NOW)

    again = one(store, now=NOW + HOUR, until=NOW + 2 * HOUR)
    assert (again.due_at, again.checked_at, again.warned_at, again.used_at) == (NOW + HOUR, NOW, NOW, None)


def test_two_who_claimed_the_same_grant_check_it_once(store: SqlStore) -> None:
    """A claim that outlived its time changes nothing any more, and its event is not written."""
    row(store, "g", due=NOW)
    slow = one(store)
    quick = one(store, now=UNTIL, until=UNTIL + HOUR)
    event = Event(kind="grant.cap_near", at=NOW, grant_id="g", owner="g", client=ADS)

    assert store.work.schedule(quick, due_at=NOW + DAY, checked_at=UNTIL, beside=Beside(events=(event,)))
    assert not store.work.schedule(slow, due_at=NOW + HOUR, checked_at=NOW, beside=Beside(events=(event,)))
    assert len(store.events.read(kind="grant.cap_near")) == 1
    assert claimed(store, now=NOW + HOUR) == []


def test_who_uses_a_grant_meanwhile_decides_when_it_is_due(store: SqlStore) -> None:
    """The worker, which saw it unused, does not put it off for a day."""
    row(store, "g", due=NOW)
    seen = one(store)
    store.work.note_used({"g": NOW}, hasten={"g": NOW + timedelta(minutes=2)})

    assert store.work.schedule(seen, due_at=NOW + DAY, checked_at=NOW)
    assert claimed(store, now=NOW + timedelta(minutes=2)) == ["g"]


def test_use_brings_forward_what_was_not_used_for_a_day_and_nothing_else(store: SqlStore) -> None:
    """`hasten` never puts anything off, and does not touch what is renewed ahead already."""
    row(store, "unused", due=NOW + DAY)
    row(store, "used", due=NOW + DAY, used=NOW - HOUR)
    row(store, "sooner", due=NOW + timedelta(minutes=1))
    everybody = dict.fromkeys(("unused", "used", "sooner"), NOW)

    store.work.note_used(everybody, hasten=dict.fromkeys(everybody, NOW + HOUR))

    assert claimed(store, now=NOW + timedelta(minutes=1)) == ["sooner"]
    assert claimed(store, now=NOW + HOUR, until=NOW + 2 * HOUR) == ["sooner", "unused"]


def test_an_older_use_does_not_overwrite_a_newer(store: SqlStore) -> None:
    """Processes write down what they saw at their own pace."""
    row(store, "g", due=NOW, used=NOW)
    store.work.note_used({"g": NOW - HOUR, "nobody": NOW}, hasten={})

    assert one(store).used_at == NOW


def test_which_of_many_are_unchanged_is_read_at_once(store: SqlStore) -> None:
    """A name that no id can be is nobody's."""
    for name in ("g", "h"):
        row(store, name, due=None)
    found = store.grant("g")
    assert found is not None

    version = found.grant.version
    assert store.work.unchanged({}) == set()
    assert store.work.unchanged({"g": version, "h": version}) == {"g", "h"}
    assert store.work.unchanged({"g": version, "h": version - 1}) == {"g"}
    odd = {"nobody": version, "é" * 100: version, "": version}
    assert store.work.unchanged({"g": version, "h": version, **odd}) == {"g", "h"}


def test_a_due_time_beyond_all_is_forgotten(store: SqlStore) -> None:
    """R-65: a clock that was years ahead must not let a grant be forgotten for years."""
    row(store, "g", due=NOW + 400 * DAY)
    row(store, "soon", due=NOW + HOUR)

    assert store.work.mend((ADS,), after=NOW + 8 * DAY) == 1
    assert store.work.mend((ADS,), after=NOW + 8 * DAY) == 0
    assert [each.row.grant.id for each in store.work.unscheduled(ADS, limit=10).grants] == ["g"]


def test_waiting_counts_what_is_due_and_since_when(store: SqlStore) -> None:
    """For the dashboard and the metrics."""
    assert store.work.waiting((ADS,), now=NOW) == (0, None)
    row(store, "a", due=NOW - HOUR)
    row(store, "b", due=NOW)
    row(store, "c", due=NOW + HOUR)
    row(store, "d", due=NOW - 2 * HOUR, client="ad-manager")

    assert store.work.waiting((ADS,), now=NOW) == (2, NOW - HOUR)
    assert store.work.waiting((ADS, "ad-manager"), now=NOW) == (3, NOW - 2 * HOUR)


@pytest.mark.slow
def test_what_a_claim_costs_follows_what_is_due_not_what_exists(store: SqlStore) -> None:
    """Ten grants due among 100,000 that are not are found as fast as ten among twenty; and so is that nothing is."""
    few = _fill(store, 20)
    before = _costs(store)
    _fill(store, 100_000)
    after = _costs(store)

    assert few == 20
    assert after < 5 * before + 0.005, (before, after)


def _fill(store: SqlStore, count: int) -> int:
    """Add grants that are due tomorrow."""
    base, due = grant_values(grant_row()), instant(NOW + DAY)
    rows = [
        base | {"id": f"{count}-{number}", "owner": f"{count}-{number}", "due_at": due + number, "sharing": None}
        for number in range(count)
    ]

    def add(connection: Any) -> int:
        for first in range(0, count, 5000):
            connection.execute(insert(tables.grant), rows[first : first + 5000])
        return count

    return store._written(add)


def _costs(store: SqlStore) -> float:
    """Return the seconds of the quickest of some claims of ten due grants, with one claim that finds nothing."""
    names = [f"20-{number}" for number in range(10)]
    times = []
    for _ in range(7):
        store.work.put(dict.fromkeys(names, NOW))
        began = time.perf_counter()
        assert len(claimed(store)) == 10
        assert claimed(store) == []
        assert store.work.waiting((ADS,), now=NOW) == (0, None)
        times.append(time.perf_counter() - began)
    return min(times)
