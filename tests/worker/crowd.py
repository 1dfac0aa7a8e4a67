"""Many grants, and what was asked of the provider for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from grantkeeper import Grant, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.testing import consent
from grantkeeper.worker import Round

PEOPLE = ("ida@nordwind-outdoor.example", "tom.becker@nordwind-outdoor.example", "sam@fjord-media.example")


def crowd(keeper: Keeper, emulator: Emulator, count: int, *, client: str = "google-ads") -> list[Grant]:
    """Let people connect for so many owners, in turn."""
    return [
        consent(keeper, emulator, f"owner-{number}", PEOPLE[number % len(PEOPLE)], client) for number in range(count)
    ]


def use(keeper: Keeper, emulator: Emulator, grants: Iterable[Grant]) -> None:
    """Ask for the tokens of these grants, a moment after their consent, and write that down."""
    emulator.clock.advance(timedelta(seconds=2))
    for grant in grants:
        keeper.token(grant.id)
    keeper.work.flush()


def refreshes(emulator: Emulator) -> int:
    """Return how many refreshes the provider was asked for."""
    return len(emulator.requests("/token", grant_type="refresh_token"))


def due_at(keeper: Keeper, grants: Iterable[Grant], at: datetime) -> None:
    """Let these grants be due then."""
    keeper.work.put(dict.fromkeys((grant.id for grant in grants), at))


def kinds(keeper: Keeper, *, grant_id: str | None = None) -> list[str]:
    """Return the kinds of events, oldest first, without what only tells of the consent."""
    return [each.kind for each in keeper.events(grant_id=grant_id, limit=1000) if each.kind != "grant.connected"]


def tended(done: Round) -> int:
    """Return how many grants were refreshed by a sweep: ahead, or because their daily turn came, too."""
    return done.grants.get("renewed", 0) + done.grants.get("checked", 0)
