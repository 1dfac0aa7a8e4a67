"""Somebody in front of a real browser at the service: whom a link was sent to, or who works at the business."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from playwright.sync_api import Browser, Page, expect

from browser.looking import check, listen, photograph
from browser.person import IDA, TOM, Window


@dataclass(slots=True)
class Guest:
    """One browser context; whatever its console says is kept in `said`."""

    window: Window
    shots: Path
    page: Page
    said: list[str]
    scripts: bool

    @classmethod
    @contextmanager
    def opened(
        cls, chromium: Browser, window: Window, shots: Path, *, language: str = "en-GB", scripts: bool = True
    ) -> Iterator[Self]:
        """Open a browser that prefers a language; a phone's has no mouse."""
        phone = window.width < 600
        context = chromium.new_context(
            viewport={"width": window.width, "height": window.height},
            color_scheme=window.scheme,
            locale=language,
            java_script_enabled=scripts,
            has_touch=phone,
            is_mobile=phone,
        )
        context.set_default_timeout(60_000)
        said = listen(context)
        yield cls(window, shots, context.new_page(), said, scripts)
        context.close()
        assert said == [], said

    def forgive(self, status: int) -> None:
        """Take Chromium's own notes about a page's status off the record; nothing else."""
        note = f"Failed to load resource: the server responded with a status of {status} "
        self.said[:] = [text for text in self.said if not text.startswith(note)]

    def see(self, heading: str, shot: str) -> None:
        """Wait for the page with this heading, look at it as everybody may have to, and photograph it."""
        expect(self.page.locator("h1")).to_have_text(heading, timeout=30_000)
        check(self.page, self.window, scripts=self.scripts)
        photograph(self.page, self.window, self.shots / f"{shot}-{self.window.name}.png")

    def press(self, selector: str) -> None:
        """Press a button or a link, with a finger on a phone, and wait for the page that it leads to."""
        found = self.page.locator(selector)
        with self.page.expect_navigation():
            found.tap() if self.window.width < 600 else found.click()

    def follow(self, url: str) -> None:
        """Open the link and press its button."""
        self.page.goto(url)
        self.press("form#connect button")

    def consent(self, emulator_person: str, *, deny: bool = False) -> None:
        """Choose an account on the provider's pages, and answer."""
        if self.page.locator("form#accounts").count():
            person = f'button[name=person][value="{emulator_person}"]'
            if not self.page.locator(person).is_visible():  # below those whom the link expects
                self.page.click("summary")
            self.press(person)
        if self.page.locator("form#consent").count():
            if deny:
                self.press("button[name=action][value=cancel]")
                return
            for box in self.page.locator("input[name=scope]").all():
                box.check()
            self.press("button[name=action][value=allow]")

    def share_all(self) -> None:
        """Tick every account, and save."""
        for box in self.page.locator("input[name=a]:enabled").all():
            box.check()
        self.press("#save button")


__all__ = ["IDA", "TOM", "Guest"]
