"""What goes wrong stops nothing else, and is not hammered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import LargeBinary, literal, update

from grantkeeper import Grant, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore, tables
from grantkeeper.testing import EmulatorTransport, oauth_client
from grantkeeper.worker import Worker
from worker.conftest import Opens
from worker.crowd import crowd, due_at, kinds, refreshes, tended, use

HOUR = timedelta(hours=1)
TEN = timedelta(minutes=10)


def alter(keeper: Keeper, grant: Grant, **columns: Any) -> None:
    """Let somebody alter a row."""
    store: Any = keeper._store
    change = update(tables.grant).where(tables.grant.c.id == grant.id).values(columns)
    store._written(lambda connection: connection.execute(change).rowcount)


@pytest.mark.parametrize("columns", [{"sealed": b"nonsense"}, {"consented_at": 2**62}], ids=["sealed", "time"])
def test_one_bad_row_in_many_is_quarantined_and_the_others_go_on(
    opens: Opens, emulator: Emulator, columns: dict[str, Any]
) -> None:
    """R-52: 1 bad among others, which cannot be opened or not even be read; it is tried more and more rarely."""
    keeper = opens()
    worker = Worker(keeper, threads=1)
    grants = crowd(keeper, emulator, 20)
    use(keeper, emulator, grants)
    alter(keeper, grants[0], **columns)
    emulator.clock.advance(timedelta(minutes=50))

    first = worker.sweep()
    assert (tended(first), first.grants["failed"]) == (19, 1)
    emulator.clock.advance(HOUR)
    tries = 0
    for _ in range(24 * 6):
        emulator.clock.advance(TEN)
        tries += worker.sweep().grants.get("failed", 0)
    assert 7 <= tries <= 14  # of 144 rounds: after 1, 2, 4, ... minutes, then hours
    assert all(each.usable for each in map(keeper.get, [grant.id for grant in grants[1:]]))
    assert not any(kind.startswith("grant.consent") for kind in kinds(keeper))


def test_a_row_that_no_name_leads_to_stops_no_round(opens: Opens, emulator: Emulator) -> None:
    """R-52: neither the chore that schedules it nor a sweep goes round for ever, and the others go on."""
    keeper = opens()
    worker = Worker(keeper, threads=1)
    grants = crowd(keeper, emulator, 4)
    use(keeper, emulator, grants)
    keeper.work.put(dict.fromkeys([each.id for each in grants], emulator.clock.now()))
    alter(keeper, grants[0], due_at=None, id=literal(b"\xff", LargeBinary))
    emulator.clock.advance(timedelta(minutes=50))

    done = worker.sweep()
    assert (tended(done), done.grants["failed"]) == (3, 1)
    assert worker.sweep().grants == {}


def test_nothing_is_hammered_while_a_provider_is_down(keeper: Keeper, emulator: Emulator, worker: Worker) -> None:
    """R-51: a breaker opens, the grants stay due, one probe goes first; then all are renewed. One event each way."""
    grants = crowd(keeper, emulator, 30)
    use(keeper, emulator, grants)
    emulator.clock.advance(timedelta(minutes=50))
    due_at(keeper, grants, emulator.clock.now())
    before = refreshes(emulator)
    emulator.fail(503, times=10_000)
    for _ in range(40):
        worker.sweep()
        emulator.clock.advance(timedelta(seconds=15))
    sent = refreshes(emulator) - before

    assert sent < 40
    assert kinds(keeper).count("client.failing") == 2  # both OAuth clients are this provider's
    assert kinds(keeper).count("client.recovered") == 0
    assert all(keeper.get(grant.id).usable for grant in grants)
    assert {state.why for state in keeper.health.states()} == {"outage"}


def test_a_revoked_grant_is_noticed_by_its_daily_check(keeper: Keeper, emulator: Emulator, worker: Worker) -> None:
    """The business hears of it from an event, not from a call that fails weeks later."""
    first, second = crowd(keeper, emulator, 2)
    emulator.revoke("ida@nordwind-outdoor.example")
    for _ in range(26):
        emulator.clock.advance(HOUR)
        worker.sweep()

    assert [(each.kind, each.grant_id) for each in keeper.events(kind="grant.consent_required")] == [
        ("grant.consent_required", first.id)
    ]
    assert keeper.get(second.id).usable


def test_one_client_with_much_to_do_delays_no_other(emulator: Emulator, tmp_path: Any) -> None:
    """V-63: 300 grants of one OAuth client are due before 3 of another; those are renewed in the first second."""
    store = SqlStore(f"sqlite:///{tmp_path / 'g.sqlite3'}", now=emulator.clock.now)
    store.migrate()
    clients = [oauth_client(emulator, name, ["adwords"]) for name in ("busy", "quiet")]

    with Keeper(
        store=store,
        sealer=KeyRing.parse(new_key()),
        clients=clients,
        transport=EmulatorTransport(emulator),
        now=emulator.clock.now,
        pause=emulator.clock.advance,
    ) as keeper:
        busy, quiet = crowd(keeper, emulator, 150, client="busy"), crowd(keeper, emulator, 3, client="quiet")
        use(keeper, emulator, [*busy, *quiet])
        emulator.clock.advance(timedelta(minutes=50))
        now = emulator.clock.now()
        due_at(keeper, busy, now - HOUR)
        due_at(keeper, quiet, now)
        worker = Worker(keeper, threads=1, refreshes_per_second=10)
        done = worker.sweep()
        waited = emulator.clock.now() - now
        late = max((keeper.get(each.id).refreshed_at or now) - now for each in quiet)

    assert tended(done) == 153
    assert late <= timedelta(seconds=2)
    assert timedelta(seconds=13) <= waited <= timedelta(seconds=80)


def test_a_bug_in_one_grants_work_stops_no_other(
    keeper: Keeper, emulator: Emulator, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-52: whatever is raised."""
    first, second = crowd(keeper, emulator, 2)
    use(keeper, emulator, (first, second))
    emulator.clock.advance(timedelta(minutes=50))
    renew: Callable[[str], Any] = keeper.work.renew

    def broken(grant_id: str) -> Any:
        if grant_id == first.id:
            raise ZeroDivisionError
        return renew(grant_id)

    monkeypatch.setattr(keeper.work, "renew", broken)

    done = worker.sweep()
    assert (done.grants["failed"], tended(done)) == (1, 1)


def test_what_could_not_be_renewed_is_once_the_provider_is_back(
    keeper: Keeper, emulator: Emulator, worker: Worker
) -> None:
    """R-51: the grants stayed due; one event tells that it works again, for each OAuth client."""
    grants = crowd(keeper, emulator, 12)
    use(keeper, emulator, grants)
    emulator.clock.advance(timedelta(minutes=50))
    emulator.fail(503, times=8)
    for _ in range(60):
        worker.sweep()
        emulator.clock.advance(timedelta(seconds=15))

    assert [kinds(keeper).count(kind) for kind in ("client.failing", "client.recovered")] == [2, 2]
    assert all(state.failing_since is None for state in keeper.health.states())
    assert all(
        (keeper.get(each.id).expires_at or emulator.clock.now()) > emulator.clock.now() + HOUR / 2 for each in grants
    )
