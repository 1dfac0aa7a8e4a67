"""How a link can end otherwise: each page at each size and in both schemes, readable by everybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from browser.guest import IDA, TOM, Guest
from browser.looking import WINDOWS
from browser.person import Window
from browser.serving import Service

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)
def test_endings(service: Service, guest: Callable[..., Guest], window: Window) -> None:
    """Declined, another person than expected, a provider in trouble, a link that is over, an address that is none."""
    one = guest(window)
    one.follow(service.keeper.link("acme", "google-ads").url)
    one.consent(service.sub(IDA), deny=True)
    one.see("Nothing was connected", "declined")
    other = guest(window)
    other.follow(service.keeper.link("acme", "google-ads", expect=TOM).url)
    other.consent(service.sub(IDA))
    other.see("That was another account", "another-person")
    third = guest(window)
    third.follow(service.keeper.link("acme", "google-ads").url)
    service.emulator.fail(503, times=9)
    third.consent(service.sub(IDA))
    third.see("Google did not answer", "trouble")
    made = service.keeper.link("acme", "google-ads", expires_in=timedelta(hours=1))
    service.keeper.links.revoke(made.link.id, by="cli")
    for url, heading, shot in (
        (made.url, "This invitation cannot be used", "over"),
        (f"{service.url}/nowhere", "There is no such page", "nowhere"),
    ):
        third.page.goto(url)
        third.see(heading, shot)
    for status in (404, 503, 403, 409, 502):
        third.forgive(status)
        other.forgive(status)
