"""A day in the life of 200 grants."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from grantkeeper import Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.worker import Worker
from worker.crowd import crowd, refreshes

STEP = timedelta(minutes=5)
USED = 30


def test_callers_never_wait_and_whoever_is_not_used_is_checked_once(
    keeper: Keeper, emulator: Emulator, worker: Worker
) -> None:
    """R-50, O-56r: used grants are renewed ahead, the others once a day, spread evenly; no refresh is a caller's."""
    grants = crowd(keeper, emulator, 200)
    used, unused = grants[:USED], grants[USED:]
    for grant in used:
        keeper.token(grant.id)
    worker.sweep()
    checked: Counter[int] = Counter()
    lived: Counter[str] = Counter()
    by_callers = 0
    for step in range(288):
        emulator.clock.advance(STEP)
        before = refreshes(emulator)
        for grant in used:
            keeper.token(grant.id)
        by_callers += refreshes(emulator) - before
        checked[step // 24] += worker.sweep().grants.get("checked", 0)
    for grant in unused:
        lived[f"{(keeper.get(grant.id).refreshed_at or grant.created_at) > grant.created_at}"] += 1

    assert by_callers == 0
    assert checked.total() == 200
    assert max(checked.values()) < 40
    assert min(checked[part] for part in range(12)) >= 4
    # Those whose turn came within the first hours were proven by the consent itself.
    assert refreshes(emulator) < USED * 36 + len(unused) * 2
    assert lived["True"] > 150


def test_an_unused_grant_is_kept_alive_for_years(keeper: Keeper, emulator: Emulator, worker: Worker) -> None:
    """O-56r: Google ends refresh tokens that nobody uses for six months; a refresh a day is use."""
    (grant,) = crowd(keeper, emulator, 1)
    for _ in range(220):
        emulator.clock.advance(timedelta(days=1))
        worker.sweep()

    assert keeper.get(grant.id).usable
    assert refreshes(emulator) in range(218, 222)
    assert keeper.token(grant.id).value


def test_checks_can_be_switched_off(keeper: Keeper, emulator: Emulator) -> None:
    """Whoever does not want their clients' grants to be used when nobody asks; used ones are renewed all the same."""
    worker = Worker(keeper, threads=1, checks="off")
    idle, busy = crowd(keeper, emulator, 2)
    for _ in range(48):
        keeper.token(busy.id)
        emulator.clock.advance(timedelta(minutes=30))
        worker.sweep()

    assert keeper.get(idle.id).refreshed_at == idle.refreshed_at
    assert keeper.get(busy.id).refreshed_at != busy.refreshed_at


def test_a_grant_that_is_used_again_is_renewed_ahead_from_then_on(
    keeper: Keeper, emulator: Emulator, worker: Worker
) -> None:
    """The first caller after days may wait for a refresh; the second does not."""
    (grant,) = crowd(keeper, emulator, 1)
    for _ in range(3):
        emulator.clock.advance(timedelta(days=1))
        worker.sweep()
    keeper.token(grant.id)
    worker.sweep()
    asked = []
    for _ in range(30):
        emulator.clock.advance(STEP)
        worker.sweep()
        before = refreshes(emulator)
        keeper.token(grant.id)
        asked.append(refreshes(emulator) - before)

    assert asked == [0] * 30


def test_a_grant_that_is_no_longer_used_is_left_until_its_check(
    keeper: Keeper, emulator: Emulator, worker: Worker
) -> None:
    """The worker's own refreshes are no use: it does not renew for ever what somebody used once."""
    (grant,) = crowd(keeper, emulator, 1)
    keeper.token(grant.id)
    for _ in range(30):
        emulator.clock.advance(timedelta(hours=1))
        worker.sweep()
    before = refreshes(emulator)
    for _ in range(48):
        emulator.clock.advance(timedelta(hours=1))
        worker.sweep()

    assert refreshes(emulator) - before == 2
