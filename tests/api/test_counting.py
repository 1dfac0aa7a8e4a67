"""What keys read is counted, and their rows are looked at, beside the reads: nobody waits for either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from threading import Event

import pytest

from api.asking import Site
from grantkeeper import Conflict, DatabaseUnavailable, Grant, Keeper, KeyRefused
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.service import reads
from grantkeeper.keeper.service.keys import AHEAD, STALE
from grantkeeper.model import NOTHING, KeyUse
from grantkeeper.worker.chores import Chores

TICK = timedelta(milliseconds=100)


def test_a_key_in_use_is_looked_at_ahead_by_one(keeper: Keeper, emulator: Emulator) -> None:
    """However many ask at once: one of them has it looked at, beside, and none waits for the database."""
    text = keeper.keys.create("a program", ["tokens:read"]).secret.reveal()
    keeper.keys.check(text)
    asked: list[str] = []
    emulator.clock.advance(AHEAD - TICK)
    assert keeper.keys.known(text, asked.append) is not None
    assert asked == []

    emulator.clock.advance(TICK)
    assert [keeper.keys.known(text, asked.append) is not None for _ in range(32)] == [True] * 32
    assert asked == [text]
    keeper.keys.look_again(text)

    emulator.clock.advance(STALE - TICK)
    assert keeper.keys.known(text, asked.append) is not None
    assert asked == [text, text], "and again half a second later"


def test_a_key_that_ended_elsewhere_ends_here_however_much_it_is_used(keeper: Keeper, emulator: Emulator) -> None:
    """V-42: looking ahead makes nothing last longer."""
    made = keeper.keys.create("a program", ["tokens:read"])
    text = made.secret.reveal()
    keeper.keys.check(text)
    keeper._store.keys.revoke(made.key.id, at=emulator.clock.now(), beside=NOTHING)
    emulator.clock.advance(AHEAD)
    assert keeper.keys.known(text, keeper.keys.look_again) is not None

    emulator.clock.advance(STALE - AHEAD)
    assert keeper.keys.known(text, keeper.keys.look_again) is None
    with pytest.raises(KeyRefused):
        keeper.keys.check(text)


def test_a_look_ahead_that_fails_is_tried_again(
    keeper: Keeper, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is away for a moment."""
    text = keeper.keys.create("a program", ["tokens:read"]).secret.reveal()
    keeper.keys.check(text)
    emulator.clock.advance(AHEAD)
    with monkeypatch.context() as patch:
        patch.setattr(keeper._store.keys, "get", _unreachable)
        keeper.keys.known(text, keeper.keys.look_again)

    emulator.clock.advance(TICK)
    assert keeper.keys.known(text, keeper.keys.look_again) is not None
    emulator.clock.advance(STALE - TICK)
    assert keeper.keys.known(text) is not None


def test_the_edge_has_a_key_looked_at_on_a_thread(site: Site, keeper: Keeper, grant: Grant, emulator: Emulator) -> None:
    """The event loop answers from memory meanwhile."""
    asker, looked = site.asker("tokens:read"), Event()
    path, get = f"/v1/grants/{grant.id}/token", keeper._store.keys.get
    assert asker.get(path).status_code == 200
    before = site.metrics._reads.get("memory", 0)
    emulator.clock.advance(AHEAD)

    def seen(key_id: str) -> object:
        found = get(key_id)
        looked.set()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeper._store.keys, "get", seen)
        assert asker.get(path).status_code == 200
        assert looked.wait(10)
    assert site.metrics._reads["memory"] == before + 1


def test_who_waits_for_something_else_writes_few_counts(keeper: Keeper, emulator: Emulator) -> None:
    """Where much is read, keys are looked at ahead, by somebody for whom nobody waits."""
    made = keeper.keys.create("a program", ["tokens:read"], distinct_per_minute=10_000)
    for number in range(reads.BATCH + 1):
        keeper.keys.reads.take(made.key, f"gr_{number}")
    emulator.clock.advance(reads.FLUSH)
    keeper.keys.check(made.secret.reveal())
    assert keeper.keys.uses() == []

    keeper.keys.look_again(made.secret.reveal())
    assert len(keeper.keys.uses(limit=10_000)) == reads.BATCH + 1


def test_writing_takes_a_bounded_share_of_the_time(
    keeper: Keeper, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow database is written to more seldom; a clock that is set back stops nothing (R-65)."""
    made = keeper.keys.create("a program", ["tokens:read"])
    note_used = keeper._store.keys.note_used

    def slowly(used: Mapping[str, datetime], uses: Sequence[KeyUse]) -> None:
        emulator.clock.advance(timedelta(seconds=2))
        note_used(used, uses)

    monkeypatch.setattr(keeper._store.keys, "note_used", slowly)
    keeper.keys.reads.take(made.key, "gr_1")
    keeper.keys.flush()
    emulator.clock.advance(timedelta(seconds=37))
    assert not keeper.keys.reads.are_due()
    emulator.clock.advance(timedelta(seconds=1))
    assert keeper.keys.reads.are_due()

    keeper.keys.flush()
    emulator.clock.advance(-timedelta(hours=1))
    assert keeper.keys.reads.are_due()


def test_many_counts_are_written_in_parts(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL takes 65,535 values in one statement, and rows that are written are locked until its end."""
    key = keeper.keys.create("a program", ["tokens:read"], distinct_per_minute=10_000).key
    note_used, sizes = keeper._store.keys.note_used, []

    def noted(used: Mapping[str, datetime], uses: Sequence[KeyUse]) -> None:
        sizes.append(len(uses))
        note_used(used, uses)

    monkeypatch.setattr(keeper._store.keys, "note_used", noted)
    for number in range(reads.BATCH * 2 + 1):
        assert keeper.keys.reads.take(key, f"gr_{number}")
    keeper.keys.flush()

    assert sizes == [reads.BATCH, reads.BATCH, 1]
    assert len(keeper.keys.uses(limit=10_000)) == reads.BATCH * 2 + 1


def test_counts_that_another_process_began_are_written_the_next_time(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no error, and none is lost."""
    key = keeper.keys.create("a program", ["tokens:read"]).key
    note_used, first = keeper._store.keys.note_used, [Conflict("It was begun meanwhile.")]

    def noted(used: Mapping[str, datetime], uses: Sequence[KeyUse]) -> None:
        if first:
            raise first.pop()
        note_used(used, uses)

    monkeypatch.setattr(keeper._store.keys, "note_used", noted)
    for _ in range(2):
        assert keeper.keys.reads.take(key, "gr_1")
    keeper.keys.flush()
    assert keeper.keys.uses() == []

    keeper.keys.flush()
    assert [use.reads for use in keeper.keys.uses()] == [2]


def test_the_worker_writes_what_was_counted_when_it_is_time(keeper: Keeper, emulator: Emulator) -> None:
    """A key that nobody asks with any more is looked at no more."""
    key, chores = keeper.keys.create("a program", ["tokens:read"]).key, Chores(keeper)
    assert keeper.keys.reads.take(key, "gr_1")
    chores.do(chores.first[:1])
    assert keeper.keys.uses() == []

    emulator.clock.advance(reads.FLUSH)
    chores.do(chores.first[:1])
    assert [use.reads for use in keeper.keys.uses()] == [1]


def _unreachable(_key_id: str) -> object:
    raise DatabaseUnavailable("It is away.")


def test_what_cannot_be_written_stops_no_other_count(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """One grant whose count the database refuses: all others are written, and counted no second time."""
    key = keeper.keys.create("a program", ["tokens:read"]).key
    note_used, bad = keeper._store.keys.note_used, "gr_0"
    monkeypatch.setattr(reads, "BATCH", 2)

    def noted(used: Mapping[str, datetime], uses: Sequence[KeyUse]) -> None:
        if any(use.grant_id == bad for use in uses):
            raise DatabaseUnavailable("It refuses this one.")
        note_used(used, uses)

    monkeypatch.setattr(keeper._store.keys, "note_used", noted)
    for number in range(5):
        assert keeper.keys.reads.take(key, f"gr_{number}")
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable):
            keeper.keys.flush()

    monkeypatch.setattr(keeper._store.keys, "note_used", note_used)
    assert {use.grant_id: use.reads for use in keeper.keys.uses()} == {f"gr_{number}": 1 for number in (1, 2, 3, 4)}
    keeper.keys.flush()
    assert {use.grant_id: use.reads for use in keeper.keys.uses()} == {f"gr_{number}": 1 for number in range(5)}
