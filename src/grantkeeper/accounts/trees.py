"""Trees of ad accounts: which ways lead to an account, and which accounts are right above it. Pure.

Google Ads tells of each account below a root how far down it is, not what it hangs on. What is right above it follows
where one level has one manager only; otherwise managers have to be asked for what is right below them.

Nothing may hang twice below one root at Google ("An individual Google Ads account can't be linked to more than one
manager account in the same hierarchy", "A manager account can't be directly managed by more than one other manager
account", support.google.com/google-ads/answer/7456530, read 2026-11-22). Several roots may share accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..model import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What one root describes: how far below it each account is (the root itself: 0), and which of them manage."""

    root: str
    levels: Mapping[str, int]
    managers: frozenset[str]

    def at_each_level(self, accounts: Iterable[str]) -> dict[int, list[str]]:
        """Return the accounts by level."""
        found: dict[int, list[str]] = defaultdict(list)
        for each in accounts:
            found[self.levels[each]].append(each)
        return found


def ways(trees: Iterable[Tree]) -> dict[str, tuple[Way, ...]]:
    """Return the ways to each account: one from every root that it is below, the shortest first, then by root."""
    found: dict[str, list[Way]] = defaultdict(list)
    for tree in trees:
        for account, level in tree.levels.items():
            found[account].append(Way(root=tree.root, length=level))
    return {account: tuple(sorted(each, key=lambda way: (way.length, way.root))) for account, each in found.items()}


def unclear(trees: Sequence[Tree]) -> dict[str, str]:
    """Return the managers that have to be asked for what is right below them -> the root to ask by.

    Not asked are the roots themselves, whose first level says it; a manager that is the only one of its level: all of
    the next level is below it; and those of the deepest level, below which nothing is.
    """
    known = {tree.root for tree in trees}
    found: dict[str, tuple[int, str]] = {}
    for tree in trees:
        deepest = max(tree.levels.values(), default=0)
        for level, managers in tree.at_each_level(tree.managers).items():
            if len(managers) > 1 and level < deepest:
                for each in managers:
                    found[each] = min(found.get(each, (level, tree.root)), (level, tree.root))
    return {manager: root for manager, (_, root) in found.items() if manager not in known}


def parents(trees: Sequence[Tree], told: Mapping[str, Collection[str]]) -> dict[str, tuple[str, ...]]:
    """Return the accounts right above each, sorted; accounts without any are left out.

    `told` is what managers that were asked answered: manager -> accounts right below it. Where exactly one manager of a
    level has not told, accounts of the next level that nobody of that level claims are below it. If there is more than
    one such manager, nothing is guessed.
    """
    below = {manager: frozenset(accounts) for manager, accounts in told.items()}
    below |= {tree.root: frozenset(each for each, level in tree.levels.items() if level == 1) for tree in trees}
    found: dict[str, set[str]] = defaultdict(set)
    for tree in trees:
        levels = tree.at_each_level(tree.levels)
        for level, managers in tree.at_each_level(tree.managers).items():
            silent = [each for each in managers if each not in below]
            if len(silent) == 1:
                claimed = frozenset[str]().union(*(below[each] for each in managers if each in below))
                for account in levels.get(level + 1, ()):
                    if account not in claimed:
                        found[account].add(silent[0])
        for manager in tree.managers & below.keys():
            for account in below[manager]:
                if account in tree.levels and account != manager:
                    found[account].add(manager)
    return {account: tuple(sorted(each)) for account, each in found.items()}
