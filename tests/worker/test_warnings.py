"""What a worker tells of before it is too late."""

from __future__ import annotations

from datetime import timedelta

from grantkeeper import Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.renewal import announced_from
from grantkeeper.testing import consent
from grantkeeper.worker import Worker
from keeper.accounts.scene import LIST, WINTER, lose
from worker.crowd import PEOPLE, crowd, kinds

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def ends(keeper: Keeper, emulator: Emulator, grant_id: str, after: timedelta) -> None:
    """Let the provider say with the next refresh that the grant ends so long after its consent."""
    left = keeper.get(grant_id).consented_at + after - emulator.clock.now()
    seconds = int(left.total_seconds())
    emulator.tamper_token_answer(lambda answer: answer | {"refresh_token_expires_in": seconds})
    keeper.refresh(grant_id)


def live(worker: Worker, emulator: Emulator, days: float) -> None:
    """Let days pass, with a sweep each hour."""
    for _ in range(int(days * 24)):
        emulator.clock.advance(HOUR)
        worker.sweep()


def test_seven_days_of_testing_are_announced_two_days_before(
    keeper: Keeper, emulator: Emulator, worker: Worker
) -> None:
    """Once, with the day and why; nobody has to be surprised by it."""
    (grant,) = crowd(keeper, emulator, 1)
    ends(keeper, emulator, grant.id, 7 * DAY)
    live(worker, emulator, 4.5)
    assert "grant.ending" not in kinds(keeper)
    live(worker, emulator, 2)

    (event,) = keeper.events(kind="grant.ending")
    ends_at = keeper.get(grant.id).ends_at
    assert ends_at is not None
    assert event.grant_id == grant.id
    assert (event.data["why"], event.data["days_left"]) == ("testing", 2)
    assert event.data["ends_at"][:16] == ends_at.isoformat()[:16]
    assert timedelta(days=2) - (ends_at - event.at) <= HOUR


def test_a_longer_limit_is_announced_a_week_before(keeper: Keeper, emulator: Emulator, worker: Worker) -> None:
    """A person gave access for thirty days; the new consent's end is announced again in its time."""
    (grant,) = crowd(keeper, emulator, 1)
    ends(keeper, emulator, grant.id, 30 * DAY)
    live(worker, emulator, 24)

    (event,) = keeper.events(kind="grant.ending")
    assert (event.data["why"], event.data["days_left"]) == ("time_limit", 7)
    emulator.revoke(PEOPLE[0])
    assert consent(keeper, emulator, "owner-0", PEOPLE[0]).id == grant.id
    ends(keeper, emulator, grant.id, 30 * DAY)
    live(worker, emulator, 20)
    assert len(keeper.events(kind="grant.ending")) == 1
    live(worker, emulator, 4)
    assert len(keeper.events(kind="grant.ending")) == 2


def test_an_end_that_moves_by_a_second_is_announced_once(keeper: Keeper, emulator: Emulator, worker: Worker) -> None:
    """A provider says in whole seconds how long is left; what is left of the second moves the end with each refresh."""
    (grant,) = crowd(keeper, emulator, 1)
    end = keeper.get(grant.id).consented_at + 30 * DAY
    for before in (timedelta(days=7, minutes=30, seconds=0.95), timedelta(days=7, minutes=-20, seconds=0.02)):
        emulator.clock.set(end - before)
        ends(keeper, emulator, grant.id, 30 * DAY)
        since = announced_from(keeper.get(grant.id))
        assert since is not None
        emulator.clock.set(max(since + timedelta(seconds=0.1), emulator.clock.now()))
        worker.sweep()
    live(worker, emulator, 1.5)

    assert len(keeper.events(kind="grant.ending")) == 1


def test_a_person_with_nearly_as_many_connections_as_may_live_is_told_of_once_a_day(
    keeper: Keeper, emulator: Emulator, worker: Worker
) -> None:
    """O-28: Google keeps 100 refresh tokens of a person alive at an OAuth client; the oldest die silently."""
    grants = [consent(keeper, emulator, f"owner-{number}", PEOPLE[0]) for number in range(77)]
    crowd(keeper, emulator, 6, client="ad-manager")  # two of them are this person's, at the same client id
    live(worker, emulator, 1)
    assert "grant.cap_near" not in kinds(keeper)
    grants.append(consent(keeper, emulator, "owner-79", PEOPLE[0]))
    live(worker, emulator, 2)

    told = keeper.events(kind="grant.cap_near")
    assert [each.data for each in told] == [{"live": 80, "cap": 100}] * 2
    assert {each.grant_id for each in told} == {min(grant.id for grant in grants)}
    assert told[1].at - told[0].at > DAY - 2 * HOUR


def test_what_a_grant_reaches_is_looked_for_once_a_day(keeper: Keeper, emulator: Emulator, worker: Worker) -> None:
    """Accounts drift: what another look finds lost is an event without anybody asking."""
    (grant,) = crowd(keeper, emulator, 1)
    keeper.discover(grant.id)
    live(worker, emulator, 1)
    (version,) = (look.version for look in keeper.looks(grant.id))
    assert kinds(keeper) == []
    lose(emulator, PEOPLE[0], WINTER)
    live(worker, emulator, 1)

    (event,) = keeper.events(kind="grant.accounts_changed")
    assert event.data["lost"][0]["id"] == WINTER
    assert version == 2
    assert [look.version for look in keeper.looks(grant.id)] == [3]


def test_an_api_in_trouble_is_asked_again_in_an_hour(keeper: Keeper, emulator: Emulator, worker: Worker) -> None:
    """Not only tomorrow; and the grant is checked for the day only when it was answered."""
    (grant,) = crowd(keeper, emulator, 1)
    emulator.clock.advance(DAY)
    emulator.fail(503, times=3, path=LIST, body={"error": {"code": 503, "status": "UNAVAILABLE", "message": "Busy."}})

    assert worker.sweep().grants == {"waits": 1}
    assert worker.sweep().grants == {}
    emulator.clock.advance(HOUR)
    assert worker.sweep().grants == {"checked": 1}
    assert [look.problem for look in keeper.looks(grant.id)] == [""]
    assert worker.sweep().grants == {}
