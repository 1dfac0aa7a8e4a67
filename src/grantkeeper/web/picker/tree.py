"""The accounts of one kind as the tree that people know. Pure.

An account that several managers have stands once, below the nearest of them, and counts as below each of them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from grantkeeper.model import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Accounts of one kind by id. `homes` is id -> the id it stands below, `children` the same read downwards.

    `members` is like `children`, but an account is a member of every manager it has, not only of where it stands.
    `reach` is manager -> everything below it on whatever way, as a mask: bit n stands for the n-th of `accounts`. Sets
    would take a chain of thousands of managers the square of that in time and memory.
    """

    accounts: dict[str, Account]
    homes: dict[str, str]
    children: dict[str, list[str]]
    members: dict[str, list[str]]
    reach: dict[str, int]

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

    def above(self, names: Iterable[str]) -> set[str]:
        """Return the ids that these stand below, up to the top."""
        seen: set[str] = set()
        for name in names:
            step = self.homes.get(name)
            while step is not None and step not in seen:
                seen.add(step)
                step = self.homes.get(step)
        return seen

    def below(self, *names: str) -> set[str]:
        """Return the ids of everything that is below one of these, on whatever way."""
        whole = 0
        for name in names:
            whole |= self.reach.get(name, 0)
        return set(compress(self.accounts, (bit == "1" for bit in reversed(f"{whole:b}"))))

    def mask(self, names: Container[str]) -> int:
        """Return ids as a mask, to be counted below many managers."""
        return int("0" + "".join("1" if each in names else "0" for each in reversed(self.accounts)), 2)

    def count_below(self, name: str, mask: int) -> int:
        """Return how many of a mask are below this one."""
        return (self.reach.get(name, 0) & mask).bit_count()

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
    return Tree(
        accounts=ordered, homes=homes, children=dict(children), members=dict(members), reach=_reach(ordered, members)
    )


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
    shortcuts: dict[str, str] = {}
    for name, account in known.items():
        for parent in _parents(account, known):
            # It stands below nothing yet: below `parent` there would be a ring only if it is on top of that.
            if _top(parent, shortcuts) != name:
                homes[name] = shortcuts[name] = parent
                break
    return homes


def _top(start: str, shortcuts: dict[str, str]) -> str:
    """Return who climbs from `start` ends at; each climb makes the next ones shorter."""
    while (above := shortcuts.get(start)) is not None:
        shortcuts[start] = shortcuts.get(above, above)
        start = above
    return start


def _reach(known: Iterable[str], members: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return manager -> mask of all below it, without itself."""
    bits = {name: 1 << number for number, name in enumerate(known)}
    managers = _upwards(members)
    inner = {name: [each for each in members[name] if each in members] for name in managers}
    reach = dict.fromkeys(managers, 0)
    for name in managers:
        for each in members[name]:
            reach[name] |= bits[each]
    # From the bottom up once is enough, unless there are rings: then until nothing is added any more.
    changed = True
    while changed:
        changed = False
        for name in managers:
            whole = reach[name]
            for each in inner[name]:
                whole |= reach[each]
            changed = changed or whole != reach[name]
            reach[name] = whole
    return {name: whole & ~bits[name] for name, whole in reach.items()}


def _upwards(members: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the managers, each after those that are below it (rings aside)."""
    seen: set[str] = set()
    found: list[str] = []
    waiting = [(name, False) for name in members]
    while waiting:
        name, done = waiting.pop()
        if done:
            found.append(name)
        elif name not in seen:
            seen.add(name)
            waiting.append((name, True))
            waiting += [(each, False) for each in members[name] if each in members]
    return found
