"""Accounts as a tree."""

from __future__ import annotations

from grantkeeper.web.picker.tree import tree
from web.ticks.made import account, agency


def test_every_account_stands_once_below_its_nearest_manager() -> None:
    """From the top down, by name on each level."""
    walked = list(tree(agency(1)).walk())
    assert walked == [
        ("top", 0),
        ("north", 1),
        ("both", 2),
        ("north-0", 2),
        ("south", 1),
        ("south-0", 2),
    ]


def test_an_account_of_two_managers_is_below_both() -> None:
    """It stands below one of them, and the other is named beside it."""
    made = tree(agency(1))
    assert made.below("north") == {"both", "north-0"}
    assert made.below("south") == {"both", "south-0"}
    assert made.below("top") == {"north", "south", "both", "north-0", "south-0"}
    assert made.also("both") == ["south"]


def test_an_account_whose_manager_is_not_reached_stands_at_the_top() -> None:
    """A person may see one account of a tree without its manager."""
    assert list(tree([account("1", parents=("unknown",))]).walk()) == [("1", 0)]


def test_managers_that_are_said_to_be_below_each_other_make_no_ring() -> None:
    """What a provider says in error neither hangs the page nor takes an account away from it."""
    ring = [account(a, parents=(b, a), manager=True) for a, b in (("1", "2"), ("2", "3"), ("3", "1"))]
    made = tree(ring)
    assert {name for name, _ in made.walk()} == {"1", "2", "3"}
    assert [made.below(each) for each in "123"] == [{"2", "3"}, {"1", "3"}, {"1", "2"}]


def test_what_stands_below_a_ring_is_below_each_of_its_managers() -> None:
    """Also where rings hang on each other: whoever ticks all below one means all of it."""
    links = {"1": ("3", "6"), "2": ("1",), "3": ("2",), "4": ("3", "6"), "5": ("4",), "6": ("5",), "shop": ("5",)}
    made = tree([account(each, parents=above, manager=each != "shop") for each, above in links.items()])
    assert all(made.below(each) == set(links) - {each} for each in "123456")
    assert {name for name, _ in made.walk()} == set(links)


def test_what_cannot_be_used_comes_last() -> None:
    """Cancelled and lost accounts are below those that work."""
    made = tree([account("1", "A", enabled=False), account("2", "B"), account("3", "C", lost=True)])
    assert made.roots == ["2", "1", "3"]
