"""An invitation in a real browser. V-38: a journey fails when the console says anything, a CSP violation above all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from browser.guest import IDA, Guest
from browser.looking import PHONE, WINDOWS
from browser.person import Window
from browser.serving import Service
from grantkeeper.model import GrantStatus, Picker
from grantkeeper.web.languages import LANGUAGES, Words

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)
def test_invited(service: Service, guest: Callable[..., Guest], window: Window) -> None:
    """Invitation, consent, choice, thanks; the grant waits for the business; the used link shows the thanks again."""
    made = service.keeper.link(
        "Nordwind Outdoor",
        "google-ads",
        picker=Picker(),
        message="Dear Ida,\nas agreed on Tuesday. Please sign in with your work account.",
        code=True,
    )
    assert made.code is not None
    browser = guest(window)
    browser.page.goto(made.url)
    browser.see("Connect Google Ads", "invitation")
    browser.page.fill("#code", "000 000" if made.code.reveal() != "000000" else "111111")
    browser.page.locator("form#connect button").click()
    browser.see("Connect Google Ads", "wrong-code")
    browser.forgive(422)
    browser.page.fill("#code", made.code.reveal())
    browser.page.locator("form#connect button").click()
    browser.consent(service.sub(IDA))
    browser.see("Choose what to share", "picker")
    for box in browser.page.locator("input[name=a]:enabled").all():
        box.check()
    browser.page.locator("#save button").click()
    browser.see("Thank you", "thanks")
    assert service.keeper.find("Nordwind Outdoor", "google-ads").status is GrantStatus.PENDING
    browser.page.goto(made.url)
    browser.see("Thank you", "again")
    other = guest(window)
    other.page.goto(made.url)
    other.see("This invitation cannot be used", "neutral")
    other.forgive(404)


@pytest.mark.parametrize("code", LANGUAGES)
def test_languages(service: Service, guest: Callable[..., Guest], code: str) -> None:
    """A browser's language on a phone, from the invitation to the end."""
    say = Words(code)
    made = service.keeper.link("Nordwind Outdoor", "google-ads", expect=IDA, picker=Picker())
    browser = guest(PHONE, language=code)
    browser.page.goto(made.url)
    browser.see(str(say("Connect {client}", client="Google Ads")), f"{code}-invitation")
    browser.page.locator("form#connect button").click()
    browser.consent(service.sub(IDA), deny=True)
    browser.see(str(say("Nothing was connected")), f"{code}-denied")
    browser.page.locator("form#connect button").click()
    browser.consent(service.sub(IDA))
    browser.see(str(say("Choose what to share")), f"{code}-picker")
    browser.page.locator("input[name=a]:enabled").first.check()
    browser.page.locator("#save button").click()
    browser.see(str(say("{client} is connected", client="Google Ads")), f"{code}-connected")


def test_home_with_a_proof(service: Service, guest: Callable[..., Guest]) -> None:
    """V-31: the browser that consented is led home with the proof by the form's own redirects, which the CSP allows."""
    made = service.keeper.link(
        "acme", "google-ads", confirm="proof", return_to=f"{service.url}/healthz?from=link", picker=Picker()
    )
    browser = guest(PHONE)
    browser.follow(made.url)
    browser.consent(service.sub(IDA))
    browser.page.locator("input[name=a]:enabled").first.check()
    browser.page.locator("#save button").click()
    browser.page.wait_for_url("**/healthz?**")
    grant = service.keeper.find("acme", "google-ads")
    proof = browser.page.url.partition("grantkeeper_proof=")[2]
    assert service.keeper.confirm(grant.id, proof=proof).usable


def test_without_scripts_and_by_keyboard(service: Service, guest: Callable[..., Guest]) -> None:
    """The page needs neither a script nor a mouse: Tab reaches the code and the button, Enter sends them."""
    made = service.keeper.link("acme", "google-ads", expect=IDA, code=True)
    assert made.code is not None
    browser = guest(PHONE, scripts=False)
    browser.page.goto(made.url)
    browser.page.keyboard.press("Tab")
    assert browser.page.locator("#code:focus").count() == 1
    browser.page.keyboard.type(made.code.reveal())
    browser.page.keyboard.press("Enter")
    browser.page.wait_for_url("**/o/oauth2/**")
    browser.consent(service.sub(IDA))
    assert browser.page.inner_text("h1") == "Google Ads is connected"
