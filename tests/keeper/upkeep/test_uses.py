"""Who uses a grant is noted where its row is read anyway, and written down now and then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from grantkeeper import DatabaseUnavailable, Grant, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.tokens import uses
from grantkeeper.model import DueGrant
from grantkeeper.testing import Connect

IDA = "ida@nordwind-outdoor.example"
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def grant(connect: Connect, emulator: Emulator) -> Grant:
    """A grant whose token in memory is to be looked up again."""
    made = connect("acme", IDA)
    emulator.clock.advance(2 * SECOND)
    return made


def known(keeper: Keeper, grant: Grant) -> DueGrant:
    """Return what the database knows of when it is due and was used."""
    now = keeper.work.now()
    keeper.work.put({grant.id: now})
    (found,) = keeper.work.claim(keeper.client(grant.client), until=now, limit=1, used_since=now).grants
    return found


def used_at(keeper: Keeper, grant: Grant) -> datetime | None:
    """Return when it was used, as far as that is written down."""
    return known(keeper, grant).used_at


def test_use_is_written_down_with_a_flush(keeper: Keeper, emulator: Emulator, grant: Grant) -> None:
    """Not with each token: an answer from the row costs no write."""
    keeper.token(grant.id)
    assert used_at(keeper, grant) is None
    keeper.work.flush()

    assert used_at(keeper, grant) == emulator.clock.now()


def test_a_library_without_a_worker_writes_it_down_in_passing(keeper: Keeper, emulator: Emulator, grant: Grant) -> None:
    """Once a minute at most; a script that ends sooner does when it closes its keeper."""
    keeper.token(grant.id)
    emulator.clock.advance(61 * SECOND)
    keeper.token(grant.id)

    assert used_at(keeper, grant) is not None


def test_who_passes_by_writes_a_few_and_leaves_the_rest_to_the_next(
    keeper: Keeper, emulator: Emulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody waits for a token: with a hundred thousand grants in use, all of them would take many seconds."""
    monkeypatch.setattr(uses, "BATCH", 1)
    grants = [connect(owner, IDA) for owner in ("acme", "borealis", "cobalt")]
    emulator.clock.advance(2 * SECOND)
    for grant in grants:
        keeper.token(grant.id)
    written: list[str] = []
    write = keeper._store.work.note_used

    def noted(used: Mapping[str, datetime], **what: Any) -> None:
        written.extend(used)
        write(used, **what)

    monkeypatch.setattr(keeper._store.work, "note_used", noted)
    emulator.clock.advance(61 * SECOND)
    for count in (1, 2, 3, 3):
        emulator.clock.advance(2 * SECOND)
        keeper.token(grants[0].id)
        assert len(written) == count
    assert sorted(written) == sorted(grant.id for grant in grants)


def test_a_token_is_looked_for_after_the_writing(
    keeper: Keeper, emulator: Emulator, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that takes its time over the notes must not let a token grow old on its way to the caller."""
    keeper.token(grant.id)
    emulator.clock.advance(timedelta(minutes=50))
    write = keeper._store.work.note_used

    def slowly(*which: Any, **what: Any) -> None:
        emulator.clock.advance(timedelta(minutes=11))
        write(*which, **what)

    monkeypatch.setattr(keeper._store.work, "note_used", slowly)
    token = keeper.token(grant.id)

    assert used_at(keeper, grant) is not None
    assert token.expires_at - emulator.clock.now() > timedelta(minutes=5)


def test_the_keepers_end_writes_it_down(keeper: Keeper, grant: Grant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nightly script's use counts."""
    noted: list[list[str]] = []

    def note(used: Mapping[str, datetime], *, hasten: Mapping[str, datetime]) -> None:
        noted.append(list(used))

    monkeypatch.setattr(keeper._store.work, "note_used", note)
    keeper.token(grant.id)
    keeper.close()

    assert noted == [[grant.id]]


def test_it_is_written_once_an_hour_for_a_grant(keeper: Keeper, emulator: Emulator, grant: Grant) -> None:
    """However often it is asked for."""
    keeper.token(grant.id)
    keeper.work.flush()
    first = used_at(keeper, grant)
    for _ in range(59):
        emulator.clock.advance(60 * SECOND)
        keeper.token(grant.id)
        keeper.work.flush()
    assert used_at(keeper, grant) == first
    emulator.clock.advance(60 * SECOND)
    keeper.token(grant.id)
    keeper.work.flush()

    assert used_at(keeper, grant) == emulator.clock.now()


def test_a_database_that_is_away_fails_no_caller_and_loses_no_use(
    keeper: Keeper, emulator: Emulator, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noting is a courtesy: it never raises, and is written when it can be."""
    keeper.token(grant.id)
    emulator.clock.advance(61 * SECOND)

    def away(*_: Any, **__: Any) -> None:
        raise DatabaseUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(keeper._store.work, "note_used", away)
        assert keeper.token(grant.id).value
        with pytest.raises(DatabaseUnavailable):
            keeper.work.flush()
    keeper.work.flush()

    assert used_at(keeper, grant) is not None


def test_what_is_done_for_a_grant_without_its_users_is_no_use(keeper: Keeper, emulator: Emulator, grant: Grant) -> None:
    """Renewals, looks at what it reaches, and what an operator refreshes by hand."""
    keeper.work.renew(grant.id)
    emulator.clock.advance(2 * SECOND)
    keeper.discover(grant.id)
    keeper.refresh(grant.id)
    keeper.work.flush()

    assert used_at(keeper, grant) is None
