"""Walking and reading the log while others write it, and past entries that somebody altered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from audit.test_chain import AUDIT, change, store_of, write
from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from grantkeeper.store import tables
from grantkeeper.testing import consent

IDA = "ida@nordwind-outdoor.example"


def alter(keeper: Keeper, number: int, column: str, value: object) -> None:
    """Alter one value of an entry."""
    statement = update(tables.audit).where(AUDIT.number == number).values({column: value})
    change(keeper, lambda connection: connection.execute(statement))


def meanwhile(keeper: Keeper, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> list[int]:
    """Do this before each page of a walk; returns how many pages that were, which grows."""
    audit, pages = store_of(keeper).audit, [0]
    chain = audit.chain

    def read(**given: Any) -> Any:
        pages[0] += 1
        assert pages[0] < 50, "it goes round and round"
        work()
        return chain(**given)

    monkeypatch.setattr(audit, "chain", read)
    return pages


def test_a_log_that_always_grows_is_walked_to_an_end(stored: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-53: what there was when it began is checked, however fast others write."""
    monkeypatch.setattr("grantkeeper.keeper.audit.verifying.PAGE", 2)
    write(stored, 4)
    pages = meanwhile(stored, monkeypatch, lambda: write(stored, 1))
    report = stored.audit.verify()

    assert (report.ok, report.checked, report.head.number) == (True, 4, 4)
    assert pages[0] == 2 + 1  # the four, and the two that came meanwhile


def test_who_is_erased_during_a_walk_is_no_damage(
    stored: Keeper, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V-66: the entry that says so stands behind those that were there when it began."""
    monkeypatch.setattr("grantkeeper.keeper.audit.verifying.PAGE", 2)
    consent(stored, emulator, "acme", IDA)
    write(stored, 4)
    pages = meanwhile(stored, monkeypatch, lambda: stored.erase("acme") if pages[0] == 1 else None)

    assert stored.audit.verify().ok
    assert stored.audit.verify().ok
    alter(stored, 3, "owner", "globex")
    assert not stored.audit.verify().ok


@pytest.mark.parametrize(("column", "value"), [("data", "x"), ("data", "[]"), ("personal", "x"), ("at", 1 << 62)])
def test_an_altered_entry_is_shown_as_one_and_stops_nobody(
    stored: Keeper, caplog: pytest.LogCaptureFixture, column: str, value: object
) -> None:
    """R-52, V-66: read, exported and verified; an export that left it out would hide that it was there."""
    write(stored, 5)
    for number in (2, 5):
        alter(stored, number, column, value)

    found = stored.audit.read(limit=5)
    assert [(each.number, each.unreadable, each.action) for each in found] == [
        (1, False, "grant.revoke"),
        (2, True, "unreadable"),
        (3, False, "grant.revoke"),
        (4, False, "grant.revoke"),
        (5, True, "unreadable"),
    ]
    assert (found[1].target, found[1].owner, found[1].data, found[1].personal) == ("grant:1", "acme", {}, {})
    exported = list(stored.audit.export())
    assert [each["unreadable"] for each in exported] == [False, True, False, False, True]
    assert exported[1]["mac"]
    assert [each.number for each in stored.audit.read(newest_first=True, limit=2)] == [5, 4]
    report = stored.audit.verify()
    assert (report.ok, report.number) == (False, 2)
    stored.ready()
    said = [record.getMessage() for record in caplog.records if "audit log" in record.getMessage()]
    assert said == [f"Entry {number} of the audit log cannot be read." for number in (2, 5)]


def test_an_event_that_was_altered_stops_no_erasure(stored: Keeper, emulator: Emulator) -> None:
    """R-52, O-54r: nothing of it stays, for it may name somebody."""
    grant = consent(stored, emulator, "acme", IDA)
    stored.accounts(grant.id)
    kind = "grant.accounts_changed"
    store_of(stored).events.add(
        stored.events()[0].__class__(
            kind=kind, at=stored._now(), grant_id=grant.id, owner="acme", client="google-ads", data={}
        )
    )
    bad = update(tables.event).where(tables.event.c.kind == kind)
    change(stored, lambda connection: connection.execute(bad.values(data=f"{{{IDA}")))

    done = stored.erase("acme")
    assert done.events == 1
    assert [dict(event.data) for event in stored.events(kind=kind)] == [{}]
