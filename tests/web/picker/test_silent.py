"""The provider's APIs do not say what there is: the connection stands, and the page says so."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette

from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator
from grantkeeper.emulator.oauth.faults import Faults
from grantkeeper.errors import DatabaseUnavailable
from grantkeeper.keeper import Keeper
from grantkeeper.testing import emulated_keeper, oauth_client
from grantkeeper.web import grantkeeper_app
from web.picker.chooser import Chooser
from web.visitor import OWNER_HEADER, Visitor, heading

SHOP, NETWORK = "google_ads/2223334441", "ad_manager/21700000001"


def test_an_api_that_does_not_answer_costs_nobody_the_connection(
    chooser: Chooser, emulator: Emulator, keeper: Keeper
) -> None:
    """The page offers to try again, which then works, and to go on without choosing."""
    emulator.refuse("google_ads", "SERVICE_DISABLED", times=99)
    sheet = chooser.arrive()
    assert heading(sheet.page) == "We could not look up your accounts"
    assert "SERVICE_DISABLED" not in sheet.page.text
    assert keeper.find("acme", "google-ads").usable
    end = chooser.visitor.get(sheet.action.replace("/accounts/", "/result/"))
    assert "no account is shared" in end.text
    assert heading(chooser.press(sheet, "look").page) == "We could not look up your accounts"
    emulator.faults = Faults()
    assert SHOP in chooser.press(sheet, "look").all


def test_one_silent_api_leaves_the_others_their_accounts(emulator: Emulator, keeper: Keeper) -> None:
    """What can be chosen is chosen; the page names what could not be asked."""
    client = oauth_client(emulator, "everything", ["adwords", "ad_manager"])
    both = AsyncKeeper(emulated_keeper(emulator, keeper._store, clients=[client]))
    app: Starlette = grantkeeper_app(both, owner=lambda request: request.headers.get(OWNER_HEADER))
    emulator.refuse("google_ads", "SERVICE_DISABLED", times=99)
    with Visitor(app, emulator, owner="acme") as visitor:
        chooser = Chooser(visitor)
        sheet = chooser.arrive(client="everything")
        assert sheet.all == [NETWORK]
        assert "Google Ads could not be asked right now" in sheet.page.text
        chooser.save(sheet, [NETWORK])
        emulator.faults = Faults()
        again = chooser.press(chooser.open(sheet.action), "look")
        assert "could not be asked" not in again.page.text
        assert again.ticked == {NETWORK}
        assert SHOP in again.all


def test_a_database_that_is_away_saves_nothing_and_says_so(
    chooser: Chooser, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is answered with 503, and the form can be sent again."""
    sheet = chooser.arrive()

    def away(*_args: object, **_kwargs: object) -> None:
        raise DatabaseUnavailable("The database is locked.")

    with monkeypatch.context() as patch:
        patch.setattr(type(keeper._store.accounts), "share", away)
        answer = chooser.post(sheet, "save", ticked=[SHOP])
    assert (answer.status_code, heading(answer)) == (503, "We cannot write this down right now")
    chooser.save(sheet, [SHOP])
    assert [each.id for each in keeper.accounts(keeper.find("acme", "google-ads").id)] == ["2223334441"]
