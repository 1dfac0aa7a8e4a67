"""What a world looks up again and again, found once: a tree of thousands of accounts is read in one pass."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grantkeeper.emulator.world.values import AdsAccount, Client, Person
    from grantkeeper.emulator.world.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """People by e-mail address (lower case) and sub; the rest by id. Accounts are in the order of the file."""

    people: Mapping[str, Person]
    clients: Mapping[str, Client]
    accounts: Mapping[str, AdsAccount]
    children: Mapping[str, tuple[AdsAccount, ...]]
    managers: Mapping[str, tuple[AdsAccount, ...]]
    direct: Mapping[str, tuple[AdsAccount, ...]]


def index(world: World) -> Index:
    """Read a world once."""
    accounts = {each.id: each for each in world.ads_accounts}
    places = {account_id: place for place, account_id in enumerate(accounts)}

    def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[AdsAccount, ...]]:
        ids: dict[str, set[str]] = defaultdict(set)
        for key, account_id in pairs:
            ids[key].add(account_id)
        return {key: tuple(accounts[each] for each in sorted(ids[key], key=places.__getitem__)) for key in ids}

    return Index(
        people={each.email.lower(): each for each in world.people} | {each.sub: each for each in world.people},
        clients={each.id: each for each in world.clients},
        accounts=accounts,
        children=grouped((each.manager, each.client) for each in world.ads_links),
        managers=grouped((each.client, each.manager) for each in world.ads_links),
        direct=grouped((each.person, each.account) for each in world.ads_access),
    )
