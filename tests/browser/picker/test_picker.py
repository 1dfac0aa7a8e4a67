"""The picker in a real browser. V-38: each test fails when the console says anything, a CSP violation above all."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Locator, expect

from browser.conftest import WINDOWS
from browser.person import Person
from grantkeeper.cli.demo.stage import Stage
from web.picker.worlds import ACCOUNTS

pytestmark = pytest.mark.browser
on_a_phone = pytest.mark.parametrize("window", [WINDOWS["phone"]], ids=["phone"])
"""What has nothing to do with the size is tried at one."""

NORTH = {"6100000001", "6100000002", "6100000003"}
MOST_SECONDS = 10
"""For five thousand accounts, from the click until one can search: measured at one or two, on a machine with much else
to do."""


def shared(stage: Stage) -> set[str]:
    """Return the ids of what Nordwind shares."""
    grant = stage.keeper.find("nordwind-outdoor", "google-ads")
    return {each.id for each in stage.keeper.accounts(grant.id)}


def box(person: Person, name: str) -> Locator:
    """Return the box of an account, by a part of what its label says."""
    return person.page.get_by_role("checkbox", name=name)


def test_picking_with_the_mouse(arrived: Person, stage: Stage) -> None:
    """Boxes, all below a manager in three states, the count that follows, search, and what is saved."""
    page, count = arrived.page, arrived.page.locator("#count")
    north = box(arrived, "All 3 below Fjord Media North")
    expect(count).to_have_text("0 of 12 ticked")
    box(arrived, "Ålesund Kajakk").check()
    expect(count).to_have_text("1 of 12 ticked")
    assert north.evaluate("each => each.indeterminate")
    north.click()
    expect(count).to_have_text("3 of 12 ticked")
    arrived.see("Choose what to share", "ticked")
    assert not box(arrived, "Fjord Media North Manager").is_checked()
    assert box(arrived, "Old Bakery").is_disabled()
    page.fill("#q", "222-333")
    expect(page.locator("#found")).to_have_text("1 of 12 found")
    expect(box(arrived, "Ålesund")).to_have_count(0)
    arrived.see("Choose what to share", "searched")
    box(arrived, "Nordwind Outdoor").check()
    expect(count).to_have_text("4 of 12 ticked")
    arrived.save()
    arrived.see("Google Ads is connected", "saved")
    assert "4 accounts are shared" in page.inner_text("main")
    assert shared(stage) == NORTH | {"2223334441"}


@on_a_phone
def test_all_found_leaves_out_managers_that_only_lead_there(arrived: Person, stage: Stage) -> None:
    """One who searches for a shop does not share its agency."""
    arrived.page.fill("#q", "both")
    box(arrived, "All 1 found below Fjord Media North").check()
    arrived.save()
    arrived.page.wait_for_url("**/result/**")
    assert shared(stage) == {"6100000003"}


@on_a_phone
def test_an_account_of_two_managers_is_ticked_with_either(arrived: Person) -> None:
    """It stands below one of them; the boxes of both know it."""
    south = box(arrived, "All 2 below Fjord Media South")
    south.check()
    assert box(arrived, "Both").is_checked()
    assert box(arrived, "All 3 below Fjord Media North").evaluate("each => each.indeterminate")
    box(arrived, "Both").uncheck()
    assert south.evaluate("each => each.indeterminate")


def test_picking_with_the_keyboard_alone(arrived: Person, stage: Stage) -> None:
    """Tab and Space tick, Enter does not send by accident, what has the focus is seen and not behind the bar."""
    page = arrived.page
    page.focus("#q")
    page.keyboard.type("winter")
    expect(page.locator("#found")).to_have_text("1 of 12 found")
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "google_ads/4445556663":
            break
    arrived.see("Choose what to share", "focus")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("1 of 12 ticked")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Save choice"
    page.keyboard.press("Enter")
    page.wait_for_url("**/result/**")
    assert shared(stage) == {"4445556663"}


@on_a_phone
def test_what_has_the_focus_is_never_behind_the_bar(arrived: Person) -> None:
    """WCAG 2.2, 2.4.11: from the top of the page to the button, and the list can be skipped."""
    page = arrived.page
    page.focus("#q")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip the list"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "save":
            break
        bottom = page.evaluate("document.activeElement.getBoundingClientRect().bottom")
        assert bottom <= page.evaluate("document.getElementById('save').getBoundingClientRect().top")
    assert page.evaluate("document.activeElement.value") == "save"


@on_a_phone
def test_every_control_has_a_name_of_its_own(arrived: Person) -> None:
    """To a screen reader: boxes grouped by product, no two of the same name, the count announced when it changes."""
    names = [each.evaluate("each => each.labels[0].innerText") for each in arrived.page.get_by_role("checkbox").all()]
    assert all(names)
    assert len(set(names)) == len(names)
    assert arrived.page.get_by_role("group", name="Google Ads").count() == 1
    assert arrived.page.get_by_role("status").count() == 2
    assert arrived.page.get_by_role("searchbox", name="Search by name or number").count() == 1


@on_a_phone
def test_back_and_forward_show_what_is_saved(arrived: Person, stage: Stage) -> None:
    """Saving, going back and saving again ends the same; a reload forgets what was not saved."""
    box(arrived, "Tryout").check()
    arrived.save()
    arrived.page.wait_for_url("**/result/**")
    arrived.page.go_back()
    expect(box(arrived, "Tryout")).to_be_checked()
    box(arrived, "Nordwind Outdoor").check()
    arrived.page.reload()
    expect(box(arrived, "Nordwind Outdoor")).not_to_be_checked()
    arrived.save()
    arrived.page.wait_for_url("**/result/**")
    arrived.page.get_by_role("link", name="Change what is shared").click()
    expect(box(arrived, "Tryout")).to_be_checked()
    assert shared(stage) == {"6100000006"}


def test_five_thousand_accounts_stay_usable(arrived_large: Person, stage: Stage) -> None:
    """Some seconds at most until one can search; a search, a manager's box and the save do not hang."""
    page, count = arrived_large.page, arrived_large.page.locator("#count")
    began = time.monotonic()
    page.reload()
    page.fill("#q", "Pizza")
    expect(page.locator("#found")).to_contain_text("found")
    assert time.monotonic() - began < MOST_SECONDS
    arrived_large.see("Choose what to share", "searched")
    page.fill("#q", "")
    expect(page.locator("#found")).to_have_text("")
    began = time.monotonic()
    page.get_by_role("checkbox", name="below Big", exact=False).first.check()
    expect(count).not_to_have_text("0 of 5043 ticked")
    arrived_large.see("Choose what to share", "all-below")
    arrived_large.save()
    page.wait_for_url("**/result/**")
    assert time.monotonic() - began < MOST_SECONDS
    arrived_large.see("Google Ads is connected", "saved")
    assert len(shared(stage)) == ACCOUNTS + 40 - 50


def test_without_a_script_everything_works(arrived_scriptless: Person, stage: Stage) -> None:
    """Search, all below a manager, and save: by buttons, with ticks that are kept from page to page."""
    page = arrived_scriptless.page
    box(arrived_scriptless, "Tryout").check()
    page.fill("#q", "fjord media north")
    page.keyboard.press("Enter")
    expect(page.locator("#found")).to_contain_text("4 of 5053 found")
    arrived_scriptless.see("Choose what to share", "searched")
    page.get_by_role("button", name="Tick all 3 found below Fjord Media North", exact=True).click()
    expect(page.locator("#count")).to_have_text("4 of 5053 ticked")
    box(arrived_scriptless, "Ålesund").uncheck()
    page.get_by_role("button", name="Show all").click()
    arrived_scriptless.see("Choose what to share", "all")
    arrived_scriptless.save()
    arrived_scriptless.see("Google Ads is connected", "saved")
    assert shared(stage) == {"6100000006", *NORTH} - {"6100000001"}
