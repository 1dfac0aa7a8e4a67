"""What can be ticked, what is, and what the buttons of the form do to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from grantkeeper.accounts.drift import matches, preselected
from grantkeeper.web.picker.tree import Tree, by_kind, tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from grantkeeper.model import Account, Picker, Sharing

Key: TypeAlias = tuple[str, str]
"""Kind and id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a button of the form asks for; `kind` and `top` say for which part of the page, "" for all of it."""

    verb: Literal["save", "search", "clear", "tick", "untick", "look"]
    kind: str = ""
    top: str = ""


def wish(value: str) -> Wish:
    """Read a button's value, as `save` or `tick google_ads 1234567890`; anything else only shows the page again."""
    match value.split(" ", 2):
        case ["save" | "clear" | "look" as verb]:
            return Wish(verb=verb)
        case ["tick" | "untick" as verb, kind, *top]:
            return Wish(verb=verb, kind=kind, top="".join(top))
    return Wish(verb="search")


def listed(accounts: Iterable[Account]) -> list[Account]:
    """Return what the page lists: what is there, and what was lost while it was shared."""
    return [each for each in accounts if each.lost_at is None or each.shared]


def tickable(account: Account) -> bool:
    """Tell whether a person may tick it: what is lost or cannot be used may be given up, but not newly shared."""
    return account.shared or (account.enabled and account.lost_at is None)


def first_ticks(accounts: Iterable[Account], picker: Picker, sharing: Sharing) -> set[Key]:
    """Return what is ticked before anybody touched anything: what is shared; before that, what is preselected."""
    if sharing.mode != "open":
        return {each.key for each in accounts if each.shared}
    is_meant = preselected(picker.preselect)
    return {each.key for each in accounts if tickable(each) and is_meant(each)}


def posted_ticks(accounts: Iterable[Account], posted: Iterable[str]) -> set[Key]:
    """Return the ticks of a form; what the grant does not reach, or must not be ticked, is not among them."""
    allowed = {f"{each.kind}/{each.id}": each.key for each in accounts if tickable(each)}
    return {allowed[each] for each in posted if each in allowed}


def reached_ticks(accounts: Iterable[Account], ticked: set[Key]) -> int:
    """Return how many ticks the business can do something with now: not those of lost accounts, which may come back."""
    return sum(each.key in ticked for each in accounts if each.lost_at is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finds:
    """What a search found: `hits` match or stand below what matches; `shown` has the managers that lead there, too."""

    hits: frozenset[Key]
    shown: frozenset[Key]


def found(trees: Iterable[Tree], search: str) -> Finds:
    """Search all trees; without a search, everything is a hit."""
    needle = search.strip()
    hits: set[Key] = set()
    shown: set[Key] = set()
    for each in trees:
        names = {name for name, account in each.accounts.items() if matches(account, needle)}
        if needle:
            names |= each.below(*names)
        around = names | each.above(names) if needle else names
        hits |= {each.accounts[name].key for name in names}
        shown |= {each.accounts[name].key for name in around}
    return Finds(hits=frozenset(hits), shown=frozenset(shown))


def after(ticked: set[Key], asked: Wish, trees: Sequence[Tree], hits: frozenset[Key]) -> set[Key]:
    """Return the ticks after a button that ticks or unticks all that was found, of a kind or below a manager."""
    part: set[Key] = set()
    for each in trees:
        keys = {name: account.key for name, account in each.accounts.items() if account.kind == asked.kind}
        names = each.below(asked.top) if asked.top else keys
        part |= {keys[name] for name in names if name in keys and tickable(each.accounts[name])}
    part &= hits
    return ticked | part if asked.verb == "tick" else ticked - part


def trees_of(accounts: Iterable[Account]) -> list[Tree]:
    """Return a tree for each kind."""
    return [tree(each) for each in by_kind(accounts).values()]
