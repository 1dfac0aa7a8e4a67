"""From the consent to what is shared."""

from __future__ import annotations

import dataclasses
import threading

import pytest
from starlette.applications import Starlette

from grantkeeper.emulator import Emulator
from grantkeeper.emulator.world.values import AdsAccess
from grantkeeper.keeper import Keeper
from grantkeeper.model import Account, Picker
from keeper.people import account_events
from web.picker.chooser import FORM, Chooser
from web.picker.worlds import IDA
from web.visitor import SITE, Visitor, heading

MATEO = "mateo.moreno@mail.example"
SHOP, SALE, NORTH, BOTH = (
    "google_ads/2223334441",
    "google_ads/4445556663",
    "google_ads/6000000002",
    "google_ads/6100000003",
)


def shared(keeper: Keeper) -> set[str]:
    """Return what the grant of `acme` shares."""
    return {f"{each.kind}/{each.id}" for each in keeper.accounts(keeper.find("acme", "google-ads").id)}


def test_after_the_consent_the_page_asks_what_to_share(chooser: Chooser, keeper: Keeper) -> None:
    """Names, ids as people write them, currencies, what is the matter with an account; nothing is ticked or shared."""
    sheet = chooser.arrive()
    assert heading(sheet.page) == "Choose what to share"
    for words in (
        "Google Ads",
        IDA,
        "222-333-4441",
        "SEK",
        "Cancelled",
        "Test",
        "Manager",
        "also below",
        "How to undo",
    ):
        assert words in sheet.page.text
    assert len(sheet.all) == 12
    assert set(sheet.all) - sheet.tickable == {"google_ads/6100000005"}
    assert sheet.ticked == set()
    assert shared(keeper) == set()


def test_exactly_what_is_ticked_is_shared(chooser: Chooser, keeper: Keeper) -> None:
    """The page that follows says what is; opened again, the picker shows what is saved."""
    sheet = chooser.arrive()
    end = chooser.save(sheet, [SHOP, BOTH])
    assert heading(end) == "Google Ads is connected"
    assert "2 accounts are shared" in end.text
    assert "Nordwind Outdoor" in end.text
    assert shared(keeper) == {SHOP, BOTH}
    assert chooser.open(sheet.action).ticked == {SHOP, BOTH}
    assert "2 of 12 accounts shared" in chooser.visitor.get("/").text


def test_a_choice_can_be_changed_and_sent_twice(chooser: Chooser, keeper: Keeper) -> None:
    """The button pressed twice, or again after Back, ends the same; what was saved last counts."""
    sheet = chooser.arrive()
    for ticked in ([SHOP], [SHOP], [SALE]):
        assert heading(chooser.save(sheet, ticked)) == "Google Ads is connected"
    assert shared(keeper) == {SALE}


def test_sharing_nothing_is_a_choice_where_none_is_required(chooser: Chooser, keeper: Keeper) -> None:
    """The page that follows says that the business can do nothing, and leads back to the choice."""
    sheet = chooser.arrive()
    end = chooser.save(sheet, [])
    assert "no account is shared" in end.text
    assert f'href="{sheet.action}"' in end.text
    assert shared(keeper) == set()


@pytest.mark.parametrize("picker", [Picker(at_least=1)])
def test_where_one_is_required_none_is_refused_and_nothing_saved(chooser: Chooser, keeper: Keeper) -> None:
    """The page comes again and says why; a ticked account is then saved."""
    answer = chooser.post(chooser.arrive(), "save", ticked=["google_ads/1", "google_ads/6100000005"])
    assert (answer.status_code, heading(answer)) == (422, "Choose what to share")
    assert "Please tick at least one account" in answer.text
    assert [event.kind for event in account_events(keeper)] == []
    chooser.save(chooser.open(str(answer.url).removeprefix(SITE)), [SHOP])
    assert shared(keeper) == {SHOP}


@pytest.mark.parametrize("picker", [Picker(preselect=("222-333-4441", "6100000005"))])
def test_what_is_preselected_is_ticked_and_not_shared_before_it_is_saved(chooser: Chooser, keeper: Keeper) -> None:
    """A cancelled account is not ticked by its id either."""
    sheet = chooser.arrive()
    assert sheet.ticked == {SHOP}
    assert shared(keeper) == set()
    chooser.save(sheet)
    assert shared(keeper) == {SHOP}


@pytest.mark.parametrize("picker", [Picker(preselect="enabled")])
def test_who_consents_again_sees_what_is_shared_already(chooser: Chooser, keeper: Keeper) -> None:
    """Not what would be preselected for somebody new."""
    chooser.save(chooser.arrive(), [SALE])
    assert chooser.arrive().ticked == {SALE}
    assert shared(keeper) == {SALE}


@pytest.mark.parametrize("picker", [None, Picker(page="skip", preselect="enabled")])
def test_where_nobody_is_asked_the_consent_ends_as_before(
    visitor: Visitor, keeper: Keeper, picker: Picker | None
) -> None:
    """All that is reached is shared, or what is preselected; the picker's address leads to the end, too."""
    end = visitor.end(visitor.return_path())
    assert heading(end) == "Google Ads is connected"
    assert len(shared(keeper)) == (12 if picker is None else 11)
    to = visitor.send("GET", str(end.url).replace("/result/", "/accounts/"))
    assert to.headers["location"] == str(end.url).removeprefix(SITE)


def test_a_search_of_the_server_keeps_the_ticks(chooser: Chooser, keeper: Keeper) -> None:
    """Without a script: ticks out of sight are saved with those in sight; all below a manager is one button."""
    sheet = chooser.press(chooser.arrive(), "search", ticked=[SHOP], search="fjord media NORTH")
    assert sheet.all == ["google_ads/6000000001", NORTH, "google_ads/6100000001", "google_ads/6100000002", BOTH]
    assert ("a", SHOP) in sheet.hidden
    sheet = chooser.press(sheet, "tick google_ads 6000000002")
    assert sheet.ticked == {"google_ads/6100000001", "google_ads/6100000002", BOTH}
    sheet = chooser.press(sheet, "clear", ticked=[BOTH])
    assert sheet.ticked == {SHOP, BOTH}
    assert len(sheet.all) == 12
    chooser.save(sheet)
    assert shared(keeper) == {SHOP, BOTH}


def test_a_search_that_finds_nothing_says_so_and_keeps_the_ticks(chooser: Chooser) -> None:
    """The way back is on the page."""
    sheet = chooser.press(chooser.arrive(), "search", ticked=[SHOP], search="<i>nothing</i>")
    assert "Nothing matches" in sheet.page.text
    assert "<i>nothing" not in sheet.page.text
    assert chooser.press(sheet, "clear").ticked == {SHOP}


def test_ids_that_the_grant_does_not_reach_are_not_shared(chooser: Chooser, keeper: Keeper) -> None:
    """V-31: a form may name another customer's account, a cancelled one, or anything at all."""
    chooser.save(
        chooser.arrive(), [SHOP, "google_ads/3334445552", "google_ads/6100000005", "ad_manager/21700000001", ""]
    )
    assert shared(keeper) == {SHOP}


def test_whose_login_reaches_nothing_is_told_what_to_do(chooser: Chooser, emulator: Emulator, keeper: Keeper) -> None:
    """The connection is kept; once somebody gives access, looking again finds it."""
    answer = chooser.visitor.get(chooser.visitor.return_path(person=MATEO))
    sheet = chooser.open(answer.headers["location"])
    assert heading(sheet.page) == "No accounts found"
    assert "another Google login" in sheet.page.text
    assert keeper.find("acme", "google-ads").usable
    access = (*emulator.world.ads_access, AdsAccess(person=MATEO, account="2223334441"))
    emulator.world = dataclasses.replace(emulator.world, ads_access=access)
    assert chooser.press(sheet, "look").all == [SHOP]


def test_looking_again_keeps_the_ticks(chooser: Chooser, emulator: Emulator) -> None:
    """What was added a moment ago appears beside what is ticked already."""
    sheet = chooser.arrive()
    access = (*emulator.world.ads_access, AdsAccess(person=IDA, account="3334445552"))
    emulator.world = dataclasses.replace(emulator.world, ads_access=access)
    sheet = chooser.press(sheet, "look", ticked=[SHOP])
    assert "google_ads/3334445552" in sheet.all
    assert sheet.ticked == {SHOP}


def test_a_grant_that_lacks_a_permission_is_not_asked_about_accounts(visitor: Visitor) -> None:
    """O-24: the missing permission comes first."""
    end = visitor.end(visitor.return_path("ad-manager", allow=["dfp"]))
    assert heading(end) == "Almost: a permission is missing"
    to = visitor.send("GET", str(end.url).replace("/result/", "/accounts/"))
    assert "/result/" in to.headers["location"]


def test_networks_are_chosen_like_ad_accounts(chooser: Chooser, keeper: Keeper) -> None:
    """The page is the same for every kind."""
    sheet = chooser.arrive(client="ad-manager")
    assert sheet.all == ["ad_manager/21700000001", "ad_manager/21700000009"]
    chooser.save(sheet, sheet.all[:1])
    grant = keeper.find("acme", "ad-manager")
    assert [each.id for each in keeper.accounts(grant.id)] == ["21700000001"]


def test_opening_the_page_changes_nothing(chooser: Chooser, keeper: Keeper, app: Starlette) -> None:
    """V-32: GET and HEAD write neither a choice nor an event."""
    sheet = chooser.arrive()
    for method in ("GET", "HEAD") * 3:
        assert chooser.visitor.send(method, f"{SITE}{sheet.action}", headers=FORM).status_code == 200
    assert account_events(keeper) == []
    assert shared(keeper) == set()


def test_no_other_browser_waits_while_a_page_is_made(chooser: Chooser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks, tree and lines are worked out on a thread: thousands of them would hold up the event loop."""
    sheet, seen = chooser.arrive(), set[threading.Thread]()

    def noted(account: Account) -> tuple[str, str]:
        seen.add(threading.current_thread())
        return account.kind, account.id

    monkeypatch.setattr(Account, "key", property(noted))
    chooser.open(sheet.action)
    for do in ("search", "tick google_ads", "untick google_ads 6000000002", "clear", "look"):
        chooser.press(sheet, do, ticked=sheet.tickable, search="north")
    chooser.save(sheet, [SHOP])
    assert seen
    assert threading.main_thread() not in seen
