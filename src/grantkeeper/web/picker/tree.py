"""The accounts of one kind as the tree that people know. Pure.

An account that several managers have stands once, below the nearest of them, and counts as below each of them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from grantkeeper.model import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Accounts of one kind by id. `homes` is id -> the id it stands below, `children` the same read downwards.

    `members` is like `children`, but an account is a member of every manager it has, not only of where it stands.
    """

    accounts: dict[str, Account]
    homes: dict[str, str]
    children: dict[str, list[str]]
    members: dict[str, list[str]]

    @property
    def roots(self) -> list[str]:
        """The ids that stand below nothing, in order."""
        return [each for each in self.accounts if each not in self.homes]

    def walk(self) -> Iterator[tuple[str, int]]:
        """Yield ids from the top down, each followed by what stands below it, with how deep it stands."""
        waiting = [(each, 0) for each in reversed(self.roots)]
        while waiting:
            name, depth = waiting.pop()
            yield name, depth
            waiting += [(each, depth + 1) for each in reversed(self.children.get(name, []))]

    def above(self, name: str) -> Iterator[str]:
        """Yield the ids that this one stands below, the nearest first."""
        while (found := self.homes.get(name)) is not None:
            yield found
            name = found

    def below(self, name: str) -> set[str]:
        """Return the ids of everything that is below this one, on whatever way."""
        seen: set[str] = set()
        waiting = list(self.members.get(name, ()))
        while waiting:
            found = waiting.pop()
            if found not in seen:
                seen.add(found)
                waiting += self.members.get(found, ())
        return seen - {name}

    def also(self, name: str) -> list[str]:
        """Return the ids of the managers that it has beside the one that it stands below."""
        return [each for each in _parents(self.accounts[name], self.accounts) if each != self.homes.get(name)]


def tree(accounts: Iterable[Account]) -> Tree:
    """Return accounts of one kind as a tree; what cannot be used comes last on each level, the rest by name."""
    ordered = {each.id: each for each in sorted(accounts, key=_order)}
    homes = _homes(ordered)
    children: dict[str, list[str]] = defaultdict(list)
    members: dict[str, list[str]] = defaultdict(list)
    for name, account in ordered.items():
        if name in homes:
            children[homes[name]].append(name)
        for parent in _parents(account, ordered):
            members[parent].append(name)
    return Tree(accounts=ordered, homes=homes, children=dict(children), members=dict(members))


def by_kind(accounts: Iterable[Account]) -> dict[str, list[Account]]:
    """Return the accounts of each kind, in the order in which the kinds come first."""
    found: dict[str, list[Account]] = defaultdict(list)
    for each in accounts:
        found[each.kind].append(each)
    return dict(found)


def _order(account: Account) -> tuple[bool, str, str]:
    # Decomposed, so that Å stands beside A.
    name = normalize("NFKD", account.name).casefold()
    return not account.enabled or account.lost_at is not None, name, account.id


def _parents(account: Account, known: dict[str, Account]) -> Sequence[str]:
    """Return the parents that are on the page, the nearest to the top first."""
    here = [each for each in account.parents if each in known and each != account.id]
    return sorted(here, key=lambda each: known[each].level)


def _homes(known: dict[str, Account]) -> dict[str, str]:
    """Return id -> the id it stands below; managers that a provider says to be below each other make no ring."""
    homes: dict[str, str] = {}
    for name, account in known.items():
        for parent in _parents(account, known):
            if not _leads_to(parent, name, homes):
                homes[name] = parent
                break
    return homes


def _leads_to(start: str, goal: str, homes: dict[str, str]) -> bool:
    """Tell whether one who climbs from `start` comes by `goal`."""
    step: str | None = start
    while step is not None and step != goal:
        step = homes.get(step)
    return step == goal
