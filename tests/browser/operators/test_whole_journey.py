"""From a link that a program makes to the error that it reads when the owner was disconnected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from browser.guest import IDA
from browser.looking import WINDOWS
from browser.operators.staff import Staff, consented
from browser.person import Window
from browser.serving import Service
from grantkeeper.errors import ConsentRequired
from grantkeeper.model import GrantStatus, Picker, Reason
from grantkeeper.remote import Remote

pytestmark = pytest.mark.browser
PHONES, DESKTOPS = WINDOWS[:2], WINDOWS[2:]
OWNER = "Nordwind Outdoor"


def program(service: Service) -> Remote:
    """Return a program with an API key, which asks the service each time."""
    key = service.keeper.keys.create("reports", ("links:write", "grants:read", "tokens:read"), by="cli").secret
    return Remote(service.url, key, max_stale=timedelta(0), now=service.emulator.clock.now)


@pytest.mark.reveals("access token", "link token")
@pytest.mark.parametrize(("phone", "desktop"), list(zip(PHONES, DESKTOPS, strict=True)), ids=["light", "dark"])
def test_the_whole_journey(service: Service, staff: Callable[..., Staff], phone: Window, desktop: Window) -> None:
    """V-31: nothing is handed out before an operator says who it is, nor after they end it."""
    customer, operator = staff(phone), staff(desktop)
    with program(service) as remote:
        other = consented(service, "Nordwind Shop", IDA, expect=IDA)
        made = remote.link(OWNER, "google-ads", picker=Picker(), message="As agreed on Tuesday.")
        _consent(customer, made.url)
        grant = remote.find(OWNER, "google-ads")
        assert grant.status is GrantStatus.PENDING
        with pytest.raises(ConsentRequired) as waits:
            remote.token(grant.id)
        assert waits.value.reason == Reason.NOT_CONFIRMED

        operator.come_in("operator")
        _confirm(operator)
        assert len(remote.token(grant.id).value.reveal()) > 20
        assert remote.get(grant.id).status is GrantStatus.ACTIVE
        service.keeper.keys.flush()
        operator.page.reload()
        assert "reports" in operator.page.inner_text("section:has(#may) table")
        operator.see(OWNER, "5-read")

        _disconnect(operator)
        for each, reason in ((grant, Reason.DISCONNECTED), (other, Reason.SIBLING_REVOKED)):
            with pytest.raises(ConsentRequired) as ended:
                remote.token(each.id)
            assert (ended.value.grant_id, ended.value.reason) == (each.id, reason)
    assert service.emulator.live_refresh_tokens(IDA, service.keeper.client("google-ads").client_id) == 0


def _consent(customer: Staff, url: str) -> None:
    customer.page.goto(url)
    customer.see("Connect Google Ads", "1-invitation")
    customer.press("form#connect button")
    customer.consent(customer.service.sub(IDA))
    customer.see("Choose what to share", "2-picker")
    customer.share_all()
    customer.see("Thank you", "3-waits")


def _confirm(operator: Staff) -> None:
    operator.see("Grants", "4-grants")
    operator.press(f"a:has-text('{OWNER}')")
    operator.see(OWNER, "4-who")
    assert IDA in operator.page.inner_text("section:has(#ask)")
    operator.press("form#confirm button")
    operator.see(OWNER, "4-confirmed")
    assert "handed out from now on" in operator.page.inner_text("[role=status].done")


def _disconnect(operator: Staff) -> None:
    operator.press("a:has-text('Disconnect…')")
    operator.see(f"Disconnect {OWNER}?", "6-before")
    assert "1 more grant lives from the same person’s consent" in operator.page.inner_text("form#disconnect h2")
    assert "Nordwind Shop" in operator.page.inner_text("form#disconnect ul")
    operator.page.check("input[name=siblings][value=end]")
    operator.press("form#disconnect button")
    operator.see(OWNER, "7-disconnected")
    assert "Disconnected" in operator.page.inner_text("[role=status].done")
