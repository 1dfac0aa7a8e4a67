"""A link in many browsers at once: one success, and nothing of the others is kept."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from grantkeeper import Grant, GrantkeeperError, Keeper, Redirect
from grantkeeper.emulator import Emulator
from grantkeeper.model import LinkStatus
from grantkeeper.store import SqlStore
from grantkeeper.testing import emulated_keeper
from links.walking import IDA, LUCIA, MATEO, TOM, kinds, token_of

CROWD = 50


def at_once(keeper: Keeper, browsers: list[tuple[Redirect, str]]) -> list[Grant | Redirect | GrantkeeperError]:
    """Bring all browsers back at the same moment; returns how each ended."""
    together = Barrier(len(browsers))

    def back(away: Redirect, query: str) -> Grant | Redirect | GrantkeeperError:
        together.wait()
        try:
            return keeper.complete(away.flow, query)
        except GrantkeeperError as error:
            return error

    with ThreadPoolExecutor(len(browsers)) as pool:
        return list(pool.map(lambda each: back(*each), browsers))


def raced(keeper: Keeper, emulator: Emulator, person: Callable[[int], str]) -> None:
    """Let a crowd use one link at once, and look at what is left."""
    made = keeper.link("acme", "google-ads", other_account="add", confirm="auto")
    away = [keeper.follow(token_of(made)) for _ in range(CROWD)]
    browsers = [(each, emulator.consent(each.url, person(number))) for number, each in enumerate(away)]

    ended = at_once(keeper, browsers)

    granted = [each for each in ended if isinstance(each, Grant)]
    assert len(granted) == 1, [str(each) for each in ended]
    assert list(keeper.grants()) == granted
    link = keeper.links.get(made.link.id)
    assert (link.status, link.result_grant_id) == (LinkStatus.CONFIRMED, granted[0].id)
    assert kinds(keeper).count("grant.connected") == 1
    assert kinds(keeper).count("link.opened") == 1


def test_fifty_callbacks_of_one_person_are_one_success(store: SqlStore, emulator: Emulator) -> None:
    """V-33: exactly one, on every database."""
    with emulated_keeper(emulator, store) as keeper:
        raced(keeper, emulator, lambda _number: IDA)


def test_fifty_callbacks_of_several_people_are_one_success(store: SqlStore, emulator: Emulator) -> None:
    """V-33: who comes second is refused, and nothing of them is in the database."""
    people = (IDA, TOM, LUCIA, MATEO)
    with emulated_keeper(emulator, store) as keeper:
        raced(keeper, emulator, lambda number: people[number % 4])


def test_who_comes_second_by_one_link_is_refused(keeper: Keeper, emulator: Emulator) -> None:
    """Two people in two browsers, one after the other."""
    made = keeper.link("acme", "google-ads")
    first, second = keeper.follow(token_of(made)), keeper.follow(token_of(made))

    ended = [
        *at_once(keeper, [(first, emulator.consent(first.url, IDA))]),
        *at_once(keeper, [(second, emulator.consent(second.url, TOM))]),
    ]

    assert [type(each).__name__ for each in ended] == ["Grant", "BadCallback"]
    assert [each.email for each in keeper.grants()] == [IDA]
    assert keeper.links.get(made.link.id).failure == ""
