"""A person in front of a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Page, Route

from grantkeeper.cli.demo.stage import Stage

IDA = "ida@nordwind-outdoor.example"
TALLEST = 4_000
TOM = "tom.becker@nordwind-outdoor.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A size and a colour scheme."""

    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"]


@dataclass(slots=True)
class Person:
    """One browser context; `page` is its tab in front. Whatever the console says is kept in `said`."""

    stage: Stage
    context: BrowserContext
    window: Window
    shots: Path
    page: Page
    said: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def opened(
        cls, chromium: Browser, stage: Stage, window: Window, shots: Path, *, scripts: bool = True
    ) -> Iterator[Person]:
        """Open a browser; at the end nothing may have been said on its console."""
        context = chromium.new_context(
            viewport={"width": window.width, "height": window.height},
            color_scheme=window.scheme,
            java_script_enabled=scripts,
        )
        said: list[str] = []
        context.on("console", lambda message: said.append(f"{message.text} at {message.location['url']}"))
        context.on("weberror", lambda error: said.append(str(error.error)))
        yield cls(stage, context, window, shots, context.new_page(), said)
        context.close()
        assert said == [], said

    def forgive(self, status: int, at: str) -> None:
        """Take Chromium's own notes about the status of pages below `at` off the record; nothing else."""
        note = f"Failed to load resource: the server responded with a status of {status} "
        self.said[:] = [text for text in self.said if not (text.startswith(note) and f" at {at}/" in text)]

    def sign_in(self, customer: str) -> None:
        """Sign in at the agency's site."""
        self.page.goto(self.stage.url)
        self.page.click(f"form#{customer} button")

    def see(self, heading: str, shot: str) -> None:
        """Check the page's heading, that nothing is wider than the window, and photograph it."""
        assert self.page.inner_text("h1") == heading
        width = int(self.page.evaluate("document.documentElement.scrollWidth"))
        assert width <= self.window.width
        self.shots.mkdir(parents=True, exist_ok=True)
        # In a window as tall as the page: a browser does not draw lines that were never in sight on a taller picture.
        height = int(self.page.evaluate("document.documentElement.scrollHeight"))
        self.page.set_viewport_size({"width": self.window.width, "height": min(height, TALLEST)})
        self.page.screenshot(path=self.shots / f"{shot}-{self.window.name}.png")
        self.page.set_viewport_size({"width": self.window.width, "height": self.window.height})

    def press_connect(self, title: str = "Google Ads") -> None:
        """Open the connect page from the site, and press its button."""
        self.page.goto(self.stage.url)
        self.page.get_by_role("link", name=f"Connect {title}").click()
        self.see(f"Connect {title}", "connect")
        self.page.get_by_role("button", name="Continue to Google").click()

    def choose(self, email: str = IDA) -> None:
        """Choose an account on the provider's page; on its consent page, switch to it first."""
        person = self.stage.emulator.world.person(email)
        assert person is not None
        if self.page.locator("form#accounts").count() == 0:
            self.page.get_by_role("link", name="Switch account").click()
        button = self.page.locator(f'button[name=person][value="{person.sub}"]')
        if not button.is_visible():
            self.page.locator("summary").click()
        button.click()

    def allow(self, *, ticked: int | None = None) -> None:
        """Tick the first boxes (default: all), and go on."""
        boxes = self.page.locator("input[name=scope]")
        for number in range(boxes.count() if ticked is None else ticked):
            boxes.nth(number).check()
        self.page.click("button[name=action][value=allow]")

    def deny(self) -> None:
        """Cancel."""
        self.page.click("button[name=action][value=cancel]")

    def connect(self, title: str = "Google Ads") -> None:
        """Go the whole way."""
        self.press_connect(title)
        self.consent()
        self.share_all()
        assert self.page.inner_text("h1") == f"{title} is connected"

    def consent(self, *, email: str = IDA) -> None:
        """Answer whatever the provider asks: it leaves out what it knows."""
        if self.page.locator("form#accounts").count():
            self.choose(email)
        if self.page.locator("form#consent").count():
            self.allow()

    def share_all(self) -> None:
        """Tick every account, and save."""
        assert self.page.inner_text("h1") == "Choose what to share"
        for box in self.page.locator("input[name=a]:enabled").all():
            box.check()
        self.save()

    def save(self) -> None:
        """Press the button that saves the choice."""
        self.page.get_by_role("button", name="Save choice").click()

    def return_address(self) -> str:
        """Allow, but keep the address that leads back instead of opening it."""
        kept: list[str] = []

        def hold(route: Route) -> None:
            answer = route.fetch(max_redirects=0)
            kept.append(answer.headers["location"])
            route.fulfill(content_type="text/html", body="<h1>Held</h1>")

        self.page.route("**/o/oauth2/v2/auth/consent*", hold)
        self.allow()
        self.page.wait_for_selector("h1:text('Held')")
        self.page.unroute_all()
        return kept[0]


def token_requests(stage: Stage) -> int:
    """Return how often codes were exchanged."""
    return len(stage.emulator.requests("/token", grant_type="authorization_code"))
