"""Who follows goes on past rows that nobody can read, and notices a database that is an older state than it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, literal, update

from grantkeeper import ConsentRequired, Event, SealBroken
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.tokens.following import SELDOM, Following
from grantkeeper.keeper.tokens.memory import READ_LATE
from grantkeeper.store import tables
from keeper.people import TOM
from keeper.telling.test_following import SECOND, Followed

EVENT = tables.event.columns


@pytest.fixture
def both(emulator: Emulator, tmp_path: Path) -> Iterator[Followed]:
    """Two keepers; one follows."""
    with Followed(emulator, tmp_path) as made:
        yield made


def happen(both: Followed, count: int) -> None:
    """Let something happen that is about no grant."""
    for _ in range(count):
        at = both.emulator.clock.now()
        event = Event(kind="link.opened", at=at, grant_id="", owner="acme", client="google-ads")
        both.store.events.add(event)
        both.emulator.clock.advance(SECOND / 1000)


def move_back(both: Followed, position: int) -> None:
    """Take what was committed after this position out of the database, as a failover to a late replica does."""
    with both.store._writing.begin() as connection:
        connection.execute(delete(tables.event).where(EVENT.position > position))
        of_events = tables.head.c.name == "event"
        connection.execute(update(tables.head).where(of_events).values(number=position))


@pytest.mark.parametrize("since", [0, 5, 20, 25])
def test_a_database_that_went_back_is_followed_from_there_on(both: Followed, emulator: Emulator, since: int) -> None:
    """R-55, R-60: however many events it has by now; what is in memory is trusted only once it is read again.

    Readers that stand where nothing stands any more miss nothing of what happens from then on.
    """
    grant = both.held()
    position = both.store.events.last()
    happen(both, 20)
    both.look()
    move_back(both, position)
    both.two.revoke(grant.id)
    happen(both, since)
    passed = both.store.events.last()
    both.look()
    happen(both, 1)
    assert both.store.events.read()[-1].position > max(position + 20, passed) + 1_000_000
    emulator.clock.advance(SECOND)
    both.look()

    assert both.one.remembered(grant.id) is None
    with pytest.raises(ConsentRequired):
        both.one.token(grant.id)


def test_who_went_back_with_the_database_follows_as_before(both: Followed, emulator: Emulator) -> None:
    """What happens from then on is known by its event."""
    grant, other = both.held(), both.connect("globex", TOM)
    position = both.store.events.last()
    happen(both, 3)
    both.look()
    move_back(both, position)
    both.look()
    emulator.clock.advance(READ_LATE + SECOND)
    both.look()
    for each in (grant, other):
        both.one.token(each.id)
    emulator.clock.advance(SECOND)
    both.look()
    assert both.one.remembered(grant.id) is not None

    both.two.revoke(grant.id)
    both.look()
    assert both.one.remembered(grant.id) is None
    assert both.one.remembered(other.id) is not None


def test_old_events_may_be_deleted_under_who_follows(both: Followed, emulator: Emulator) -> None:
    """Also the last one that was seen: nothing is missed, and soon all is trusted again."""
    grant = both.held()
    emulator.clock.advance(SECOND)
    last = both.store.events.last()
    assert both.store.events.prune(before=emulator.clock.now()) == last
    both.look()
    assert both.store.events.last() == last
    emulator.clock.advance(READ_LATE + SECOND)
    both.look()
    both.one.token(grant.id)
    emulator.clock.advance(SECOND)
    both.look()
    assert both.one.remembered(grant.id) is not None

    both.two.revoke(grant.id)
    both.look()
    assert both.one.remembered(grant.id) is None


def test_an_event_that_cannot_be_read_hides_no_end_of_a_grant(both: Followed) -> None:
    """R-52: what somebody altered in it is not needed to know of which grant it is."""
    grant, other = both.held(), both.connect("globex", TOM)
    both.two.revoke(grant.id)
    happen(both, 1)
    both.two.revoke(other.id)
    with both.store._writing.begin() as connection:
        connection.execute(update(tables.event).values(data="x"))
    both.look()

    assert both.one.remembered(grant.id) is None
    assert both.one.remembered(other.id) is None


def test_a_grant_whose_row_cannot_be_read_stops_no_other(both: Followed, emulator: Emulator) -> None:
    """R-52: a status of a newer version, say; its token is not handed out, and the others are followed."""
    grant, other = both.held(), both.connect("globex", TOM)
    both.look()
    both.one.token(other.id)
    with both.store._writing.begin() as connection:
        bad = update(tables.grant).where(tables.grant.c.id == grant.id)
        connection.execute(bad.values(status="suspended"))
    at = emulator.clock.now()
    event = Event(kind="grant.connected", at=at, grant_id=grant.id, owner="acme", client="google-ads")
    both.store.events.add(event)
    both.look()

    assert both.one.remembered(grant.id) is None
    with pytest.raises(SealBroken):
        both.one.token(grant.id)
    emulator.clock.advance(SECOND)
    both.look()
    assert both.one.remembered(other.id) is not None


def test_the_token_of_a_row_that_was_mended_is_trusted_again_soon(both: Followed, emulator: Emulator) -> None:
    """R-52: however often it could not be read; what a slow thread read of it before then is never held."""
    grant = both.held()
    token = both.one.token(grant.id)
    bad = update(tables.grant).where(tables.grant.c.id == grant.id)
    event = Event(kind="grant.connected", at=grant.created_at, grant_id=grant.id, owner="acme", client="google-ads")
    with both.store._writing.begin() as connection:
        connection.execute(bad.values(status="suspended"))
    for _ in range(6):
        both.store.events.add(event)
        both.look()
    both.one._refreshes.memory.hold(grant, token.value)
    assert both.one.remembered(grant.id) is None
    with both.store._writing.begin() as connection:
        connection.execute(bad.values(status="active"))

    emulator.clock.advance(READ_LATE)
    both.look()
    assert both.one.token(grant.id) == token

    assert both.one.remembered(grant.id) == token


@pytest.mark.parametrize("position", ["x", 1 << 60])
def test_an_altered_position_leads_nobody_away(both: Followed, emulator: Emulator, position: object) -> None:
    """R-52, R-55: what ends after it is noted all the same, and readers by the page go on, too."""
    grant, other = both.held(), both.connect("globex", TOM)
    both.look()
    both.one.token(other.id)
    happen(both, 2)
    with both.store._writing.begin() as connection:
        connection.execute(update(tables.event).where(EVENT.position == 1).values(position=literal(position)))
    for each in (grant, other):
        both.look()
        both.two.revoke(each.id)
        both.look()
        assert both.one.remembered(each.id) is None
    last = both.store.events.last()
    assert [each.position for each in both.one.events()] == list(range(2, last + 1))


def test_the_thread_outlives_what_nobody_thought_of(both: Followed, caplog: pytest.LogCaptureFixture) -> None:
    """R-52: it says so once, trusts nothing meanwhile, and follows again as soon as it can."""
    looked, following = both.answering(TypeError("odd"), TypeError("odd")), both.two._refreshes.following
    following.start()
    for _ in range(4):
        assert looked.acquire(timeout=20)
    thread = following._thread
    assert thread is not None
    assert thread.is_alive()
    following.stop()
    assert [each.getMessage() for each in caplog.records if each.exc_info] == [
        "what happens to grants cannot be followed just now, each is looked up"
    ]


def test_who_trusts_nothing_looks_seldom_all_the_same(both: Followed) -> None:
    """`max_stale` of nothing keeps no processor busy."""
    waited: list[float | None] = []
    looked = threading.Event()

    class Stopped(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            looked.set()
            return super().wait(timeout)

    memory = both.one._refreshes.memory
    following = Following(store=both.store, memory=memory, now=both.emulator.clock.now, max_stale=timedelta())
    following._stopped = Stopped()
    following.start()
    assert looked.wait(20)
    following.stop()

    assert set(waited) == {SELDOM.total_seconds()}
