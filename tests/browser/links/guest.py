"""Somebody who was sent a link, in front of a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from browser.person import IDA, TALLEST, Window

SCREENSHOTS = Path(__file__).parents[3] / "var" / "screenshots" / "links"


@dataclass(slots=True)
class Guest:
    """One browser context; whatever its console says is kept in `said`."""

    window: Window
    shots: Path
    page: Page
    said: list[str]

    @classmethod
    @contextmanager
    def opened(
        cls, chromium: Browser, window: Window, shots: Path, *, language: str = "en-GB", scripts: bool = True
    ) -> Iterator[Guest]:
        """Open a browser that prefers a language."""
        context = chromium.new_context(
            viewport={"width": window.width, "height": window.height},
            color_scheme=window.scheme,
            locale=language,
            java_script_enabled=scripts,
        )
        said: list[str] = []
        context.on("console", lambda message: said.append(f"{message.text} at {message.location['url']}"))
        context.on("weberror", lambda error: said.append(str(error.error)))
        yield cls(window, shots, context.new_page(), said)
        context.close()
        assert said == [], said

    def forgive(self, status: int) -> None:
        """Take Chromium's own notes about a page's status off the record; nothing else."""
        note = f"Failed to load resource: the server responded with a status of {status} "
        self.said[:] = [text for text in self.said if not text.startswith(note)]

    def see(self, heading: str, shot: str) -> None:
        """Check the page's heading, that nothing is wider than the window, and photograph it."""
        assert self.page.inner_text("h1") == heading
        assert int(self.page.evaluate("document.documentElement.scrollWidth")) <= self.window.width
        self.shots.mkdir(parents=True, exist_ok=True)
        height = int(self.page.evaluate("document.documentElement.scrollHeight"))
        self.page.set_viewport_size({"width": self.window.width, "height": min(height, TALLEST)})
        self.page.screenshot(path=self.shots / f"{shot}-{self.window.name}.png")
        self.page.set_viewport_size({"width": self.window.width, "height": self.window.height})

    def follow(self, url: str) -> None:
        """Open the link and press its button."""
        self.page.goto(url)
        self.page.locator("form#connect button").click()

    def consent(self, emulator_person: str, *, deny: bool = False) -> None:
        """Choose an account on the provider's pages, and answer."""
        if self.page.locator("form#accounts").count():
            self.page.locator(f'button[name=person][value="{emulator_person}"]').click()
        if self.page.locator("form#consent").count():
            if deny:
                self.page.click("button[name=action][value=cancel]")
                return
            for box in self.page.locator("input[name=scope]").all():
                box.check()
            self.page.click("button[name=action][value=allow]")


__all__ = ["IDA", "SCREENSHOTS", "Guest"]
