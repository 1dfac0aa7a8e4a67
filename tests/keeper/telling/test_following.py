"""Who follows what happens to grants need not look each of them up; and misses nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from grantkeeper import ConsentRequired, Grant, GrantStatus, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.errors import DatabaseUnavailable
from grantkeeper.keeper.tokens import following
from grantkeeper.keeper.tokens.memory import READ_LATE, TRUSTED_FOR, USED_FOR
from grantkeeper.testing import EmulatorTransport
from keeper.people import IDA, Two

SECOND = timedelta(seconds=1)


class Followed(Two):
    """Two keepers, of which `one` has been following for a while; `look` is what its thread does."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        super().__init__(emulator, folder)
        self.reads = 0
        self._read = self.store.grant
        self.store.grant = self._counted  # type: ignore[method-assign]
        self.look()
        emulator.clock.advance(READ_LATE + SECOND)

    def look(self, keeper: Keeper | None = None) -> None:
        """Look at what happened since the last time."""
        (keeper or self.one)._refreshes.following.look()

    def held(self) -> Grant:
        """Return a grant that `one` holds in memory and knows of by its event, too."""
        grant = self.connect("acme", IDA)
        self.look()
        self.one.token(grant.id)
        return grant

    def answering(self, *answers: Exception | None) -> threading.Semaphore:
        """Let the thread of `two` meet with these at its next looks; the semaphore counts the looks."""
        looked, left = threading.Semaphore(0), iter(answers)

        def look() -> None:
            answer = next(left, None)
            looked.release()
            if answer is not None:
                raise answer

        self.two._refreshes.following.look = look  # type: ignore[method-assign]
        return looked

    def _counted(self, grant_id: str, **patience: Any) -> Any:
        self.reads += 1
        return self._read(grant_id, **patience)


@pytest.fixture
def both(emulator: Emulator, tmp_path: Path) -> Iterator[Followed]:
    """Two keepers; one follows."""
    with Followed(emulator, tmp_path) as made:
        yield made


def test_a_token_in_memory_costs_no_read_while_somebody_follows(both: Followed, emulator: Emulator) -> None:
    """What the database is asked follows what happens, not what is read."""
    grant = both.held()
    before = both.reads
    for _ in range(20):
        emulator.clock.advance(SECOND)
        both.look()
        assert both.one.remembered(grant.id) is not None

    assert both.reads == before


def test_without_a_look_at_the_events_nothing_is_trusted(both: Followed, emulator: Emulator) -> None:
    """A thread that hangs, or a database that is away: each row is looked at, as before."""
    grant = both.held()
    both.look()
    emulator.clock.advance(SECOND)

    assert both.one.remembered(grant.id) is None
    assert both.one.token(grant.id).value


def test_a_clock_that_is_set_back_is_not_trusted(both: Followed, emulator: Emulator) -> None:
    """R-65: what was looked at in the future is not known to be so now."""
    grant = both.held()
    both.look()
    emulator.clock.advance(-SECOND / 2)

    assert both.one.remembered(grant.id) is None


def test_a_row_is_looked_at_all_the_same_after_a_while(both: Followed, emulator: Emulator) -> None:
    """R-63: a process of an older version revokes without an event; that is seen within a minute."""
    grant = both.held()
    emulator.clock.advance(TRUSTED_FOR)
    both.look()

    assert both.one.remembered(grant.id) is None


def test_rows_in_memory_are_looked_at_many_at_once(both: Followed, emulator: Emulator) -> None:
    """R-63: by who follows, and nobody waits for it; until somebody has to say that the grant is used."""
    grants = [both.connect(owner, IDA) for owner in ("acme", "other")]
    both.look()
    for grant in grants:
        both.one.token(grant.id)
    before, began = both.reads, emulator.clock.now()
    while emulator.clock.now() + 10 * SECOND < began + USED_FOR:
        emulator.clock.advance(10 * SECOND)
        both.look()
        both.one._refreshes.following.look_at_versions()
        assert [bool(both.one.remembered(grant.id)) for grant in grants] == [True, True], emulator.clock.now() - began
    assert both.reads == before

    emulator.clock.advance(10 * SECOND)
    both.look()
    both.one._refreshes.following.look_at_versions()
    assert both.one.remembered(grants[0].id) is None


def test_a_look_at_many_rows_does_not_hold_up_the_next_look_at_the_events(
    both: Followed, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that takes its time: without the events nothing at all would be trusted."""
    for owner in ("acme", "other"):
        both.one.token(both.connect(owner, IDA).id)
    monkeypatch.setattr(following, "BATCH", 1)
    emulator.clock.advance(TRUSTED_FOR - SECOND)
    unchanged, asked = both.store.work.unchanged, 0

    def slowly(versions: Mapping[str, int]) -> set[str]:
        nonlocal asked
        asked += 1
        emulator.clock.advance(SECOND / 2)
        return unchanged(versions)

    monkeypatch.setattr(both.store.work, "unchanged", slowly)
    for count in (1, 2):
        both.one._refreshes.following.look_at_versions()
        assert asked == count


def test_a_row_that_is_of_another_version_is_looked_at(both: Followed, emulator: Emulator) -> None:
    """R-63: what a process of an older version changes without an event is seen within a minute, all the same."""
    grant, other = both.held(), both.connect("other", IDA)
    both.look()
    both.one.token(other.id)
    row = both.store.grant(grant.id)
    assert row is not None
    changed = replace(row.grant, version=row.grant.version + 1, status=GrantStatus.REVOKED)
    both.store.save_grant(replace(row, grant=changed), expected_version=row.grant.version)
    for _ in range(6):
        emulator.clock.advance(10 * SECOND)
        both.look()
        both.one._refreshes.following.look_at_versions()

    assert both.one.remembered(other.id) is not None
    assert both.one.remembered(grant.id) is None
    with pytest.raises(ConsentRequired):
        both.one.token(grant.id)


def test_what_was_read_before_somebody_followed_is_not_trusted(both: Followed, emulator: Emulator) -> None:
    """The event of its end may have been before the first that was looked at."""
    grant = both.connect("acme", IDA)
    both.two.token(grant.id)
    both.look(both.two)
    emulator.clock.advance(SECOND)
    both.look(both.two)

    assert both.two.remembered(grant.id) is None


def test_a_client_whose_access_tokens_a_refresh_ends_is_not_trusted(both: Followed, emulator: Emulator) -> None:
    """Another process may have refreshed, which is no event: its row is looked at each second."""
    client = both.clients[0]
    ends = replace(client, provider=replace(client.provider, access_tokens_stay=False))
    with both.keeper((ends, both.clients[1]), EmulatorTransport(emulator)) as third:
        both.look(third)
        emulator.clock.advance(READ_LATE + SECOND)
        grant = both.connect("acme", IDA)
        third.token(grant.id)
        emulator.clock.advance(SECOND)
        both.look(third)

        assert third.remembered(grant.id) is None


def test_a_grant_that_another_process_ends_is_not_handed_out_after_the_next_look(both: Followed) -> None:
    """R-55: revoked there, unusable here, though nobody asked for its row."""
    grant = both.held()
    both.two.revoke(grant.id)
    both.look()

    assert both.one.remembered(grant.id) is None
    with pytest.raises(ConsentRequired):
        both.one.token(grant.id)


def test_a_grant_that_its_person_ended_is_not_handed_out_after_the_next_look(
    both: Followed, emulator: Emulator
) -> None:
    """R-55: another process hears of it at its refresh."""
    grant = both.held()
    emulator.revoke(IDA)
    with pytest.raises(ConsentRequired):
        both.two.refresh(grant.id)
    both.look()

    assert both.one.get(grant.id).status is GrantStatus.CONSENT_REQUIRED
    assert both.one.remembered(grant.id) is None


def test_a_slow_reader_cannot_bring_back_what_was_ended(both: Followed, emulator: Emulator) -> None:
    """R-55: a thread that read the row before the revocation holds its token after the look: it loses."""
    grant = both.connect("acme", IDA)
    token = both.two.token(grant.id)
    both.two.revoke(grant.id)
    both.look()

    both.one._refreshes.memory.hold(grant, token.value)
    emulator.clock.advance(SECOND / 10)

    assert both.one.remembered(grant.id) is None


def test_many_events_at_once_are_all_looked_at(both: Followed) -> None:
    """More than fit into one look at the database."""
    grants = [both.connect(f"owner-{number}", IDA) for number in range(6)]
    both.look()
    for grant in grants:
        both.one.token(grant.id)
    for grant in grants[:-1]:
        both.two.revoke(grant.id)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("grantkeeper.keeper.tokens.following.BATCH", 2)
        both.look()

    assert [both.one.remembered(grant.id) is not None for grant in grants] == [False] * 5 + [True]


def test_a_rejected_token_that_another_process_replaced_is_not_handed_out_again(
    both: Followed, emulator: Emulator
) -> None:
    """R-37: a report at a process that trusts what it holds leads to the newer token at once."""
    grant = both.held()
    old = both.one.token(grant.id)
    emulator.clock.advance(timedelta(minutes=1))
    new = both.two.refresh(grant.id)
    both.look()

    both.one.report_rejected(grant.id, old.value)

    assert both.one.token(grant.id).value == new.value


def test_the_thread_follows_until_the_keeper_is_closed(both: Followed) -> None:
    """`follow` starts it, `close` ends it; a database that is away does not."""
    looked = both.answering(DatabaseUnavailable("It is away."))
    both.two.keep_up()
    both.two.keep_up()

    assert looked.acquire(timeout=20)
    assert looked.acquire(timeout=20)
    thread = both.two._refreshes.following._thread
    both.two.close()
    assert thread is not None
    assert not thread.is_alive()
