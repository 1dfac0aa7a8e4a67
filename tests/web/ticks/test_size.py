"""What the picker costs with trees as nobody draws them."""

from __future__ import annotations

import time

import pytest

from grantkeeper.model import Account
from grantkeeper.web.picker.sheet import sheet
from grantkeeper.web.picker.ticks import after, found, trees_of, wish
from web.ticks.made import account

MOST_SECONDS = 2.0
"""Of processor time: a tenth of it is enough. What grows with the square of the tree takes several times as much."""


def chain(length: int) -> list[Account]:
    """Return managers, each below the one before."""
    first = account("0", manager=True)
    return [first, *(account(f"{n}", parents=(f"{n - 1}",), level=n, manager=True) for n in range(1, length))]


def dense(levels: int, width: int, shops: int) -> list[Account]:
    """Return managers, each below all of the level above, and shops below all of the last level."""
    made: list[Account] = []
    above: tuple[str, ...] = ("top",)
    for level in range(levels):
        here = tuple(f"{level}-{n}" for n in range(width))
        made += [account(each, parents=above, level=level + 1, manager=True) for each in here]
        above = here
    shop = [account(f"shop-{n}", parents=above[:10], level=levels + 1) for n in range(shops)]
    return [account("top", manager=True), *made, *shop]


@pytest.mark.parametrize(
    "accounts", [chain(3_000), chain(3_000)[::-1], dense(5, 40, 4_800)], ids=["chain", "chain upwards", "dense"]
)
def test_a_tree_costs_no_more_than_its_lines_and_links(accounts: list[Account]) -> None:
    """A search that finds everything, a button for all of it, and the page, whatever stands below whatever."""
    began = time.process_time()
    trees = trees_of(accounts)
    finds = found(trees, "a")
    assert len(after(set(), wish("tick google_ads"), trees, finds.hits)) == len(accounts)
    (group,) = sheet(accounts, set(), "a").groups
    assert group.lines[0].below == len(accounts) - 1
    assert time.process_time() - began < MOST_SECONDS
