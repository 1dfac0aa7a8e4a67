"""What stands on the page, ready for the template: groups of lines, counts, which managers are unfolded. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from grantkeeper.web.picker import words
from grantkeeper.web.picker.ticks import found, tickable, trees_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from grantkeeper.model import Account
    from grantkeeper.web.picker.ticks import Finds, Key
    from grantkeeper.web.picker.tree import Tree

UNFOLDED: Final = 120
"""Lines that are in sight before anything is unfolded: a few screens."""
MOST_LINES: Final = 10_000
"""Lines on one page; who has more searches. Twice the largest tree that we know of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One account on the page.

    `number` names it in the page, `also` are the numbers of managers that it has beside the one that it stands below.
    `below` counts what can be ticked below it, `ticked_below` what is. `ends` is how many managers end after this line.
    """

    account: Account
    number: int
    name: str
    written: str
    status: str
    ticked: bool
    tickable: bool
    holds: bool
    unfolded: bool
    below: int
    ticked_below: int
    also: tuple[int, ...]
    also_names: tuple[str, ...]
    ends: int

    @property
    def value(self) -> str:
        """What its box sends."""
        return f"{self.account.kind}/{self.account.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The accounts of one kind; `tickable` and `ticked` count what was found."""

    kind: str
    title: str
    lines: tuple[Line, ...]
    tickable: int
    ticked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The page. `unseen` are the ticks that stand on no line; `all` counts accounts, `found` those that match."""

    groups: tuple[Group, ...]
    unseen: tuple[str, ...]
    search: str
    all: int
    found: int
    ticked: int
    whole: bool


def sheet(accounts: Sequence[Account], ticked: set[Key], search: str = "") -> Sheet:
    """Return the page for these accounts and ticks; with a search, only what it shows."""
    trees = trees_of(accounts)
    finds = found(trees, search)
    groups: list[Group] = []
    for each in trees:
        room = MOST_LINES - sum(len(group.lines) for group in groups)
        groups.append(_group(each, ticked, finds, search, room))
    on_lines = {line.account.key for group in groups for line in group.lines if line.tickable}
    return Sheet(
        groups=tuple(group for group in groups if group.lines),
        unseen=tuple(f"{kind}/{name}" for kind, name in sorted(ticked - on_lines)),
        search=search,
        all=len(accounts),
        found=len(finds.hits),
        ticked=len(ticked),
        whole=sum(len(group.lines) for group in groups) == len(accounts),
    )


def _group(tree: Tree, ticked: set[Key], finds: Finds, search: str, room: int) -> Group:
    names = [(name, depth) for name, depth in tree.walk() if tree.accounts[name].key in finds.shown][:room]
    numbers = {name: number for number, (name, _) in enumerate(names)}
    unfolded = set(numbers) if search.strip() else _unfolded(tree, numbers)
    depths = [*(depth for _, depth in names[1:]), 0]
    marks = _marks(tree, ticked, finds)
    lines = [
        _line(tree, name, numbers, ticked, marks, unfolded=name in unfolded, step=after - depth)
        for (name, depth), after in zip(names, depths, strict=False)
    ]
    free = [line for line in lines if line.tickable and line.account.key in finds.hits]
    kind = next(iter(tree.accounts.values())).kind
    ticks = sum(line.ticked for line in free)
    return Group(kind=kind, title=words.title(kind), lines=tuple(lines), tickable=len(free), ticked=ticks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marks:
    """What was found, as masks of its tree: what can be ticked, and what is."""

    free: int
    ticked: int


def _marks(tree: Tree, ticked: set[Key], finds: Finds) -> _Marks:
    hits = {name: each for name, each in tree.accounts.items() if each.key in finds.hits}
    return _Marks(
        free=tree.mask({name for name, each in hits.items() if tickable(each)}),
        ticked=tree.mask({name for name, each in hits.items() if each.key in ticked}),
    )


def _line(
    tree: Tree, name: str, numbers: dict[str, int], ticked: set[Key], marks: _Marks, *, unfolded: bool, step: int
) -> Line:
    """Return the line of an account; `step` is how much deeper the next line stands, at the end of the group 0 deep."""
    account = tree.accounts[name]
    also = tree.also(name) if len(account.parents) > 1 else []
    return Line(
        account=account,
        number=numbers[name],
        name=words.called(account),
        written=words.written(account),
        status=words.status(account),
        ticked=account.key in ticked,
        tickable=tickable(account),
        holds=step > 0,
        unfolded=unfolded,
        below=tree.count_below(name, marks.free),
        ticked_below=tree.count_below(name, marks.ticked),
        also=tuple(numbers[each] for each in also if each in numbers),
        also_names=tuple(words.called(tree.accounts[each]) for each in also),
        ends=max(0, -step),
    )


def _unfolded(tree: Tree, shown: Iterable[str]) -> set[str]:
    """Return the managers that are unfolded at first: from the top down, as long as not too much comes in sight."""
    level, sight, unfolded = tree.roots, len(tree.roots), set[str]()
    here = set(shown)
    while level:
        following: list[str] = []
        for name in level:
            children = [each for each in tree.children.get(name, ()) if each in here]
            if sight + len(children) <= UNFOLDED:
                sight += len(children)
                unfolded.add(name)
                following += children
        level = following
    return unfolded
