"""Several workers over one database do each job once."""

from __future__ import annotations

import threading
from datetime import timedelta

from grantkeeper import Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.worker import Worker
from worker.conftest import Opens
from worker.crowd import crowd, due_at, kinds, refreshes, tended, use

DAY = timedelta(days=1)


def test_two_workers_renew_each_grant_once(opens: Opens, emulator: Emulator) -> None:
    """One worker sweep does each job once, whoever else sweeps at the same time."""
    one, two = opens(), opens()
    grants = crowd(one, emulator, 40)
    use(one, emulator, grants)
    before = refreshes(emulator)
    emulator.clock.advance(timedelta(minutes=50))
    together = threading.Barrier(2)
    done: list[int] = []

    def sweep(keeper: Keeper) -> None:
        worker = Worker(keeper, threads=4)
        together.wait(10)
        done.append(tended(worker.sweep()))

    threads = [threading.Thread(target=sweep, args=(keeper,)) for keeper in (one, two)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    # What both found claimed by the other when they ended is the next round's.
    last = tended(Worker(one, threads=1).sweep())

    assert sum(done) + last == 40
    assert refreshes(emulator) - before == 40


def test_a_killed_workers_claims_are_taken_over_when_their_time_is_up(opens: Opens, emulator: Emulator) -> None:
    """R-57: `kill -9` between the claim and the refresh costs five minutes, and no caller anything."""
    one, two = opens(), opens()
    grants = crowd(one, emulator, 3)
    use(one, emulator, grants)
    emulator.clock.advance(timedelta(minutes=48))
    now = emulator.clock.now()
    due_at(one, grants, now)
    taken = one.work.claim(one.client("google-ads"), until=now + timedelta(minutes=5), limit=10, used_since=now)
    worker = Worker(two, threads=1)

    assert len(taken) == 3
    assert tended(worker.sweep()) == 0
    emulator.clock.advance(timedelta(minutes=5))
    assert tended(worker.sweep()) == 3
    before = refreshes(emulator)
    assert all(two.token(grant.id).value for grant in grants)
    assert refreshes(emulator) == before


def test_the_end_of_a_grant_is_announced_once_whoever_notices(opens: Opens, emulator: Emulator) -> None:
    """Two workers, one of which is slow, and a claim that ran out: one event."""
    one, two = opens(), opens()
    (grant,) = crowd(one, emulator, 1)
    _ends(one, emulator, grant.id, timedelta(days=7))
    emulator.clock.advance(timedelta(days=5, hours=1))
    for keeper in (one, two, one):
        due_at(one, [grant], emulator.clock.now())
        Worker(keeper, threads=1).sweep()

    assert kinds(one).count("grant.ending") == 1


def _ends(keeper: Keeper, emulator: Emulator, grant_id: str, after: timedelta) -> None:
    """Let the provider say with the next refresh when the grant ends."""
    seconds = int((after - (emulator.clock.now() - keeper.get(grant_id).consented_at)).total_seconds())
    emulator.tamper_token_answer(lambda answer: answer | {"refresh_token_expires_in": seconds})
    keeper.refresh(grant_id)
    assert keeper.get(grant_id).ends_at is not None
