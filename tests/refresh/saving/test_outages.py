"""An answer came and the database does not take it: nothing is lost, nobody is kept waiting."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper.errors import DatabaseUnavailable, GrantkeeperError
from grantkeeper.keeper.authority import DEADLINE
from grantkeeper.keeper.refresh.leases import LEASE, MARGIN, STEAL_AFTER
from grantkeeper.keeper.refresh.saving import _LAST_RETRY
from grantkeeper.model import GrantRow
from refresh.saving.outages import AWAY, READ_ONLY, comes_back, goes_away, kept, saved_in_the_background
from refresh.scene import HOUR, SECOND, Scene

TEN_MINUTES = timedelta(minutes=10)


@pytest.mark.parametrize("error", [AWAY, READ_ONLY], ids=["away", "read-only"])
@pytest.mark.parametrize("journal", [True, False], ids=["journal", "memory"])
def test_ten_minutes_without_a_database_lose_nothing(scene: Scene, error: GrantkeeperError, journal: bool) -> None:
    """R-14: the caller is answered and served on, the answer is kept, and saved as soon as it can be."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal() if journal else None)
    goes_away(scene, error)
    token = keeper.token(grant)
    assert scene.emulator.introspect(token.value.reveal()) is not None
    assert scene.row(grant).generation == 1
    assert kept(scene) == (1 if journal else 0)

    began = scene.clock.now()
    while scene.clock.now() - began < TEN_MINUTES:
        last = scene.clock.now()
        assert scene.pauses.turn()
        assert scene.clock.now() - last <= 2 * SECOND
    assert scene.row(grant).generation == 1
    assert keeper.token(grant).value == token.value
    comes_back(scene)
    saved_in_the_background(scene)

    assert scene.row(grant).generation == 2
    assert scene.open_ends(grant) == ("", False, 0)
    assert kept(scene) == 0
    assert keeper.token(grant).value == token.value
    assert keeper.refresh(grant).value
    assert scene.sent() == [1, 2]


@pytest.mark.parametrize("error", [AWAY, READ_ONLY], ids=["full", "read-only"])
def test_a_database_that_only_reads_stops_nobody_who_has_a_token_in_memory(
    scene: Scene, error: GrantkeeperError
) -> None:
    """R-14: a full disk, a standby: the row is old and readable, the newer token is in memory, and it is served."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    goes_away(scene, error, reads=True)
    token = keeper.token(grant)
    for _ in range(10):
        scene.clock.advance(timedelta(minutes=1))
        assert keeper.token(grant).value == token.value

    assert scene.sent() == [1]
    with pytest.raises(type(error)):
        keeper.refresh(grant)
    scene.clock.advance(HOUR)
    with pytest.raises(type(error)):
        keeper.token(grant)
    comes_back(scene)
    assert keeper.token(grant).value
    assert scene.sent() == [1, 2]


def test_a_stop_while_the_database_is_away_leaves_the_answer_to_the_next_start(scene: Scene) -> None:
    """R-14: SIGTERM during the outage, then a restart: the token is there, and nothing is sent for it."""
    grant = scene.grant()
    goes_away(scene)
    with scene.keeper(journal=scene.journal()) as keeper:
        token = keeper.token(grant)
    assert kept(scene) == 1
    comes_back(scene)
    after = scene.keeper(store=scene.database(), journal=scene.journal())

    assert after.recover() == 1
    assert kept(scene) == 0
    assert list((scene.folder / "state").glob("journal-*")) == []
    assert after.token(grant).value == token.value
    assert after.refresh(grant).value
    assert scene.sent() == [1, 2]


def test_a_stop_when_the_database_is_back_saves_first(scene: Scene) -> None:
    """R-14, R-57: the last try is made before the end."""
    grant = scene.grant()
    goes_away(scene)
    with scene.keeper(journal=scene.journal()) as keeper:
        keeper.token(grant)
        comes_back(scene)

    assert scene.row(grant).generation == 2
    assert list((scene.folder / "state").glob("journal-*")) == []


def test_a_stop_without_a_journal_says_what_is_lost(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """R-14: not quietly."""
    grant = scene.grant()
    goes_away(scene)
    with scene.keeper() as keeper:
        keeper.token(grant)

    assert f"nowhere any more: {grant}" in caplog.text


def test_the_next_call_saves_before_it_looks_at_the_row(scene: Scene) -> None:
    """R-14: nobody sends the used-up token because the thread in the background has not come to it yet."""
    grant = scene.grant()
    keeper = scene.keeper()
    goes_away(scene)
    keeper.token(grant)
    comes_back(scene)

    assert keeper.refresh(grant).value
    assert scene.sent() == [1, 2]
    assert scene.row(grant).generation == 3


def test_no_other_process_sends_the_old_token_while_the_answer_is_kept(scene: Scene) -> None:
    """R-14, R-03: the lease stays until the answer is saved; a lease that ended is watched, and saving comes first."""
    grant = scene.grant()
    keeper = scene.keeper()
    goes_away(scene, reads=True)
    keeper.token(grant)
    scene.clock.advance(LEASE + STEAL_AFTER)
    comes_back(scene)
    waits: list[timedelta] = []

    def pause(duration: timedelta) -> None:
        waits.append(duration)
        scene.clock.advance(duration)
        if sum(waits, timedelta()) > 2 * SECOND and scene.row(grant).generation == 1:
            keeper._refreshes._saving.flush_all()  # what the thread does every two seconds

    other = scene.keeper(store=scene.database(), pause=pause)
    assert other.token(grant).value == keeper.token(grant).value
    assert scene.sent() == [1]


def test_a_commit_that_was_done_although_the_database_said_nothing_is_found_done(scene: Scene) -> None:
    """R-14, R-40: kept, and let go when the row turns out to have it."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    save = scene.store.save_tokens

    def saved_in_silence(*args: Any, **rest: Any) -> None:
        scene.store.save_tokens = save  # type: ignore[method-assign]
        save(*args, **rest)
        raise AWAY

    scene.store.save_tokens = saved_in_silence  # type: ignore[method-assign]
    token = keeper.token(grant)
    saved_in_the_background(scene)

    assert kept(scene) == 0
    assert scene.row(grant).generation == 2
    assert scene.keeper().token(grant).value == token.value


def test_a_row_that_changes_all_the_time_costs_no_answer(scene: Scene) -> None:
    """R-14: others write beside the tokens faster than we save: it is kept, and saved when they pause."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    save = scene.store.save_tokens

    def overtaken(row: GrantRow, **rest: Any) -> None:
        now = scene.row(grant)
        touched = replace(now, grant=replace(now.grant, version=now.grant.version + 1))
        with closing(scene.database()) as store:
            store.save_grant(touched, expected_version=now.grant.version)
        save(row, **rest)

    scene.store.save_tokens = overtaken  # type: ignore[method-assign]
    token = keeper.token(grant)
    assert kept(scene) == 1
    scene.store.save_tokens = save  # type: ignore[method-assign]
    saved_in_the_background(scene)

    assert scene.row(grant).generation == 2
    assert keeper.token(grant).value == token.value
    assert scene.sent() == [1]


def test_a_token_that_ended_while_the_database_was_asked_is_not_handed_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-08, R-65: a database that does not answer takes time, and a process may be held up meanwhile."""
    grant = scene.grant()
    keeper = scene.keeper()
    keeper.token(grant)
    scene.clock.advance(HOUR / 2)

    def away(*_args: Any, **_rest: Any) -> GrantRow:
        scene.clock.advance(HOUR)
        raise AWAY

    monkeypatch.setattr(scene.store, "grant", away)
    with pytest.raises(DatabaseUnavailable):
        keeper.token(grant)


def test_a_kept_answer_is_saved_before_a_waiter_sends_the_old_token(scene: Scene) -> None:
    """R-14: the database could be read and not written, for longer than the lease; whoever waits lets its holder first.

    The waiter has watched all the time; what lets it take the lease is only five seconds of a database that takes
    writes, in which the holder tries twice.
    """
    grant = scene.grant()
    holder = scene.keeper()
    goes_away(scene, reads=True)
    holder.token(grant)
    scene.clock.advance(LEASE)
    theirs = scene.database()
    theirs.unwritable = AWAY
    waited = [timedelta()]

    def pause(duration: timedelta) -> None:
        waited.append(waited[-1] + duration)
        scene.clock.advance(duration)
        if waited[-1] > STEAL_AFTER - timedelta(milliseconds=300):
            theirs.unwritable = None
        if waited[-2] < STEAL_AFTER + 2 * SECOND <= waited[-1]:  # the holder's thread, two seconds after
            comes_back(scene)
            assert holder.refresh(grant).value

    assert scene.keeper(store=theirs, pause=pause).token(grant).value
    assert scene.sent() == [1, 2]


def test_a_waiter_takes_no_lease_of_a_database_that_takes_no_writes(scene: Scene) -> None:
    """R-14: that writes work is proved before the lease is watched for the last time: its holder saves first."""
    grant = scene.grant()
    row = scene.row(grant)
    assert scene.store.begin_refresh(
        grant,
        version=row.grant.version,
        attempt="0123456789ab.1.1.0123456789ab",
        at=scene.clock.now(),
        lease=timedelta(seconds=1),
    )
    theirs = scene.database()
    theirs.unwritable = AWAY
    began = scene.clock.now()
    with pytest.raises(DatabaseUnavailable):
        scene.keeper(store=theirs).token(grant)
    assert scene.clock.now() - began < 2 * STEAL_AFTER
    assert scene.sent() == []


def test_what_a_closed_keeper_could_not_save_is_taken_up_by_the_next_of_its_process(scene: Scene) -> None:
    """R-14: its attempt is over with it, so that its lease is no living one."""
    grant = scene.grant()
    goes_away(scene)
    with scene.keeper(journal=scene.journal()) as keeper:
        keeper.token(grant)
    comes_back(scene)
    began = scene.clock.now()

    assert scene.keeper(journal=scene.journal()).token(grant).value
    assert scene.clock.now() - began < SECOND
    assert scene.sent() == [1]


def test_a_lease_outlives_the_call_that_it_is_for() -> None:
    """R-04: what is left of it when the call begins at the latest is more than the call may take."""
    assert LEASE - MARGIN >= DEADLINE
    assert STEAL_AFTER > 2 * _LAST_RETRY
