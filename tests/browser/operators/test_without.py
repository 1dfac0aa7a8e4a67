"""Without a mouse, and without scripts: the main jobs are done all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from browser.guest import IDA, TOM, Guest
from browser.looking import WINDOWS
from browser.operators.staff import Staff, consented
from browser.person import Window
from browser.serving import Service
from grantkeeper.model import GrantStatus, Picker
from webhooks.receiver import listening

pytestmark = pytest.mark.browser
PHONE, DESKTOP = WINDOWS[0], WINDOWS[3]
MOST_TABS = 80
_FOCUS = """() => {
  const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const seen = box.width > 0 && box.top < innerHeight && box.bottom > 0;
  return ring && seen ? "" : element.outerHTML.slice(0, 300);
}"""


def tab_to(one: Guest, selector: str) -> None:
    """Press Tab until the element has the focus; wherever it stops in between, one sees it."""
    for _ in range(MOST_TABS):
        one.page.keyboard.press("Tab")
        assert one.page.evaluate(_FOCUS) == ""
        if one.page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"Tab never reaches {selector}")


def press_key(one: Guest, selector: str, key: str = "Enter") -> None:
    """Go to a button or a link by Tab, press a key, and wait for the page that it leads to."""
    tab_to(one, selector)
    with one.page.expect_navigation():
        one.page.keyboard.press(key)


def test_an_operator_without_a_mouse(service: Service, staff: Callable[..., Staff]) -> None:
    """Sign in, find a grant, open it, confirm it, disconnect it: Tab, Enter and Space."""
    grant = consented(service, "Nordwind Outdoor", TOM)
    consented(service, "Nordwind Shop", TOM)
    one = staff(DESKTOP)
    _, token = service.keeper.operators.invite("ada@fjord-media.example", "operator", by="cli")
    one.open(f"/sign-in/{token.reveal()}")
    press_key(one, "form#sign-in button")
    tab_to(one, "a.skip")
    one.see("Grants", "skip")
    one.page.keyboard.press("Enter")
    assert one.page.locator("main:focus").count() == 1
    one.page.reload()
    tab_to(one, "#find")
    one.page.keyboard.type("Nordwind O")
    with one.page.expect_navigation():
        one.page.keyboard.press("Enter")
    press_key(one, f"a[href$='{grant.id}']")
    press_key(one, "form#confirm button", "Space")
    one.see("Nordwind Outdoor", "confirmed")
    assert service.keeper.get(grant.id).status is GrantStatus.ACTIVE
    press_key(one, "a[href$='/disconnect']")
    tab_to(one, "input[name=siblings]")
    one.see("Disconnect Nordwind Outdoor?", "before")
    press_key(one, "form#disconnect button")
    one.see("Nordwind Outdoor", "disconnected")
    assert service.keeper.get(grant.id).status is GrantStatus.REVOKED


def test_a_customer_without_a_mouse(service: Service, staff: Callable[..., Staff]) -> None:
    """From the invitation to the thanks."""
    made = service.keeper.link("Nordwind Outdoor", "google-ads", picker=Picker())
    one = staff(DESKTOP)
    one.page.goto(made.url)
    press_key(one, "form#connect button")
    one.consent(service.sub(IDA))
    tab_to(one, "input[name=a]")
    one.page.keyboard.press("Space")
    press_key(one, "#save button")
    one.see("Thank you", "thanks")


@pytest.mark.reveals("link token", "webhook secret", "Secret")
@pytest.mark.parametrize("window", [PHONE, DESKTOP], ids=lambda window: window.name)
def test_no_scripts(service: Service, staff: Callable[..., Staff], window: Window) -> None:
    """Every job of the dashboard, and the link that it makes, in a browser that runs no scripts."""
    admin, customer = staff(window, scripts=False), staff(PHONE, scripts=False)
    admin.come_in()
    admin.press("a:has-text('Invite somebody')")
    admin.page.fill("#owner", "Nordwind Outdoor")
    admin.press("form#new-link button")
    admin.see("A link for Nordwind Outdoor", "link")
    customer.follow(admin.page.input_value("#address"))
    customer.consent(service.sub(TOM))
    customer.see("Thank you", "thanks")
    grant = service.keeper.find("Nordwind Outdoor", "google-ads")
    _end(admin, grant.id)
    assert service.keeper.get(grant.id).status is GrantStatus.REVOKED
    _for_programs(admin)


def _end(admin: Staff, grant_id: str) -> None:
    admin.page.fill("#find", TOM)
    admin.press("form.find button")
    admin.press(f"a[href$='{grant_id}']")
    admin.press("form#confirm button")
    admin.press("form#refresh button")
    admin.see("Nordwind Outdoor", "refreshed")
    assert "Refreshed" in admin.page.inner_text(".done")
    admin.press("a[href$='/disconnect']")
    admin.press("form#disconnect button")
    admin.see("Nordwind Outdoor", "disconnected")


def _for_programs(admin: Staff) -> None:
    with listening() as receiver:
        admin.open("/webhooks")
        admin.page.fill("#url", receiver.url)
        admin.press("form#new-endpoint button")
        admin.press("main a:has-text('back')")
        admin.press("form#test button")
        admin.see(receiver.url, "tested")
        assert len(receiver.messages) == 1
    admin.open("/keys")
    admin.page.fill("#name", "reports")
    admin.page.check("#new-key .choice >> nth=0")
    admin.press("form#new-key button")
    admin.see("The key reports", "key")
    admin.open("/audit")
    admin.press("form#verify button")
    admin.see("Audit log", "verified")
    admin.press("form#sign-out button")
    admin.see("Sign in", "out")
