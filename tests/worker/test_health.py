"""Whether an OAuth client works is said rightly by many processes, whichever of them live on."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from grantkeeper import Grant, GrantkeeperError, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.model import Request, Response
from grantkeeper.testing import EmulatorTransport
from grantkeeper.worker import Worker
from worker.conftest import Opens
from worker.crowd import crowd, kinds, use

MINUTE = timedelta(minutes=1)


class Refused(EmulatorTransport):
    """A transport of a process whose client secret is wrong."""

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Answer refreshes as to one who is not known."""
        if request.url.endswith("/token"):
            return Response(status=401, headers={}, body=b'{"error":"invalid_client"}')
        return super().send(request, deadline=deadline)


def told(keeper: Keeper) -> list[str]:
    """Return what was told of the client that is used here."""
    events = keeper.events(limit=1000)
    return [each.kind for each in events if each.client == "google-ads" and each.kind.startswith("client.")]


def refresh(keeper: Keeper, grants: list[Grant]) -> None:
    """Refresh them, whatever becomes of it."""
    for grant in grants:
        with suppress(GrantkeeperError):
            keeper.refresh(grant.id)


def test_a_client_is_said_to_work_again_by_the_next_that_cron_starts(opens: Opens, emulator: Emulator) -> None:
    """Each `maintain` is a process of its own: none lives to take back what it said. A later outage is told, too."""
    keeper = opens()
    use(keeper, emulator, crowd(keeper, emulator, 8))

    def maintain() -> None:
        with opens() as another:
            Worker(another, threads=1).sweep()

    for _ in range(2):
        emulator.clock.advance(50 * MINUTE)
        emulator.fail(503, times=5)
        maintain()
        assert told(keeper)[-1] == "client.failing"
        emulator.clock.advance(20 * MINUTE)
        maintain()
        assert told(keeper)[-1] == "client.recovered"

    assert told(keeper) == ["client.failing", "client.recovered"] * 2
    assert kinds(keeper).count("client.recovered") == 4  # both OAuth clients are this provider's
    assert not any(state.failing_since for state in keeper.health.states())


def test_who_works_does_not_take_back_what_another_rightly_says(opens: Opens, emulator: Emulator) -> None:
    """One process has a wrong secret: the client fails for it, however long the others work, until it is gone."""
    good, bad = opens(), opens(transport=Refused(emulator))
    grants = crowd(good, emulator, 8)
    for _ in range(8):
        emulator.clock.advance(5 * MINUTE)
        refresh(bad, grants[:4])
        refresh(good, grants[4:])
        good.work.settle()
        assert told(good) == ["client.failing"]
    for _ in range(3):
        emulator.clock.advance(5 * MINUTE)
        refresh(good, grants[4:])
        good.work.settle()

    assert told(good) == ["client.failing", "client.recovered"]
    refresh(bad, grants[:4])
    assert told(good) == ["client.failing", "client.recovered", "client.failing"]  # it was not gone, only idle
