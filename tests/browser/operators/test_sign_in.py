"""Both ways in, in real browsers: the address that the command line prints, and the provider."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from browser.guest import IDA
from browser.looking import WINDOWS
from browser.operators.staff import Staff
from browser.serving import Service

pytestmark = pytest.mark.browser
PHONE, DESKTOP = WINDOWS[1], WINDOWS[2]
SAM = "sam@fjord-media.example"
OVER = "This sign-in link cannot be used any more"


@pytest.mark.reveals("one-time link")
def test_the_address_that_the_command_line_prints_is_good_once(service: Service, staff: Callable[..., Staff]) -> None:
    """V-36, V-39b: a page that looks uses nothing up; the first button does; it leads on to the page asked for."""
    url = service.call("operator", "invite", "ada@fjord-media.example", "--role", "admin")
    ada, another = staff(DESKTOP), staff(PHONE)
    another.page.goto(url)
    another.see("Sign in", "link")
    ada.open("/audit?actor=cli")
    ada.see("Sign in", "asked")
    ada.page.goto(url)
    ada.press("form#sign-in button")
    ada.see("Audit log", "led-on")
    assert ada.page.url.endswith("/dashboard/audit?actor=cli")

    another.press("form#sign-in button")
    another.see(OVER, "over")
    another.page.goto(url)
    another.see(OVER, "over-again")
    another.open("/grants")
    another.see("Sign in", "still-out")
    another.forgive(404)


def test_the_login_of_the_domain_comes_in_and_another_does_not(service: Service, staff: Callable[..., Staff]) -> None:
    """O-26: a stranger reads why and may try another account; who is let in lands where they wanted to go."""
    one = staff(DESKTOP)
    one.open("/links")
    one.press("form#openid button")
    one.consent(service.sub(IDA))
    one.see("You are not signed in", "stranger")
    assert IDA in one.page.inner_text("main")
    assert service.keeper.operators.all() == []
    one.open("/links")
    one.see("Sign in", "still-out")

    sam = staff(PHONE)
    sam.open("/links")
    sam.press("form#openid button")
    sam.consent(service.sub(SAM))
    sam.see("Links", "in")
    (operator,) = service.keeper.operators.all()
    assert (operator.email, operator.role) == (SAM, "operator")
    sam.press("form#sign-out button")
    sam.see("Sign in", "out")
    one.forgive(403)
