"""V-31 with two browsers: whoever sends their own link on to somebody else gets nothing by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from browser.guest import IDA, TOM, Guest
from browser.looking import WINDOWS
from browser.serving import Service
from grantkeeper.errors import ConsentRequired, NotFound
from grantkeeper.model import GrantStatus, Reason

pytestmark = pytest.mark.browser
PHONE, DESKTOP = WINDOWS[0], WINDOWS[2]


def exchanges(service: Service) -> int:
    """Return how often a code was exchanged."""
    return len(service.emulator.requests("/token", grant_type="authorization_code"))


def test_the_providers_address_of_one_browser_ends_nowhere_in_another(
    service: Service, guest: Callable[..., Guest]
) -> None:
    """V-31: the attacker presses the button, and sends the provider's address on: the victim's consent is refused."""
    made = service.keeper.link("attacker", "google-ads")
    attacker, victim = guest(DESKTOP), guest(PHONE)
    attacker.follow(made.url)
    sent_on = attacker.page.url
    assert sent_on.startswith(service.emulator.base_url)

    victim.page.goto(sent_on)
    victim.consent(service.sub(IDA))
    victim.see("We cannot go on from here", "refused")
    assert exchanges(service) == 0
    with pytest.raises(NotFound):
        service.keeper.find("attacker", "google-ads")
    victim.forgive(400)


def test_a_link_that_was_sent_on_waits_with_the_name_of_who_consented(
    service: Service, guest: Callable[..., Guest]
) -> None:
    """V-31: the victim goes the whole way. Nothing is handed out, the attacker's browser learns nothing of it."""
    made = service.keeper.link("attacker", "google-ads")
    attacker, victim = guest(DESKTOP), guest(PHONE)
    attacker.follow(made.url)
    victim.follow(made.url)
    victim.consent(service.sub(IDA))
    victim.see("Thank you", "victim")

    grant = service.keeper.find("attacker", "google-ads")
    assert (grant.status, grant.email) == (GrantStatus.PENDING, IDA)
    with pytest.raises(ConsentRequired) as waits:
        service.keeper.token(grant.id)
    assert waits.value.reason == Reason.NOT_CONFIRMED
    attacker.page.goto(made.url)
    attacker.see("This invitation cannot be used", "attacker")
    assert IDA not in attacker.page.content()
    attacker.forgive(404)


def test_the_way_back_opens_in_no_other_browser(service: Service, guest: Callable[..., Guest]) -> None:
    """V-31: login CSRF. Another's consent, opened here, connects nobody and spends nothing."""
    made = service.keeper.link("victim", "google-ads")
    attacker, victim = guest(DESKTOP), guest(PHONE)
    attacker.follow(made.url)
    kept: list[str] = []

    def hold(route: Route) -> None:
        kept.append(route.fetch(max_redirects=0).headers["location"])
        route.fulfill(content_type="text/html", body="<h1>Held</h1>")

    attacker.page.route("**/o/oauth2/v2/auth/consent*", hold)
    attacker.consent(service.sub(TOM))
    victim.follow(made.url)
    victim.page.goto(kept[0])
    victim.see("We cannot go on from here", "foreign")
    assert exchanges(service) == 0
    attacker.page.goto(kept[0])
    attacker.see("Thank you", "own")
    assert service.keeper.find("victim", "google-ads").email == TOM
    victim.forgive(400)
