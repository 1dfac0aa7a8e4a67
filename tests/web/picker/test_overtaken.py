"""What there is to share changes between the page and the save."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from grantkeeper.emulator import Emulator
from grantkeeper.emulator.oauth.faults import Faults
from grantkeeper.errors import AccessRefused, Conflict, DatabaseUnavailable, GrantkeeperError
from grantkeeper.keeper import Keeper
from grantkeeper.keeper.accounts.reach import Reach
from grantkeeper.model import Look, Picker
from keeper.people import account_events
from web.picker.chooser import Chooser, Sheet
from web.picker.worlds import IDA
from web.visitor import SITE, heading

SHOP, SALE = "google_ads/2223334441", "google_ads/4445556663"


def once(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen right after the page has read what there is, before it saves."""
    looks = Reach.looks

    def then(reach: Reach, grant_id: str) -> list[Look]:
        found = looks(reach, grant_id)
        monkeypatch.setattr(Reach, "looks", looks)
        happens()
        return found

    monkeypatch.setattr(Reach, "looks", then)


def lose(emulator: Emulator, account: str) -> None:
    """Take Ida's access to an account away."""
    access = tuple(each for each in emulator.world.ads_access if (each.person, each.account) != (IDA, account))
    emulator.world = dataclasses.replace(emulator.world, ads_access=access)


def shared(keeper: Keeper) -> set[str]:
    """Return what the grant of `acme` shares and reaches."""
    return {f"{each.kind}/{each.id}" for each in keeper.accounts(keeper.find("acme", "google-ads").id)}


def test_an_account_that_is_lost_under_way_leaves_the_other_ticks(
    chooser: Chooser, emulator: Emulator, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page comes again without it and says so; nothing is saved before the person has seen it."""
    sheet = chooser.arrive()
    grant = keeper.find("acme", "google-ads")

    def lost() -> None:
        lose(emulator, "2223334441")
        keeper.discover(grant.id)

    once(monkeypatch, lost)
    answer = chooser.post(sheet, "save", ticked=[SHOP, SALE])
    assert (answer.status_code, heading(answer)) == (409, "Choose what to share")
    assert "changed while you chose" in answer.text
    again = Sheet(answer)
    assert SHOP not in again.all
    assert again.ticked == {SALE}
    assert shared(keeper) == set()
    chooser.save(again)
    assert shared(keeper) == {SALE}


def test_a_grant_that_is_revoked_under_way_leads_to_its_end(
    chooser: Chooser, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to choose any more."""
    sheet = chooser.arrive()
    once(monkeypatch, lambda: keeper.revoke(keeper.find("acme", "google-ads").id))
    answer = chooser.post(sheet, "save", ticked=[SHOP])
    assert answer.status_code == 303
    assert answer.headers["location"] == sheet.action.replace("/accounts/", "/result/")


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (Conflict("This grant was revoked."), 409, "Your choice was not saved"),
        (AccessRefused("no", who="person", code="x"), 409, "Your choice was not saved"),
        (DatabaseUnavailable("The database is locked."), 503, "We cannot write this down right now"),
    ],
    ids=["conflict", "refused", "database"],
)
def test_what_stands_in_the_way_of_saving_leads_back_to_the_page(
    chooser: Chooser, keeper: Keeper, monkeypatch: pytest.MonkeyPatch, error: GrantkeeperError, status: int, title: str
) -> None:
    """None of it is a fault of the set-up."""
    sheet = chooser.arrive()

    def fails(*_args: object, **_kwargs: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Reach, "share", fails)
        answer = chooser.post(sheet, "save", ticked=[SHOP])
    assert (answer.status_code, heading(answer)) == (status, title)
    assert f'href="{sheet.action}">Open the page</a>' in answer.text
    assert shared(keeper) == set()


def test_saving_before_anything_was_found_is_no_choice_of_nothing(
    chooser: Chooser, emulator: Emulator, keeper: Keeper
) -> None:
    """As long as no account is known, the page comes again; who then looks again can choose."""
    emulator.refuse("google_ads", "SERVICE_DISABLED", times=99)
    sheet = chooser.arrive()
    for ticked in ([], [SHOP]):
        answer = chooser.post(sheet, "save", ticked=ticked)
        assert (answer.status_code, heading(answer)) == (409, "We could not look up your accounts")
    assert account_events(keeper) == []
    emulator.faults = Faults()
    again = chooser.press(sheet, "look")
    assert chooser.visitor.send("GET", f"{SITE}{again.action}").status_code == 200
    chooser.save(again, [SHOP])
    assert shared(keeper) == {SHOP}


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "given up"])
def test_a_lost_account_stays_shared_or_is_given_up_as_its_box_says(
    chooser: Chooser, emulator: Emulator, keeper: Keeper, keeps: bool
) -> None:
    """Its box is ticked as long as it would be shared again when it comes back; unticked, it is gone."""
    before, sheet = emulator.world, chooser.arrive()
    chooser.save(sheet, [SHOP, SALE])
    grant = keeper.find("acme", "google-ads")
    lose(emulator, "2223334441")
    keeper.discover(grant.id)
    again = chooser.open(sheet.action)
    assert again.ticked == {SHOP, SALE} <= again.tickable
    assert "Not reached any more" in again.page.text
    chooser.save(again, again.ticked if keeps else {SALE})
    assert (SHOP in chooser.open(sheet.action).all) == keeps
    emulator.world = before
    keeper.discover(grant.id)
    assert shared(keeper) == ({SHOP, SALE} if keeps else {SALE})


@pytest.mark.parametrize("picker", [Picker(at_least=1)])
def test_where_one_is_required_a_lost_account_is_not_enough(
    chooser: Chooser, emulator: Emulator, keeper: Keeper
) -> None:
    """The business could work with nothing; with another one beside it, the choice is saved."""
    sheet = chooser.arrive()
    chooser.save(sheet, [SHOP])
    lose(emulator, "2223334441")
    keeper.discover(keeper.find("acme", "google-ads").id)
    answer = chooser.post(sheet, "save", ticked=[SHOP])
    assert (answer.status_code, heading(answer)) == (422, "Choose what to share")
    assert "at least one account that is still reached" in answer.text
    chooser.save(sheet, [SHOP, SALE])
    assert shared(keeper) == {SALE}
