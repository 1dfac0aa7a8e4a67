"""Every page of the dashboard, full and empty, at each size and in both schemes; and the API's own page.

V-38: each test fails when a console says anything, a breach of the policy above all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from browser.guest import IDA, TOM
from browser.looking import WINDOWS
from browser.operators.staff import Staff, consented
from browser.person import Window
from browser.serving import Service
from grantkeeper.errors import ConsentRequired
from grantkeeper.keeper import Keeper
from grantkeeper.model import NOTHING, Grant, Tally
from webhooks.receiver import Receiver, listening

pytestmark = pytest.mark.browser
each_window = pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)
LUCIA = "lucia@casa-verde.example"
MATEO = "mateo.moreno@mail.example"
LONG = "A customer whose name is longer than anybody would wish, GmbH & Co. Kommanditgesellschaft auf Aktien"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A program that is told of events."""
    with listening() as made:
        yield made


@pytest.fixture
def grants(service: Service) -> dict[str, Grant]:
    """Grants in every state, links in most, and keys that read."""
    keeper, emulator = service.keeper, service.emulator
    found = {
        "active": consented(service, "Nordwind Outdoor", IDA, expect=IDA),
        "sibling": consented(service, "Nordwind Shop", IDA, expect=IDA),
        "pending": consented(service, LONG, TOM),
        "consent": consented(service, "Casa Verde", LUCIA, expect=LUCIA),
        "revoked": consented(service, "Mateo Moreno", MATEO, "ad-manager", expect=MATEO),
    }
    keeper.revoke(found["revoked"].id, by="cli")
    emulator.revoke(LUCIA)
    keeper.refresh(found["active"].id)
    with pytest.raises(ConsentRequired):
        keeper.refresh(found["consent"].id)
    keeper.discover(found["active"].id)
    _links_and_keys(keeper, found["active"])
    _hours(keeper)
    return found


def _hours(keeper: Keeper) -> None:
    """Two days of refreshes at one OAuth client, while the other fails."""
    now = keeper.overview.now()
    hour = int(now.timestamp()) // 3600
    tallies = [
        Tally(
            client="google-ads",
            hour=hour - back,
            refreshed=40 + 13 * back % 50,
            refused=back % 3,
            trouble=back % 4,
            ours=0,
        )
        for back in range(40)
    ]
    keeper._store.health.add({(each.client, each.hour): each for each in tallies})
    keeper._store.health.mark("ad-manager", failing=True, why="outage", at=now, beside=NOTHING)


def _links_and_keys(keeper: Keeper, read: Grant) -> None:
    keeper.link("Bergen Bikes", "google-ads", expect="bergen-bikes.example", message="As agreed.\nYours, Fjord Media")
    keeper.links.revoke(keeper.link("Old Mill", "ad-manager").link.id, by="cli")
    reader = keeper.keys.create("nightly reports", ("tokens:read", "grants:read"), by="cli").secret
    key = keeper.keys.check(reader.reveal())
    keeper.keys.reads.take(key, read.id)
    keeper.keys.revoke(keeper.keys.create("an old program", ("admin",), by="cli").key.id, by="cli")
    keeper.keys.create("portal", ("links:write",), owners=["Nordwind Outdoor", LONG], by="cli")
    keeper.keys.flush()


@each_window
def test_rooms(staff: Callable[..., Staff], grants: dict[str, Grant], window: Window) -> None:
    """Each room with something in it, and each state of a grant."""
    one = staff(window)
    one.come_in()
    one.see("Grants", "grants")
    one.open("/grants?status=pending&owner=nobody")
    one.see("Grants", "grants-none-match")
    for name, grant in grants.items():
        one.open(f"/grants/{grant.id}")
        one.see(grant.owner, f"grant-{name}")
    for name in ("sibling", "pending"):
        one.open(f"/grants/{grants[name].id}/disconnect")
        one.see(f"Disconnect {grants[name].owner}?", f"disconnect-{name}")
    rooms = ("Links", "Clients", "API keys", "Operators", "Audit log")
    for heading, path in zip(rooms, ("/links", "/clients", "/keys", "/operators", "/audit"), strict=True):
        one.open(path)
        one.see(heading, path[1:])
        for closed in one.page.locator("main details:not([open]) > summary").all():
            closed.click()
        one.see(heading, f"{path[1:]}-open")


@each_window
def test_empty(staff: Callable[..., Staff], window: Window) -> None:
    """Each room on the first day: it says what to do, below the business's own logo."""
    one = staff(window)
    one.come_in()
    assert int(one.page.evaluate("document.querySelector('img.logo').naturalWidth")) > 0
    rooms = ("Grants", "Links", "Clients", "API keys", "Webhooks", "Operators", "Audit log")
    paths = ("/grants", "/links", "/clients", "/keys", "/webhooks", "/operators", "/audit")
    for heading, path in zip(rooms, paths, strict=True):
        one.open(path)
        one.see(heading, path[1:])


@pytest.mark.reveals("link token", "one-time link", "webhook secret")
@each_window
def test_shown_once(staff: Callable[..., Staff], grants: dict[str, Grant], window: Window) -> None:
    """What is made is shown to be copied: a link with its code, a key, an operator's link."""
    one = staff(window)
    one.come_in()
    one.open("/links#new")
    if not one.page.locator("#owner").is_visible():
        one.page.click("#new summary")
    one.page.fill("#owner", "Bergen Bikes")
    one.page.check("input[name=code]")
    one.press("#new-link button")
    one.see("A link for Bergen Bikes", "link-with-code")
    one.open(f"/grants/{grants['consent'].id}")
    one.press("form#again button")
    one.see("A link for Casa Verde", "reconnect")
    one.open("/keys")
    one.page.click("#new summary")
    one.page.fill("#name", "reports")
    one.press("#new-key button")
    one.see("API keys", "key-without-scope")
    one.page.check("#new-key fieldset .choice:first-of-type input")
    one.press("#new-key button")
    one.see("The key reports", "key")
    one.open("/operators")
    one.page.click("#new summary")
    one.page.fill("#email", "bo@fjord-media.example")
    one.press("#invite button")
    one.see("A sign-in link for bo@fjord-media.example", "operator")
    one.forgive(422)


@pytest.mark.reveals("webhook secret")
@each_window
def test_webhooks(staff: Callable[..., Staff], receiver: Receiver, window: Window) -> None:
    """An endpoint is added, tried by "Send a test", fails when the receiver refuses, and is removed."""
    one = staff(window)
    one.come_in()
    one.open("/webhooks")
    one.page.fill("#url", "http://nowhere.example/in")
    one.press("#new-endpoint button")
    one.see("Webhooks", "refused")
    one.forgive(422)
    one.page.fill("#url", receiver.url)
    one.press("#new-endpoint button")
    one.see("The endpoint’s secret", "secret")
    one.press("main a:has-text('back')")
    one.press("form#test button")
    one.see(receiver.url, "tested")
    assert one.page.inner_text(".done") == "The test message was delivered."
    (message,) = receiver.messages
    assert message.body.startswith(b'{"type":"webhook.test"')
    assert {"webhook-id", "webhook-timestamp", "webhook-signature"} <= set(message.headers)
    receiver.answers.append((500, {}))
    one.press("form#test button")
    one.see(receiver.url, "test-refused")
    assert one.page.inner_text(".done") == "The test message was not delivered: the receiver refused it."
    one.open("/webhooks")
    one.see("Webhooks", "endpoints")
    one.press("table a")
    one.press("form#remove button")
    one.see("Webhooks", "removed")


@each_window
def test_errors(staff: Callable[..., Staff], grants: dict[str, Grant], window: Window) -> None:
    """What is not there, what a role may not, what cannot be done, and a browser that is not signed in."""
    one = staff(window)
    one.open("/sign-in")
    one.see("Sign in", "sign-in")
    one.open(f"/sign-in/{'a' * 43}")
    one.see("This sign-in link cannot be used any more", "link-over")
    one.come_in("viewer")
    one.open(f"/grants/{grants['pending'].id}")
    one.see(LONG, "viewer")
    for path, heading in (("/grants/gr_none", "There is nothing here"), ("/nowhere", "There is no such page")):
        one.open(path)
        one.see(heading, path.rpartition("/")[2])
    one.open("/keys")
    one.see("Your role does not allow this", "role")
    for status in (403, 404):
        one.forgive(status)


@each_window
def test_docs(service: Service, staff: Callable[..., Staff], window: Window) -> None:
    """The API's own page."""
    one = staff(window)
    one.page.goto(f"{service.url}/docs")
    one.see("grantkeeper of Fjord Media: HTTP API", "docs")
