"""`grantkeeper demo --drive`: the demo's path, walked over HTTP and checked step by step."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from rich.console import Console
from rich.text import Text

from grantkeeper.cli.demo.browser import Browser
from grantkeeper.cli.demo.site import CUSTOMERS, PRODUCTS, Customer, Product
from grantkeeper.errors import ConsentRequired, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantkeeper.cli.demo.stage import Stage

IDA, LUCIA = CUSTOMERS
ADS, NETWORKS = PRODUCTS


class StepFailed(Exception):
    """A step did not do what it should; the message says what was expected and what there was."""


@dataclass(slots=True)
class Walk:
    """The walk so far. Each step is a method whose first line of docstring is what the transcript says."""

    stage: Stage
    browser: Browser
    told: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Add a line to the transcript below the step's name."""
        self.told.append(text)

    def expect(self, fine: object, what: str) -> None:
        """Go on if it is so.

        Raises:
            StepFailed: it is not.
        """
        if not fine:
            raise StepFailed(
                f"expected {what}; the page “{self.browser.heading}” ({self.browser.status}) at "
                f"{urlsplit(self.browser.url).path} says: {printable(self.browser.text, 400)}"
            )

    # --- moves that several steps make -------------------------------------------------------------------------

    def home(self) -> str:
        """Open the site and return what it says."""
        return self.browser.open(f"{self.stage.url}/").text

    def sign_in(self, customer: Customer) -> None:
        """Sign in as a customer."""
        self.home()
        self.browser.send(customer.id)
        self.expect(self.browser.heading == customer.name, f"to be signed in as {customer.name}")

    def press_connect(self, product: Product) -> None:
        """Open the page that says what connecting means, and press its button."""
        self.browser.open(f"{self.stage.url}/grants/connect/{product.client}")
        self.expect(self.browser.heading == f"Connect {product.title}", f"the page that connects {product.title}")
        self.browser.send("connect")

    def consent(self, customer: Customer, *, allow: bool = True) -> None:
        """Choose the person on the provider's page and decide on its consent page."""
        person = self.stage.emulator.world.person(customer.email)
        assert person is not None  # noqa: S101 - the cast is the demo's own
        if "Choose an account" in self.browser.heading:
            self.browser.send("accounts", [("person", person.sub)])
        boxes = self.browser.form("consent").boxes
        self.browser.send("consent", [*boxes, ("action", "allow")] if allow else [("action", "cancel")])

    def share_all(self) -> None:
        """Tick every account on the page that asks which to share, and save."""
        self.expect(self.browser.heading == "Choose what to share", "the page that asks what to share")
        self.browser.send("picker", [*self.browser.form("picker").boxes, ("do", "save")])

    def refreshes(self) -> int:
        """Return how often the emulator was asked for a refresh."""
        return len(self.stage.emulator.requests("/token", grant_type="refresh_token"))

    # --- the steps ---------------------------------------------------------------------------------------------

    def customer_signs_in(self) -> None:
        """Ida of Nordwind Outdoor signs in at the agency's site."""
        self.sign_in(IDA)
        text = self.browser.text
        self.expect(text.count("Not connected") == len(PRODUCTS), "nothing to be connected")
        self.expect("A sample site" in text, "the site to say that it is a sample")

    def page_explains(self) -> None:
        """The connect page says who asks for what, and how to undo it."""
        self.browser.open(f"{self.stage.url}/grants/connect/{ADS.client}")
        for words in ("Fjord Media", "Nordwind Outdoor", "Google Ads accounts", "How to undo it"):
            self.expect(words in self.browser.text, f"the page to say “{words}”")
        self.expect("googleapis.com" not in self.browser.text, "plain words instead of scope URLs")
        self.expect(not self.stage.emulator.requests("/o/oauth2/v2/auth"), "nothing to have started yet")
        self.tell(f"“{self.browser.lead}”")

    def button_leads_away(self) -> None:
        """Its button leads to the provider: offline, PKCE S256, a state that only this browser can use."""
        self.browser.send("connect")
        away = next(url for url in [*self.browser.way, self.browser.url] if "/o/oauth2/" in url)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(away).query).items()}
        for name, value in {"access_type": "offline", "code_challenge_method": "S256", "response_type": "code"}.items():
            self.expect(asked.get(name) == value, f"{name}={value} in the authorization request")
        self.expect(len(asked.get("state", "")) >= 43, "256 bits of state")
        self.tell(f"303 to {self.stage.serving.url}/o/oauth2/v2/auth?… asking for {asked['scope']}")

    def ida_allows(self) -> None:
        """Ida chooses her account, allows, and is back on a clean page that asks which ad accounts to share."""
        self.consent(IDA)
        self.expect(self.browser.heading == "Choose what to share", "to be asked what to share")
        self.expect("?" not in self.browser.url, "neither code nor state in the address bar")
        self.tell(f"{' -> '.join(urlsplit(url).path for url in [*self.browser.way, self.browser.url])}")

    def ida_shares(self) -> None:
        """She ticks both of her ad accounts: Google Ads is connected."""
        self.share_all()
        self.expect(self.browser.heading == "Google Ads is connected", "Google Ads to be connected")
        self.expect("2 accounts are shared" in self.browser.text, "the page to say what is shared")

    def result_reloads(self) -> None:
        """Reloading that page shows it again and spends nothing."""
        before = len(self.stage.emulator.requests("/token"))
        self.browser.reload()
        self.expect(self.browser.heading == "Google Ads is connected", "the same page")
        self.expect(len(self.stage.emulator.requests("/token")) == before, "no further token request")

    def accounts_are_there(self) -> None:
        """The site shows Nordwind's ad accounts, fetched by GoogleAdsClient."""
        text = self.home()
        for name in ("Nordwind Outdoor", "222-333-4441", "Nordwind Winter Sale", "444-555-6663"):
            self.expect(name in text, f"the ad account {name}")
        self.tell("Nordwind Outdoor 222-333-4441, Nordwind Winter Sale 444-555-6663")

    def networks_are_there(self) -> None:
        """Ida connects Ad Manager too, and AdManagerClient fetches her networks."""
        self.press_connect(NETWORKS)
        self.consent(IDA)
        self.share_all()
        self.expect(self.browser.heading == "Ad Manager is connected", "Ad Manager to be connected")
        text = self.home()
        self.expect("Nordwind Magazine" in text and "21700000001" in text, "the network Nordwind Magazine")
        self.tell("Nordwind Magazine 21700000001")

    def still_connected(self) -> None:
        """She signs out and in again: still connected."""
        self.browser.open(f"{self.stage.url}/").send("sign-out")
        self.expect("Welcome" in self.browser.heading, "to be signed out")
        self.sign_in(IDA)
        self.expect(self.browser.text.count("Connected as ida@nordwind-outdoor.example") == 2, "both connections")

    def others_see_nothing(self) -> None:
        """Lucía of Casa Verde signs in: nothing of Ida's is hers. She connects, and says no."""
        self.browser.open(f"{self.stage.url}/").send("sign-out")
        self.sign_in(LUCIA)
        self.expect("nordwind" not in self.browser.text.lower().replace("nordwind’s", ""), "nothing of Nordwind's")
        self.press_connect(ADS)
        self.consent(LUCIA, allow=False)
        self.expect(self.browser.heading == "Nothing was connected", "a page that says that nothing was connected")
        self.tell(f"“{self.browser.heading}”")

    def expiry_is_not_noticed(self) -> None:
        """Two hours later Ida's access tokens have expired: the keeper renews them, nobody notices."""
        self.browser.open(f"{self.stage.url}/").send("sign-out")
        self.sign_in(IDA)
        before = self.refreshes()
        self.stage.emulator.clock.advance(timedelta(hours=2))
        self.expect("444-555-6663" in self.home() and "21700000001" in self.browser.text, "accounts and networks")
        self.expect(self.refreshes() == before + 2, f"one refresh for each grant, not {self.refreshes() - before}")
        self.tell("clock + 2 h, one refresh for each of two grants, several calls with each")

    def revoked_is_an_error(self) -> None:
        """Ida takes her consent back at Google: the program gets a typed error, she gets a way back."""
        self.stage.emulator.clock.advance(timedelta(minutes=10))
        self.stage.emulator.revoke(IDA.email)
        text = self.home()
        self.expect(text.count("Needs your consent again") == 2, "both connections to need her consent")
        self.expect("ConsentRequired" in text and "revoked_or_expired" in text, "the typed error and its reason")
        grant = self.stage.keeper.find(IDA.id, ADS.client)
        try:
            self.stage.keeper.token(grant.id)
        except ConsentRequired as error:
            self.tell(f"{type(error).__name__}(reason={str(error.reason)!r}): {printable(str(error), 160)}")
        else:
            raise StepFailed("expected ConsentRequired from keeper.token of a revoked grant")

    def consent_brings_it_back(self) -> None:
        """She consents again: the same grant lives again."""
        before = self.stage.keeper.find(IDA.id, ADS.client).id
        for product in PRODUCTS:
            self.press_connect(product)
            self.consent(IDA)
            self.share_all()
            self.expect(self.browser.heading == f"{product.title} is connected", f"{product.title} to be connected")
        self.expect("444-555-6663" in self.home(), "the ad accounts")
        self.expect(self.stage.keeper.find(IDA.id, ADS.client).id == before, "the id that the business stored to stay")

    def disconnected(self) -> None:
        """She disconnects both: revoked at Google with the last one, nothing left there."""
        self.browser.open(f"{self.stage.url}/").send(f"disconnect-{ADS.client}")
        self.expect("your other connection still lives from it" in self.browser.text, "Ad Manager to be spared")
        self.expect("21700000001" in self.browser.text, "Ad Manager to go on working")
        self.browser.send(f"disconnect-{NETWORKS.client}")
        self.expect("revoked at Google" in self.browser.text, "the access to be revoked at Google")
        client_id = self.stage.keeper.client(ADS.client).client_id
        left = self.stage.emulator.live_refresh_tokens(IDA.email, client_id)
        self.expect(left == 0, f"no refresh token of Ida's to be alive, not {left}")


def steps(walk: Walk) -> list[Callable[[], None]]:
    """Return the steps in their order; each stands on those before it."""
    return [
        walk.customer_signs_in,
        walk.page_explains,
        walk.button_leads_away,
        walk.ida_allows,
        walk.ida_shares,
        walk.result_reloads,
        walk.accounts_are_there,
        walk.networks_are_there,
        walk.still_connected,
        walk.others_see_nothing,
        walk.expiry_is_not_noticed,
        walk.revoked_is_an_error,
        walk.consent_brings_it_back,
        walk.disconnected,
    ]


def walk(stage: Stage) -> bool:
    """Walk all steps and print them; True when each did what it should. The first that did not ends the walk."""
    console = Console(highlight=False, emoji=False)
    console.print(f"Walking through {stage.url}/ (emulator: {stage.serving.url}/)\n")
    began = time.monotonic()
    with Browser() as browser:
        way = Walk(stage, browser)
        todo = steps(way)
        for number, step in enumerate(todo, start=1):
            if not _taken(console, way, step, f"{number:>2}/{len(todo)}"):
                return False
    console.print(
        f"\nAll {len(todo)} steps did what they should, in {time.monotonic() - began:.1f} s.", style="bold green"
    )
    return True


def _taken(console: Console, way: Walk, step: Callable[[], None], number: str) -> bool:
    """Take one step and print it."""
    name = (step.__doc__ or "").splitlines()[0]
    way.told.clear()
    problem = ""
    try:
        step()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is this step's failure, and is told as such
        problem = printable(f"{type(error).__name__}: {error}", 900)
    mark = ("no  ", "red") if problem else ("ok  ", "green")
    console.print(Text.assemble((f"{number} ", "dim"), mark, name), soft_wrap=True)
    for line in way.told:
        console.print(Text(f"          {line}", style="dim"), soft_wrap=True)
    if problem:
        console.print(Text(f"          {problem}", style="red"), soft_wrap=True)
        console.print(f"\nStep {number.strip()} failed.", style="bold red")
    return not problem
