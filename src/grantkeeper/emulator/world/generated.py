"""Many at once: a manager with a tree of thousands of accounts, and a crowd of people. The same again every time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec

from grantkeeper.emulator.world.values import (
    AccountId,
    AdsAccess,
    AdsAccount,
    AdsLink,
    Currency,
    Email,
    Person,
    Text,
    WorldError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
_LAST_ID = 9_999_999_999
_CROWD_ACCOUNTS = 7_000_000_000
_CROWD_SUB = 200_000_000_000_000_000_000
_BRANDS = (
    *("Adler", "Ålesund", "Bellevue", "Birkenhof", "Blue Harbour", "Café Été", "Castillo", "Delta", "Dziki Las"),
    *("Eiffel", "Fjällräv", "Grüne Wiese", "Harbor & Sons", "Iglesias", "Jönköping", "Kaiser", "Lumière", "Müller's"),
    *("Nordlicht", "O'Brien", "Pão Quente", "Quai 9", "Rosengarten", "São Bento", "Tartu", "Übersee", "Vento"),
    *("Władysław", "Xanten", "Yellow Door", "Żabka", "東京", "Αθήνα", "Львів"),
)
_TRADES = (
    *("Bakery", "Bikes", "Books", "Cosmetics", "Dental", "E-Bikes", "Fashion", "Furniture", "Garden", "Gym", "Hotel"),
    *("Insurance", "Jewellery", "Kitchen", "Language School", "Music", "Optics", "Pets", "Pharmacy", "Photo", "Pizza"),
    *("Real Estate", "Running", "Shoes", "Solar", "Tea", "Tools", "Toys", "Travel", "Wine", "Yoga"),
)
_LINES = ("", ": Search", ": Shopping", ": Brand", ": Display", ": Video", " (B2B)", " | DE", " | FR", " | ES")
_ZONES = {"EUR": "Europe/Berlin", "GBP": "Europe/London", "USD": "America/New_York", "SEK": "Europe/Stockholm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdsTree:
    """A manager account and all below it. Ids count up from `root`: it, its managers, then the client accounts.

    `managers` sub-managers stand on `depth` levels below the root; the accounts are spread over all managers.
    `cancelled` and `test` are how many accounts are so; `currencies` take turns; `people` have direct access to root.
    """

    root: AccountId
    name: Text
    accounts: Count
    managers: Count = 0
    depth: Annotated[int, msgspec.Meta(ge=1, le=20)] = 1
    currencies: Annotated[tuple[Currency, ...], msgspec.Meta(min_length=1)] = ("EUR",)
    cancelled: Count = 0
    test: Count = 0
    people: tuple[Email, ...] = ()

    def grown(self) -> tuple[list[AdsAccount], list[AdsLink], list[AdsAccess]]:
        """Return the accounts, their links, and who may use the root.

        Raises:
            WorldError: the ids would have more than ten digits.
        """
        if int(self.root) + self.managers + self.accounts > _LAST_ID:
            raise WorldError(f"ads_tree.root: {self.root} leaves no room for {self.accounts} accounts")
        managers = [self._manager(each) for each in range(self.managers + 1)]
        clients = [self._client(each) for each in range(self.accounts)]
        links = [AdsLink(manager=above.id, client=below.id) for above, below in _levels(managers, self.depth)]
        links += [
            AdsLink(manager=managers[place % len(managers)].id, client=each.id) for place, each in enumerate(clients)
        ]
        return [*managers, *clients], links, [AdsAccess(person=each, account=self.root) for each in self.people]

    def _manager(self, number: int) -> AdsAccount:
        name = f"{self.name}: {_BRANDS[number % len(_BRANDS)]} {number}" if number else self.name
        currency = self.currencies[0]
        return AdsAccount(id=self._id(number), name=name, manager=True, currency=currency, time_zone=_zone(currency))

    def _client(self, number: int) -> AdsAccount:
        currency = self.currencies[number % len(self.currencies)]
        return AdsAccount(
            id=self._id(1 + self.managers + number),
            name=shop(number),
            currency=currency,
            time_zone=_zone(currency),
            status="CANCELED" if _spread(number, self.cancelled, self.accounts) else "ENABLED",
            test=_spread(self.accounts - 1 - number, self.test, self.accounts),
        )

    def _id(self, number: int) -> str:
        return f"{int(self.root) + number:010d}"


def _levels(managers: Sequence[AdsAccount], depth: int) -> Iterator[tuple[AdsAccount, AdsAccount]]:
    """Put the managers after the first on levels of about the same size, each below one of the level above."""
    above, rest = managers[:1], managers[1:]
    for left in range(depth, 0, -1):
        level, rest = rest[: -(-len(rest) // left)], rest[-(-len(rest) // left) :]
        yield from ((above[place % len(above)], each) for place, each in enumerate(level))
        above = level or above


def _spread(number: int, chosen: int, total: int) -> bool:
    """Tell whether the number is one of those chosen, which lie at even distances among the total."""
    return (number + 1) * chosen // total > number * chosen // total


def _zone(currency: str) -> str:
    return _ZONES.get(currency, "Europe/Berlin")


def shop(number: int) -> str:
    """Return the name of a made-up business; neighbours differ, and 10,000 numbers have 10,000 names."""
    line, rest = divmod(number, len(_BRANDS) * len(_TRADES))
    brand, trade = _BRANDS[rest % len(_BRANDS)], _TRADES[(rest // len(_BRANDS) + rest) % len(_TRADES)]
    return f"{brand} {trade}{_LINES[line % len(_LINES)]}"


def crowd(count: int, accounts: int) -> tuple[list[Person], list[AdsAccount], list[AdsAccess]]:
    """Return that many people (crowd-00001@crowd.example and on), each with direct access to accounts of their own."""
    people = [
        Person(email=f"crowd-{each:05d}@crowd.example", sub=str(_CROWD_SUB + each), name=f"Crowd Member {each}")
        for each in range(1, count + 1)
    ]
    owned = [AdsAccount(id=str(_CROWD_ACCOUNTS + each), name=shop(each)) for each in range(count * accounts)]
    access = [AdsAccess(person=people[place // accounts].email, account=each.id) for place, each in enumerate(owned)]
    return people, owned, access
