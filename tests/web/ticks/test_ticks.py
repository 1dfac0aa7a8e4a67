"""What is ticked, and what the form's buttons do."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from grantkeeper.model import Picker, Sharing
from grantkeeper.web.picker.sheet import UNFOLDED, sheet
from grantkeeper.web.picker.ticks import (
    Wish,
    after,
    first_ticks,
    found,
    listed,
    posted_ticks,
    reached_ticks,
    trees_of,
    wish,
)
from web.ticks.made import account, agency

CANCELLED = account("3", "Old", enabled=False, status="CANCELED")
OPEN = Sharing(mode="open")


def ids(keys: Iterable[tuple[str, str]]) -> set[str]:
    """Return the ids of keys."""
    return {name for _, name in keys}


@pytest.mark.parametrize(
    ("picker", "ticked"),
    [
        (Picker(), set()),
        (Picker(preselect="enabled"), {"1111111111", "2"}),
        (Picker(preselect=("111-111-1111", "3", "unknown")), {"1111111111"}),
    ],
)
def test_the_first_ticks_are_what_the_picker_preselects(picker: Picker, ticked: set[str]) -> None:
    """A cancelled account is never preselected; ids may be written with dashes."""
    accounts = [account("1111111111"), account("2"), CANCELLED]
    assert ids(first_ticks(accounts, picker, OPEN)) == ticked


def test_what_is_shared_already_is_ticked_instead() -> None:
    """Who has chosen before sees that choice instead of what is preselected; what is lost may come back."""
    accounts = [account("1", shared=True), account("2"), account("4", shared=True, lost=True)]
    assert ids(first_ticks(accounts, Picker(preselect="enabled"), Sharing(mode="chosen"))) == {"1", "4"}


def test_posted_ticks_of_what_is_not_reached_or_cannot_be_used_are_dropped() -> None:
    """V-31: a form can name anything; only what the grant reaches is taken."""
    accounts = [account("1"), CANCELLED, account("4", enabled=False, shared=True), account("5", lost=True)]
    posted = ["google_ads/1", "google_ads/3", "google_ads/4", "google_ads/5", "ad_manager/1", "google_ads/9", "1", ""]
    assert ids(posted_ticks(accounts, posted)) == {"1", "4"}


def test_a_lost_account_that_is_shared_keeps_its_tick_or_is_given_up() -> None:
    """It would be shared again when it comes back; until then it is none that the business can work with."""
    accounts = [account("1", shared=True, lost=True), account("2")]
    assert posted_ticks(accounts, ["google_ads/1"]) == {("google_ads", "1")}
    assert posted_ticks(accounts, []) == set()
    assert reached_ticks(accounts, {("google_ads", "1")}) == 0
    assert reached_ticks(accounts, {("google_ads", "1"), ("google_ads", "2")}) == 1
    (group,) = sheet(accounts, {("google_ads", "1")}).groups
    assert [(line.account.id, line.tickable, line.ticked) for line in group.lines] == [
        ("2", True, False),
        ("1", True, True),
    ]


def test_lost_accounts_are_listed_only_when_they_were_shared() -> None:
    """What nobody shared and is gone is no news."""
    accounts = [account("1"), account("2", lost=True), account("3", lost=True, shared=True)]
    assert [each.id for each in listed(accounts)] == ["1", "3"]


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        ("save", Wish(verb="save")),
        ("look", Wish(verb="look")),
        ("clear", Wish(verb="clear")),
        ("tick google_ads", Wish(verb="tick", kind="google_ads")),
        ("untick search_console a b", Wish(verb="untick", kind="search_console", top="a b")),
        ("tick", Wish(verb="search")),
        ("", Wish(verb="search")),
        ("delete everything", Wish(verb="search")),
    ],
)
def test_a_button_says_what_it_asks_for(value: str, asked: Wish) -> None:
    """What is none of ours only shows the page again: nothing is saved by accident."""
    assert wish(value) == asked


def test_a_search_shows_matches_their_managers_and_what_is_below_them() -> None:
    """One sees where a match belongs; a manager that matches brings its accounts along."""
    trees = trees_of(agency(2))
    assert ids(found(trees, "shop 1 NORTH").shown) == {"top", "north", "north-1"}
    assert ids(found(trees, "shop 1 NORTH").hits) == {"north-1"}
    assert found(trees, "agency") == found(trees, "")
    assert ids(found(trees, "south").hits) == {"south", "both", "south-0", "south-1"}
    assert ids(found(trees, "south").shown) == {"top", "north", "south", "both", "south-0", "south-1"}
    assert found(trees, "nothing of the kind").shown == set()


def test_all_below_a_manager_is_ticked_and_unticked_as_far_as_it_was_found() -> None:
    """Over both ways to an account; not the manager itself, nor one that only leads to what was found."""
    trees = trees_of(agency(2))
    everything = found(trees, "").hits
    ticked = after(set(), wish("tick google_ads south"), trees, everything)
    assert ids(ticked) == {"both", "south-0", "south-1"}
    assert ids(after(ticked, wish("untick google_ads south"), trees, found(trees, "shop 1").hits)) == {
        "both",
        "south-0",
    }
    assert ids(after(set(), wish("tick google_ads"), trees, found(trees, "shop 1").hits)) == {"north-1", "south-1"}
    assert ids(after(set(), wish("tick google_ads"), trees, everything)) == ids(everything)
    assert after(ticked, wish("tick google_ads nobody"), trees, everything) == ticked
    assert after(ticked, wish("tick ad_manager"), trees, everything) == ticked


def test_all_below_leaves_out_what_cannot_be_used() -> None:
    """A cancelled account is not shared by ticking its manager."""
    accounts = [account("m", manager=True), account("1", parents=("m",)), account("2", parents=("m",), enabled=False)]
    trees = trees_of(accounts)
    assert ids(after(set(), wish("tick google_ads m"), trees, found(trees, "").hits)) == {"1"}


def test_ticks_that_a_search_hides_are_carried_along() -> None:
    """They are fields of the form all the same."""
    page = sheet(agency(2), {("google_ads", "north-0"), ("google_ads", "south-1")}, "north")
    assert page.unseen == ("google_ads/south-1",)
    assert page.ticked == 2
    assert not page.whole


def test_managers_and_ends_of_the_page_match() -> None:
    """Every list that a line opens is closed by a later one, with and without a search."""
    for search in ("", "shop 1", "both"):
        (group,) = sheet(agency(3), set(), search).groups
        assert sum(line.holds for line in group.lines) == sum(line.ends for line in group.lines)


def test_a_large_tree_begins_folded() -> None:
    """Some screens are in sight; what is searched for is unfolded."""
    accounts = agency(UNFOLDED)
    (group,) = sheet(accounts, set()).groups
    assert {line.account.id for line in group.lines if line.holds and line.unfolded} == {"top"}
    (searched,) = sheet(accounts, set(), "shop").groups
    assert all(line.unfolded for line in searched.lines if line.holds)


def test_counts_say_what_can_be_ticked_and_is() -> None:
    """Of each manager, of each kind, of the page."""
    page = sheet([*agency(1), CANCELLED, account("n", kind="ad_manager")], {("google_ads", "both")})
    ads, networks = page.groups
    lines = {line.account.id: line for line in ads.lines}
    assert (lines["south"].below, lines["south"].ticked_below, lines["top"].below) == (2, 1, 5)
    assert (ads.tickable, ads.ticked, networks.tickable) == (6, 1, 1)
    assert (page.all, page.ticked) == (8, 1)
    assert not lines["3"].tickable
