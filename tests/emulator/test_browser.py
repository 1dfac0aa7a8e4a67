"""The pages in a real Chromium, with scripts switched off."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from emulator.box import ADWORDS, DFP, Box, answer
from grantkeeper.emulator import Emulator, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture
def served() -> Iterator[tuple[Box, str]]:
    """A box on a port, and a client's callback on another: going there crosses origins."""
    box = Box()
    with serve(box.emulator), serve(Emulator()) as client:
        callback = f"{client.url}/callback"
        box.use(box.emulator.add_client(callback).id)
        yield box, callback


@pytest.fixture(params=[(360, 740), (1280, 860)], ids=["phone", "desktop"])
def page(request: pytest.FixtureRequest, served: tuple[Box, str]) -> Iterator[Page]:
    """A page without scripts, at one of two sizes; nothing may be said on its console."""
    assert served  # up before the browser, and down after it
    width, height = request.param
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=False)
        opened = context.new_page()
        said: list[str] = []
        opened.on("console", lambda message: said.append(message.text))
        yield opened
        browser.close()
    assert [text for text in said if "404" not in text] == []


def fits(page: Page) -> bool:
    """Tell whether nothing is wider than the window."""
    size = page.viewport_size
    assert size
    return int(page.evaluate("document.documentElement.scrollWidth")) <= size["width"]


def test_a_person_chooses_ticks_and_comes_back(page: Page, served: tuple[Box, str]) -> None:
    """Chooser, consent with two boxes, Continue; the policy lets the form end at the client."""
    box, callback = served
    page.goto(box.url(scope=f"openid email {ADWORDS} {DFP}"))
    assert fits(page)
    page.get_by_role("button", name="Ida Lindqvist").click()
    assert fits(page)
    boxes = page.get_by_role("checkbox")
    assert [each.is_checked() for each in boxes.all()] == [False, False]
    page.get_by_role("link", name="Select all").click()
    assert [each.is_checked() for each in boxes.all()] == [True, True]
    page.get_by_label("Ad Manager").uncheck()
    page.get_by_role("button", name="Continue").click()
    assert page.url.startswith(callback)
    back = answer(page.url)
    assert ADWORDS in back["scope"]
    assert DFP not in back["scope"]
    assert box.exchange(back["code"]).status == 200


def test_a_person_switches_the_account_and_cancels(page: Page, served: tuple[Box, str]) -> None:
    """The chooser offers another account behind who is signed in; Cancel comes back as access_denied."""
    box, callback = served
    page.goto(box.url())
    page.get_by_role("button", name="Ida Lindqvist").click()
    page.get_by_role("link", name="Switch account").click()
    assert page.get_by_role("button", name="Lucía").is_hidden()
    page.get_by_text("Use another account").click()
    page.get_by_role("button", name="Lucía Moreno").click()
    assert page.get_by_text("lucia@casa-verde.example").is_visible()
    page.get_by_role("button", name="Cancel").click()
    assert page.url.startswith(callback)
    assert answer(page.url)["error"] == "access_denied"


def test_the_desk_moves_the_clock_and_revokes(page: Page, served: tuple[Box, str]) -> None:
    """Its buttons work without scripts, and it fits a phone."""
    box, _ = served
    token = box.grant()["refresh_token"]
    before = box.emulator.clock.now()
    page.goto(box.emulator.base_url)
    assert fits(page)
    page.get_by_role("button", name="+1 day").click()
    assert (box.emulator.clock.now() - before).days == 1
    page.get_by_role("button", name="Revoke all grants").click()
    assert urlsplit(page.url).path == "/"
    assert box.refresh(token).status == 400
    assert page.get_by_role("button", name="Revoke all grants").count() == 0
