"""From the button to the page that says how it ended: one test for each ending."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette

from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from grantkeeper.model import GrantStatus
from web.visitor import IDA, TOM, Visitor, heading, token_requests


def test_the_start_page_lists_what_can_be_connected_and_what_is(visitor: Visitor) -> None:
    """Every client of kind web has a line, with the account that it is connected as."""
    assert visitor.get("/").text.count("Not connected") == 2
    visitor.end(visitor.return_path())
    page = visitor.get("/").text
    assert f"Connected as {IDA}" in page
    assert page.count("Not connected") == 1


def test_the_connect_page_names_business_owner_and_permissions_in_plain_words(visitor: Visitor) -> None:
    """V-31 (c): who asks, for whom, what for, and how to undo it; no scope URL."""
    page = visitor.get("/connect/google-ads").text
    for words in ("Fjord Media", "acme", "Google Ads accounts and data", "How to undo it", "did not expect this page"):
        assert words in page
    assert "googleapis.com" not in page


def test_allowing_ends_on_a_page_that_says_connected(visitor: Visitor, keeper: Keeper) -> None:
    """The grant is active, and the page names the account."""
    page = visitor.end(visitor.return_path())
    assert (page.status_code, heading(page)) == (200, "Google Ads is connected")
    assert IDA in page.text
    assert 'href="/reports"' in page.text
    assert keeper.find("acme", "google-ads").usable


def test_denying_ends_on_a_page_that_says_nothing_was_connected(visitor: Visitor, keeper: Keeper) -> None:
    """Nothing is stored; the way to try again is a form."""
    page = visitor.end(visitor.return_path(deny=True))
    assert (page.status_code, heading(page)) == (200, "Nothing was connected")
    assert list(keeper.grants("acme")) == []
    assert visitor.press(page).status_code == 303


def test_partial_consent_ends_on_a_page_that_names_what_is_missing(
    visitor: Visitor, keeper: Keeper, emulator: Emulator
) -> None:
    """O-24: the missing permission stands there in plain words, and trying again is one press away."""
    path = visitor.return_path("ad-manager", allow=["dfp"])
    page = visitor.end(path)
    assert (page.status_code, heading(page)) == (200, "Almost: a permission is missing")
    assert "View and manage your Ad Manager data" in page.text
    assert keeper.find("acme", "ad-manager").status is GrantStatus.CONSENT_REQUIRED
    away = visitor.press(page).headers["location"]
    assert heading(visitor.end(emulator.consent(away, IDA))) == "Ad Manager is connected"


def test_another_account_on_renewal_changes_nothing_and_says_so(visitor: Visitor, keeper: Keeper) -> None:
    """O-27: both addresses stand on the page, the grant is as it was."""
    visitor.end(visitor.return_path())
    before = keeper.find("acme", "google-ads")
    page = visitor.end(visitor.return_path(person=TOM))
    assert (page.status_code, heading(page)) == (200, "That was another account")
    assert IDA in page.text
    assert TOM in page.text
    assert keeper.find("acme", "google-ads") == before


def test_a_provider_in_trouble_ends_on_a_page_that_says_wait(visitor: Visitor, emulator: Emulator) -> None:
    """The page names the provider's trouble; the operators' part stays out of it."""
    path = visitor.return_path()
    emulator.fail(503, times=9)
    page = visitor.end(path)
    assert heading(page) == "Google did not answer"
    assert "Traceback" not in page.text


def test_a_refused_client_is_ours_to_mend(visitor: Visitor, emulator: Emulator) -> None:
    """The person is told that it is not his fault, and not what is wrong inside."""
    path = visitor.return_path()
    emulator.delete_client(emulator.world.clients[0].id)
    page = visitor.end(path)
    assert heading(page) == "This is on our side"
    assert "deleted_client" not in page.text


def test_a_missing_refresh_token_sends_the_browser_on_a_second_pass(visitor: Visitor, emulator: Emulator) -> None:
    """O-29: the callback answers with the provider's address and prompt=consent; the second way back ends it."""
    path = visitor.return_path()
    emulator.omit_refresh_token(1)
    second = visitor.get(path)
    assert second.status_code == 303
    assert "prompt=consent" in second.headers["location"]
    page = visitor.end(emulator.consent(second.headers["location"], IDA))
    assert heading(page) == "Google Ads is connected"


def test_every_ending_reads_the_same_again_and_spends_nothing(visitor: Visitor, emulator: Emulator) -> None:
    """R-59: reloading the result, and the callback itself, shows the same page without another token request."""
    for deny in (True, False):
        path = visitor.return_path(deny=deny)
        first = visitor.end(path)
        spent = token_requests(emulator)
        again = visitor.end(path)
        assert heading(again) == heading(first)
        assert visitor.get(str(again.url)).text == again.text
        assert token_requests(emulator) == spent


def test_two_tabs_at_once_both_work(visitor: Visitor, keeper: Keeper) -> None:
    """One secret per browser: the tab that began first is not shut out by the second."""
    first, second = visitor.return_path("google-ads"), visitor.return_path("ad-manager")
    assert heading(visitor.end(second)) == "Ad Manager is connected"
    assert heading(visitor.end(first)) == "Google Ads is connected"
    assert len(list(keeper.grants("acme"))) == 2


@pytest.mark.parametrize(
    "path", ["/", "/connect/google-ads", "/callback/google-ads?state=x", "/result/google-ads/" + "a" * 64]
)
def test_a_browser_that_belongs_to_nobody_is_asked_to_sign_in(app: Starlette, emulator: Emulator, path: str) -> None:
    """V-31: without the host application's session nothing is shown, begun or completed."""
    with Visitor(app, emulator, owner=None) as nobody:
        page = nobody.get(path)
    assert (page.status_code, heading(page)) == (401, "Please sign in to Fjord Media first")


def test_a_result_of_another_owner_is_not_shown(visitor: Visitor, app: Starlette, emulator: Emulator) -> None:
    """Who signs in after somebody else in the same browser does not read how that one's flow ended."""
    page = visitor.end(visitor.return_path())
    visitor.http.headers["x-test-owner"] = "somebody-else"
    assert visitor.get(str(page.url)).status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/connect/no-such", "/callback/no-such?state=x", "/result/google-ads/zz", "/elsewhere", "/connect/google-ads/"],
)
def test_what_does_not_exist_is_a_page_that_says_so(visitor: Visitor, path: str) -> None:
    """404, in the pages' own clothes, also for a slash too many."""
    page = visitor.get(path)
    assert (page.status_code, heading(page)) == (404, "There is no such page")


def test_a_program_gets_a_problem(visitor: Visitor) -> None:
    """RFC 9457: type, title, status and detail; for the endings of a flow too."""
    answer = visitor.get("/elsewhere", accept="application/json")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:grantkeeper:problem:not_found"
    denied = visitor.end(visitor.return_path(deny=True))
    problem = visitor.get(str(denied.url), accept="application/problem+json, text/html;q=0.5")
    assert (problem.status_code, problem.json()["status"]) == (403, 403)


def test_healthz_answers_without_anybody(visitor: Visitor) -> None:
    """A probe needs no session."""
    assert visitor.get("/healthz").json() == {"status": "ok"}
