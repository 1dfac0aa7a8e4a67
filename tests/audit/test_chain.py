"""Whatever is done to the log by whoever can write the database, `verify` finds it (V-66)."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from audit.conftest import KEYS, Open
from grantkeeper.emulator import Emulator
from grantkeeper.errors import GrantkeeperError, InvalidInput, SealBroken
from grantkeeper.keeper import Keeper
from grantkeeper.keeper.audit.verifying import AuditReport
from grantkeeper.model import AuditEntry, GrantStatus
from grantkeeper.store import SqlStore, tables
from grantkeeper.testing import consent

AUDIT = tables.audit.columns
ENTRIES = 6
IDA = "ida@nordwind-outdoor.example"


def store_of(keeper: Keeper) -> SqlStore:
    """Return the keeper's store."""
    assert isinstance(keeper._store, SqlStore)
    return keeper._store


def change(keeper: Keeper, work: Callable[[Connection], object]) -> None:
    """Change the database as somebody would who has its password."""
    with store_of(keeper)._engine.begin() as connection:
        work(connection)


def write(keeper: Keeper, count: int = ENTRIES, *, owner: str = "acme") -> None:
    """Write some entries, each with something personal."""
    for number in range(count):
        entry = AuditEntry(
            at=keeper._now(),
            actor="program",
            action="grant.revoke",
            target=f"grant:{number}",
            owner=owner,
            data={"n": number},
            personal={"person": IDA},
        )
        keeper._store.audit.add(entry, mac=keeper.audit._parts.mac)


def rows_of(keeper: Keeper) -> list[dict[str, Any]]:
    """Return the log's rows as they are stored."""
    with store_of(keeper)._engine.connect() as connection:
        found = connection.execute(select(tables.audit).order_by(AUDIT.number))
        return [dict(row._mapping) for row in found]


def put_back(keeper: Keeper, rows: list[dict[str, Any]]) -> None:
    """Make the log's rows these."""

    def work(connection: Connection) -> None:
        connection.execute(delete(tables.audit))
        connection.execute(insert(tables.audit), rows)

    change(keeper, work)


def other(value: Any) -> Any:
    """Return a value of the same kind that differs in its last place."""
    if isinstance(value, int):
        return value + 1
    return value[:-1] + ("0" if value[-1:] != "0" else "1")


def test_a_log_that_nobody_touched_is_right(stored: Keeper) -> None:
    """An empty one too; the walk says how long it was."""
    assert stored.audit.verify() == AuditReport(checked=0, head=store_of(stored).audit.head())
    write(stored)
    report = stored.audit.verify()
    assert (report.ok, report.checked, report.head.number) == (True, ENTRIES, ENTRIES)
    assert str(report) == "6 entries, each as it was signed."


def test_no_column_of_no_entry_can_be_altered(stored: Keeper) -> None:
    """V-66: every single value of every row; the first entry that is wrong is named, or the next that it leads to."""
    write(stored)
    good = rows_of(stored)
    for index, row in enumerate(good):
        for name, value in row.items():
            if name == "number":
                continue
            bad = [dict(each) for each in good]
            bad[index][name] = other(value)
            put_back(stored, bad)
            report = stored.audit.verify()
            assert not report.ok, f"{name} of entry {index + 1} was altered and nobody noticed"
            assert report.number in (index + 1, index + 2)
    put_back(stored, good)
    assert stored.audit.verify().ok


def test_json_that_says_the_same_in_other_letters_is_altered(stored: Keeper) -> None:
    """V-66: what was signed are bytes, not what they mean."""
    write(stored, 2)
    change(stored, lambda connection: connection.execute(update(tables.audit).values(data='{"n": 0}')))
    assert stored.audit.verify().problem == "altered"


@pytest.mark.parametrize("gone", range(1, ENTRIES + 1))
def test_no_entry_can_be_deleted(stored: Keeper, gone: int) -> None:
    """V-66: neither by itself nor with the numbers behind it closed up."""
    write(stored)
    change(stored, lambda connection: connection.execute(delete(tables.audit).where(AUDIT.number == gone)))
    report = stored.audit.verify()
    assert (report.problem, report.number) == ("cut" if gone == ENTRIES else "missing", gone)
    rows = rows_of(stored)
    for number, row in enumerate(rows, 1):
        row["number"] = number
    put_back(stored, rows)
    report = stored.audit.verify()
    assert (report.ok, report.number) == (False, gone)


def test_no_two_entries_can_change_places(stored: Keeper) -> None:
    """V-66: each pair, with everything but their numbers."""
    write(stored)
    good = rows_of(stored)
    for first in range(ENTRIES):
        for second in range(first + 1, ENTRIES):
            bad = [dict(each) for each in good]
            bad[first], bad[second] = bad[second] | {"number": first + 1}, bad[first] | {"number": second + 1}
            put_back(stored, bad)
            report = stored.audit.verify()
            assert (report.problem, report.number) == ("altered", first + 1)


def test_nothing_can_be_added(stored: Keeper) -> None:
    """V-66: behind the end, and with the head moved on to it."""
    write(stored)
    rows = rows_of(stored)
    put_back(stored, [*rows, rows[-1] | {"number": ENTRIES + 1}])
    report = stored.audit.verify()
    assert (report.problem, report.number) == ("added", ENTRIES + 1)
    with pytest.raises(SealBroken, match="head of the audit log is gone"):
        change(stored, lambda connection: connection.execute(delete(tables.head)))
        stored.audit.verify()


def test_an_entry_signed_for_another_head_is_found(stored: Keeper) -> None:
    """V-66: an earlier head that is put back lets the next entry be written over what follows it, which shows."""
    write(stored)
    rows = rows_of(stored)

    def work(connection: Connection) -> None:
        connection.execute(
            update(tables.head).where(tables.head.c.name == "audit").values(number=3, mac=rows[2]["mac"])
        )

    change(stored, work)
    assert stored.audit.verify().problem == "added"
    with pytest.raises(GrantkeeperError):
        write(stored, 1)


@pytest.mark.parametrize("left", [0, 1, ENTRIES - 1])
def test_a_cut_end_shows_against_a_head_that_was_kept(stored: Keeper, left: int) -> None:
    """V-66: with the head's row put back too, nothing in the database tells; what was kept elsewhere does."""
    write(stored)
    kept = stored.audit.head()
    rows = rows_of(stored)

    def work(connection: Connection) -> None:
        connection.execute(delete(tables.audit).where(AUDIT.number > left))
        mac = rows[left - 1]["mac"] if left else ""
        connection.execute(update(tables.head).where(tables.head.c.name == "audit").values(number=left, mac=mac))

    change(stored, work)
    assert stored.audit.verify().ok
    report = stored.audit.verify(kept)
    assert (report.problem, report.number) == ("cut", left + 1)
    write(stored)  # written over by entries that are as good as any
    assert stored.audit.verify().ok
    assert stored.audit.verify(kept).problem == "other"


def test_a_head_that_was_kept_fits_a_log_that_grew(stored: Keeper) -> None:
    """And one that was altered, is another's or is no head at all is refused."""
    write(stored, 3)
    kept = stored.audit.head()
    write(stored, 3)
    assert stored.audit.verify(kept).ok
    found = json.loads(kept)
    assert IDA not in kept
    for name, value in found.items():
        with pytest.raises((SealBroken, InvalidInput)):
            stored.audit.verify(json.dumps(found | {name: other(value)}))
    for nothing in ("", "{}", "[]", "x" * 10_000, b"\xff\xfe"):
        with pytest.raises(InvalidInput, match="no head of an audit log"):
            stored.audit.verify(nothing)


def test_after_a_rotation_the_old_key_is_needed(opened: Open) -> None:
    """Entries of before are checked with the key that signed them; without it they are named, and nobody is ready."""
    write(opened(KEYS[0]), 2)
    rotated = opened(*KEYS)
    write(rotated, 2)
    assert rotated.audit.verify().ok
    report = opened(KEYS[1]).audit.verify()
    assert (report.problem, report.number, report.checked) == ("key", 1, 4)
    assert report.unknown_keys[0] in str(report)
    with pytest.raises(SealBroken, match="is not in the key ring"):
        opened(KEYS[0]).ready()
    rotated.ready()


def test_many_who_write_leave_no_gap(stored: Keeper, database_url: str) -> None:
    """V-66, V-67: sixteen threads and two stores; each entry has a number, and they hold together."""
    second = SqlStore(database_url)
    entry = AuditEntry(at=stored._now(), actor="program", action="grant.revoke", target="grant:1", owner="acme")
    mac = stored.audit._parts.mac
    with ThreadPoolExecutor(16) as threads:
        logs = [store_of(stored).audit, second.audit] * 40
        list(threads.map(lambda log: log.add(entry, mac=mac), logs))
    second.close()
    report = stored.audit.verify()
    assert (report.ok, report.checked) == (True, 80)


def test_an_action_whose_entry_cannot_be_written_does_not_happen(stored: Keeper, emulator: Emulator) -> None:
    """V-67: the grant stays as it was, and so does what is kept elsewhere."""
    grant = consent(stored, emulator, "acme", IDA)
    with store_of(stored)._engine.begin() as connection:
        tables.audit.drop(connection)
    verbs: list[Callable[[], object]] = [
        lambda: stored.revoke(grant.id),
        lambda: stored.hand_out(grant.id, form="yaml", who="me"),
        lambda: stored.link("acme", "google-ads"),
        lambda: stored.erase("acme"),
        lambda: stored.audit.note("grant.refresh", f"grant:{grant.id}", by="cli"),
    ]
    events = len(stored.events(limit=1000))
    for verb in verbs:
        with pytest.raises(GrantkeeperError):
            verb()
    assert stored.get(grant.id) == grant
    assert grant.status is GrantStatus.ACTIVE
    assert len(stored.events(limit=1000)) == events
    assert stored.links.page() == []
