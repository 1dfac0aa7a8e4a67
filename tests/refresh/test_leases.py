"""The lease: who refreshes a grant, who waits and how, and when a lease of somebody who is gone is taken over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from grantkeeper import Keeper, ProviderUnavailable
from grantkeeper.keeper.refresh import holders
from grantkeeper.keeper.refresh.leases import LEASE, STEAL_AFTER, Leases, Watch
from refresh.conftest import NewScene
from refresh.scene import HOUR, SECOND, Scene, unsent

ELSEWHERE = "0123456789ab.77.88.99aabbccddee"
"""An attempt of a process of another host: whether it still runs cannot be seen from here."""


def held(scene: Scene, grant_id: str, by: str = ELSEWHERE, *, lease: timedelta = LEASE) -> None:
    """Let somebody hold the lease, who is about to send."""
    row = scene.row(grant_id)
    now = scene.clock.now()
    with closing(scene.database()) as store:
        assert store.begin_refresh(
            grant_id, version=row.grant.version, sends=row.sends, attempt=by, at=now, lease=lease, expired=row.lease
        )


def leases(scene: Scene) -> Leases:
    """Return what takes leases, by itself."""
    return Leases(store=scene.store, now=scene.clock.now, length=LEASE, replay=lambda _over: None)


# --- the watch -----------------------------------------------------------------------------------------------------


def test_a_watch_looks_often_at_first_and_four_times_a_second_later() -> None:
    """R-03: most refreshes take 50 ms; nobody polls a database a thousand times for one that takes 20 s."""
    watch = Watch()
    taken = [watch.pause() for _ in range(100)]

    assert timedelta(milliseconds=7) <= taken[0] <= timedelta(milliseconds=13)
    assert all(timedelta(milliseconds=175) <= each <= timedelta(milliseconds=325) for each in taken[20:])
    assert watch.waited == sum(taken, timedelta())
    assert len(set(taken)) > 90


def test_a_watch_begins_anew_with_another_lease() -> None:
    """R-03: what counts is how long the present one was seen unchanged."""
    watch = Watch()
    watch.look("one")
    watch.passed(4 * SECOND)
    watch.look("one")
    watch.passed(2 * SECOND)
    assert watch.longer_than(STEAL_AFTER)
    watch.look("two")
    watch.passed(4 * SECOND)
    watch.look("two")

    assert not watch.longer_than(STEAL_AFTER)
    assert watch.waited == 10 * SECOND


# --- who is gone ---------------------------------------------------------------------------------------------------

CHILD = """
import sys
from grantkeeper.keeper.refresh import holders
print(holders.begin(), flush=True)
sys.stdin.read()
"""


def started() -> tuple[subprocess.Popen[str], str]:
    """Start a process that makes an attempt; returns it and the attempt's name."""
    process = subprocess.Popen([sys.executable, "-c", CHILD], stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_process_of_this_host_is_known_to_live_and_to_be_gone() -> None:
    """R-10: while it lives its lease stands; from the kill on, even before anybody has waited for it, it is gone."""
    process, attempt = started()
    with process:
        assert not holders.is_gone(attempt)
        os.kill(process.pid, signal.SIGSTOP)
        assert not holders.is_gone(attempt)
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        assert state == "Z"
        assert holders.is_gone(attempt)

    assert holders.is_gone(attempt)


def test_a_process_id_that_was_given_again_is_another_process() -> None:
    """R-10: a lease names when its process started, too."""
    host, pid, start, rest = holders.begin().split(".")

    assert holders.is_gone(f"{host}.1.{start}.{rest}")
    assert holders.is_gone(f"{host}.{pid}.{int(start) + 1}.{rest}")
    assert not holders.is_gone(f"{'0' * 12}.{pid}.{int(start) + 1}.{rest}")


@pytest.mark.parametrize("lease", ["", "x", "a.b", ELSEWHERE, "....", "é.1.2.3", "a" * 64])
def test_of_others_nothing_is_said(lease: str) -> None:
    """R-03: another host, another boot, another version's names: the lease has to end by itself."""
    assert not holders.is_gone(lease)


def test_an_attempt_that_ended_here_is_gone_and_one_under_way_is_not() -> None:
    """R-10: a thread that was interrupted leaves no lease that others of its process wait for."""
    one, other = holders.begin(), holders.begin()
    holders.end(one)
    holders.end(one)

    assert one != other
    assert len(one) <= 64
    assert holders.is_gone(one)
    assert not holders.is_gone(other)
    holders.end(other)


# --- taking it -----------------------------------------------------------------------------------------------------


def test_who_takes_the_lease_writes_down_that_it_sends(scene: Scene) -> None:
    """R-10: lease and intent are one write, before anything is sent; a second send extends and counts."""
    grant = scene.grant()
    row, parts = scene.row(grant), leases(scene)
    attempt = parts.take(row, Watch())
    assert attempt is not None
    assert scene.open_ends(grant) == (attempt, True, 1)
    first = scene.row(grant).sent_at
    scene.clock.advance(5 * SECOND)

    assert parts.again(row, attempt, unknown=True)
    assert scene.open_ends(grant) == (attempt, True, 2)
    assert scene.row(grant).sent_at == first
    assert parts.take(row, Watch()) is None
    parts.give_back(row, attempt, unknown=False)
    assert scene.row(grant) == row


@pytest.mark.parametrize("unknown", [True, False])
def test_giving_back_says_what_stays_open(scene: Scene, unknown: bool) -> None:
    """R-11: not sent, or turned down: as before. Outcome unknown: since when, and how often."""
    grant = scene.grant()
    parts = leases(scene)
    for times in (1, 2):
        row = scene.row(grant)
        attempt = parts.take(row, Watch())
        assert attempt is not None
        parts.give_back(row, attempt, unknown=unknown)
        assert scene.open_ends(grant) == ("", unknown, times if unknown else 0)


def test_giving_back_what_was_taken_over_changes_nothing(scene: Scene) -> None:
    """R-03: the successor's lease and intent stay as they are."""
    grant = scene.grant()
    row, parts = scene.row(grant), leases(scene)
    attempt = parts.take(row, Watch())
    assert attempt is not None
    scene.clock.advance(LEASE + SECOND)
    held(scene, grant)
    now = scene.row(grant)
    for unknown in (True, False):
        parts.give_back(row, attempt, unknown=unknown)

    assert scene.row(grant) == now
    assert now.lease == ELSEWHERE
    assert not parts.again(row, attempt, unknown=False)
    assert scene.row(grant) == now


def test_who_was_held_up_on_the_way_to_the_lease_does_not_use_it(scene: Scene) -> None:
    """R-04, R-66: the database took eleven seconds: the rest would not last for a call to the provider."""
    grant = scene.grant()
    row, begin = scene.row(grant), scene.store.begin_refresh

    def slow(*args: object, **rest: object) -> bool:
        done = begin(*args, **rest)  # type: ignore[arg-type]
        scene.clock.advance(11 * SECOND)
        return done

    scene.store.begin_refresh = slow  # type: ignore[method-assign]
    assert leases(scene).take(row, Watch()) is None
    assert scene.row(grant) == row


# --- waiting for it ------------------------------------------------------------------------------------------------


def test_who_waits_takes_what_the_other_brings(scene: Scene) -> None:
    """R-01, R-09: one send, both have the token, and the row is read a few times and not written."""
    grant = scene.grant()
    other = scene.keeper(store=scene.database())
    held(scene, grant)
    passed: list[timedelta] = []

    def pause(duration: timedelta) -> None:
        passed.append(duration)
        scene.clock.advance(duration)
        if sum(passed, timedelta()) > 2 * SECOND and scene.row(grant).lease:
            with closing(scene.database()) as store:
                store.end_refresh(grant, attempt=ELSEWHERE, sent_at=None, sends=0)
            other.refresh(grant)

    waiter = scene.keeper(pause=pause)
    scene.store.reads = 0
    token = waiter.token(grant)

    assert other.token(grant).value == token.value
    assert scene.sent() == [1]
    assert scene.store.saves == 0
    assert scene.store.reads <= 2 + 25


def test_while_another_refreshes_a_token_that_lives_long_enough_is_served(scene: Scene) -> None:
    """R-07: it depends on how much life is asked for, not on who refreshes."""
    grant = scene.grant()
    keeper = scene.keeper()
    token = keeper.token(grant)
    scene.clock.advance(HOUR - timedelta(minutes=4))
    held(scene, grant)
    waited = scene.clock.now()

    assert keeper.token(grant, min_ttl=timedelta(minutes=3)).value == token.value
    fresh = scene.keeper(store=scene.database())
    assert fresh.token(grant, min_ttl=timedelta(minutes=3)).value == token.value
    assert scene.clock.now() == waited
    assert scene.sent() == [1]


def test_a_refresh_at_any_rate_takes_anothers_that_ended_meanwhile(scene: Scene) -> None:
    """R-09: what was asked for is a new token, not a second one."""
    grant = scene.grant()
    other = scene.keeper(store=scene.database())
    held(scene, grant)
    released: list[Keeper] = [other]

    def pause(duration: timedelta) -> None:
        scene.clock.advance(duration)
        if released:
            with closing(scene.database()) as store:
                store.end_refresh(grant, attempt=ELSEWHERE, sent_at=None, sends=0)
            released.pop().refresh(grant)

    assert scene.keeper(pause=pause).refresh(grant).value == other.token(grant).value
    assert scene.sent() == [1]


def test_who_waits_goes_on_at_once_when_the_other_gives_up(scene: Scene) -> None:
    """R-03: a lease that was given back is free."""
    grant = scene.grant()
    held(scene, grant)

    def pause(duration: timedelta) -> None:
        scene.clock.advance(duration)
        with closing(scene.database()) as store:
            store.end_refresh(grant, attempt=ELSEWHERE, sent_at=None, sends=0)

    began = scene.clock.now()
    assert scene.keeper(pause=pause).token(grant).value
    assert scene.clock.now() - began < SECOND


# --- taking it over ------------------------------------------------------------------------------------------------


def took_over(scene: Scene, grant_id: str) -> timedelta:
    """Ask for the token; returns how long that took."""
    began = scene.clock.now()
    assert scene.keeper(store=scene.database()).token(grant_id).value
    return scene.clock.now() - began


def test_a_lease_of_a_keeper_that_may_live_is_respected_to_its_end(scene: Scene) -> None:
    """R-03, R-13: nothing is sent before its time is up by the database's clock, and then it is taken."""
    grant = scene.grant()
    held(scene, grant)

    assert LEASE <= took_over(scene, grant) < LEASE + SECOND
    assert scene.sent() == [1]
    assert scene.open_ends(grant) == ("", False, 0)


def test_a_lease_that_is_over_is_watched_twice_for_five_seconds(scene: Scene) -> None:
    """R-14: its holder may be about to save: it tries every two seconds, once the database is proved to take writes."""
    grant = scene.grant()
    held(scene, grant)
    scene.clock.advance(10 * HOUR)

    assert 2 * STEAL_AFTER < took_over(scene, grant) < 2 * STEAL_AFTER + SECOND
    assert scene.sent() == [1]


def test_a_lease_that_changes_hands_is_watched_anew(scene: Scene) -> None:
    """R-03: five seconds of this lease, not of any."""
    grant = scene.grant()
    held(scene, grant)
    scene.clock.advance(LEASE)
    began = scene.clock.now()
    changed: list[timedelta] = []

    def pause(duration: timedelta) -> None:
        scene.clock.advance(duration)
        if scene.clock.now() - began > 4 * SECOND and not changed:
            changed.append(scene.clock.now() - began)
            held(scene, grant, ELSEWHERE[:-1] + "f", lease=timedelta())

    assert scene.keeper(pause=pause).token(grant).value
    assert scene.clock.now() - began > 4 * SECOND + STEAL_AFTER
    assert scene.sent() == [1]


def test_a_lease_that_was_begun_anew_is_watched_anew(scene: Scene) -> None:
    """R-03, R-04: before its second call a holder takes its lease again, and has all the time of a call."""
    grant, watch = scene.grant(), Watch()
    held(scene, grant)
    for passed in (STEAL_AFTER + SECOND, LEASE):
        assert leases(scene).take(scene.row(grant), watch) is None
        watch.passed(passed)
    held(scene, grant)

    for _ in range(3):
        watch.passed(STEAL_AFTER + SECOND)
        assert leases(scene).take(scene.row(grant), watch) is None


def test_a_process_of_this_host_that_was_killed_holds_nobody_up(scene: Scene) -> None:
    """R-10: its lease is over with it, and so is the wait."""
    grant = scene.grant()
    process, attempt = started()
    held(scene, grant, attempt)

    def pause(_duration: timedelta) -> None:
        process.kill()
        process.wait()

    waiting = scene.keeper(store=scene.database(), pause=pause)
    with process:
        began = scene.clock.now()
        assert waiting.token(grant).value

    assert scene.clock.now() == began
    assert scene.sent() == [1]


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_clock_that_jumps_on_one_host_steals_no_lease(scene: Scene, jump: timedelta) -> None:
    """R-65: leases end by the database's clock; the waiter's own is asked for nothing."""
    grant = scene.grant()
    held(scene, grant)
    began = scene.clock.now()
    offset = [timedelta()]

    def pause(duration: timedelta) -> None:
        scene.clock.advance(duration)
        offset[0] = jump

    keeper = scene.keeper(store=scene.database(), now=lambda: scene.clock.now() + offset[0], pause=pause)
    assert keeper.refresh(grant).value
    assert LEASE <= scene.clock.now() - began < LEASE + SECOND
    assert scene.sent() == [1]


def test_the_databases_clock_that_jumps_ends_no_lease_at_once(scene: Scene) -> None:
    """R-65: set forward by an hour, the lease looks over: it is watched first, and its holder saves meanwhile."""
    grant = scene.grant()
    other = scene.keeper(store=scene.database())
    answers: list[bool] = []

    def jump() -> None:
        with closing(scene.database()) as store:
            store._now = lambda: scene.clock.now() + HOUR
            row = scene.row(grant)
            parts = Leases(store=store, now=scene.clock.now, length=LEASE, replay=lambda _over: None)
            watch = Watch()
            answers.append(parts.take(row, watch) is None)
            watch.passed(4 * SECOND)
            answers.append(parts.take(row, watch) is None)

    scene.wire.before.append(jump)
    assert other.token(grant).value
    assert answers == [True, True]
    assert scene.sent() == [1]


def test_the_databases_clock_set_back_holds_nobody_up_for_ever(scene: Scene) -> None:
    """R-65: by then every lease has had its time, whatever the clock says."""
    grant = scene.grant()
    held(scene, grant)
    began = scene.clock.now()
    store = scene.database()
    store._now = lambda: began - HOUR
    waited: list[timedelta] = []

    def pause(duration: timedelta) -> None:
        waited.append(duration)
        scene.clock.advance(duration)

    assert scene.keeper(store=store, pause=pause).token(grant).value
    assert LEASE + 2 * STEAL_AFTER < sum(waited, timedelta()) < LEASE + 2 * STEAL_AFTER + SECOND


def test_a_wait_that_leads_to_nothing_ends(scene: Scene) -> None:
    """R-03: others take the lease again and again: the caller is told, and has sent nothing."""
    grant = scene.grant()
    held(scene, grant, lease=timedelta())
    began, taken = scene.clock.now(), [ELSEWHERE]

    def pause(duration: timedelta) -> None:
        scene.clock.advance(duration)
        if scene.clock.now() - began > 4 * SECOND * len(taken):
            taken.append(f"{ELSEWHERE[:-2]}{len(taken):02}")
            held(scene, grant, taken[-1], lease=timedelta())

    with pytest.raises(ProviderUnavailable, match="does not end"):
        scene.keeper(pause=pause).token(grant)

    assert scene.sent() == []
    assert scene.row(grant).lease == taken[-1]
    assert scene.clock.now() - began < timedelta(minutes=1, seconds=5)


@pytest.mark.parametrize("rotation", ["none", "strict"])
def test_a_failure_gives_the_lease_back_for_the_next(new_scene: NewScene, rotation: str) -> None:
    """R-11: who could not even connect leaves the row exactly as it was."""
    scene = new_scene(rotation=rotation)
    grant = scene.grant()
    row = scene.row(grant)
    scene.wire.before.append(unsent)
    with pytest.raises(ProviderUnavailable):
        scene.keeper().token(grant)

    assert scene.row(grant) == row
    assert took_over(scene, grant) == timedelta()
    assert scene.sent() == [1]
