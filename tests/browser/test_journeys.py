"""What people do with a browser. V-38: each journey fails when the console says anything, a CSP violation above all."""

from __future__ import annotations

import pytest

from browser.person import IDA, TOM, Person, token_requests
from grantkeeper.cli.demo.stage import Stage

pytestmark = pytest.mark.browser


def test_allow(ida: Person) -> None:
    """Consent and choice end on a page that says connected, and the site shows the ad accounts."""
    ida.press_connect()
    ida.choose()
    ida.allow()
    ida.see("Choose what to share", "picker")
    ida.share_all()
    ida.see("Google Ads is connected", "connected")
    assert "?" not in ida.page.url
    ida.page.get_by_role("link", name="Continue to Fjord Media").click()
    ida.see("Nordwind Outdoor", "home")
    assert "222-333-4441" in ida.page.inner_text("main")


def test_deny(ida: Person, stage: Stage) -> None:
    """Cancelling ends on a page that says so, and whose button starts over."""
    ida.press_connect()
    ida.choose()
    ida.deny()
    ida.see("Nothing was connected", "denied")
    assert token_requests(stage) == 0
    ida.page.get_by_role("button", name="Try again").click()
    ida.consent()
    ida.share_all()
    ida.see("Google Ads is connected", "connected")


def test_partial_consent(ida: Person) -> None:
    """A box left empty ends on a page that names what is missing; ticking it the next time ends well."""
    ida.press_connect("Ad Manager")
    ida.choose()
    ida.allow(ticked=1)
    ida.see("Almost: a permission is missing", "partial")
    assert "View and manage your Ad Manager data" in ida.page.inner_text("main")
    ida.page.get_by_role("button", name="Try again").click()
    ida.consent()
    ida.share_all()
    ida.see("Ad Manager is connected", "connected")


def test_other_account_on_renewal(ida: Person, stage: Stage) -> None:
    """O-27: another account changes nothing; the page names both."""
    ida.connect()
    stage.emulator.revoke(IDA)
    ida.page.goto(f"{stage.url}/grants/connect/google-ads")
    ida.see("Connect Google Ads", "renew")
    ida.page.get_by_role("button", name="Continue to Google").click()
    ida.choose(TOM)
    ida.allow()
    ida.see("That was another account", "other-account")
    text = ida.page.inner_text("main")
    assert IDA in text
    assert TOM in text
    assert stage.keeper.find("nordwind-outdoor", "google-ads").email == IDA


def test_two_tabs_at_once(ida: Person) -> None:
    """Both tabs end well, the one that began first too."""
    ida.press_connect()
    first = ida.page
    ida.page = ida.context.new_page()
    ida.connect("Ad Manager")
    ida.page = first
    ida.choose()
    ida.allow()
    ida.share_all()
    ida.see("Google Ads is connected", "connected")


def test_back_button(ida: Person, stage: Stage) -> None:
    """Back from the end spends nothing, and forward shows the end again; back at the button one may press it again."""
    ida.connect()
    end = ida.page.url
    ida.page.go_back()
    ida.page.go_forward()
    assert ida.page.url == end
    ida.see("Google Ads is connected", "forward-again")
    assert token_requests(stage) == 1
    while not ida.page.url.endswith("/connect/google-ads"):
        ida.page.go_back()
    ida.forgive(400, at=stage.serving.url)  # the provider's pages on the way are used up, and say so
    ida.page.get_by_role("button", name="Continue to Google").click()
    ida.consent()
    ida.see("Choose what to share", "pressed-again")


def test_reload_of_the_callback(ida: Person, stage: Stage) -> None:
    """R-59: the callback's address, opened twice in the same browser, shows the same end and is spent once."""
    ida.press_connect()
    ida.choose()
    address = ida.return_address()
    for shot in ("first", "again"):
        ida.page.goto(address)
        ida.see("Choose what to share", shot)
        ida.page.reload()
        ida.see("Choose what to share", f"{shot}-reloaded")
    assert token_requests(stage) == 1


def test_callback_in_another_browser(ida: Person, stranger: Person, stage: Stage) -> None:
    """O-01: refused, the code is not spent, and the browser that began still ends well."""
    ida.press_connect()
    ida.choose()
    address = ida.return_address()
    stranger.page.goto(address)
    stranger.see("We cannot go on from here", "refused")
    stranger.forgive(400, at=stage.url)
    assert token_requests(stage) == 0
    ida.page.goto(address)
    ida.see("Choose what to share", "picker")


def test_keyboard_only(ida: Person) -> None:
    """The button is reached with Tab and pressed with Enter, and what has the focus can be seen."""
    ida.page.goto(f"{ida.stage.url}/grants/connect/google-ads")
    for _ in range(5):
        ida.page.keyboard.press("Tab")
        if ida.page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
    assert ida.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    ida.see("Connect Google Ads", "focus")
    ida.page.keyboard.press("Enter")
    ida.page.wait_for_selector("form#accounts")


def test_the_page_is_an_outline_to_a_screen_reader(ida: Person) -> None:
    """Landmarks, one first-level heading, a language, and a name for everything that can be pressed."""
    for path in ("/", "/grants/", "/grants/connect/google-ads"):
        ida.page.goto(f"{ida.stage.url}{path}")
        assert ida.page.locator("main").count() == ida.page.locator("h1").count() == 1
        assert ida.page.get_by_role("banner").count() == ida.page.get_by_role("contentinfo").count() == 1
        assert ida.page.locator("html").get_attribute("lang") == "en"
        for control in ida.page.locator("a, button").all():
            assert control.inner_text().strip()
    ida.page.goto(f"{ida.stage.url}/grants/")
    ida.see("Connections", "start")
