"""What every page of ours has to be: readable by everybody, no wider than the window, photographed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from browser.person import TALLEST, Window

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "var" / "screenshots"
WINDOWS = [
    Window(name=f"{size}-{scheme}", width=width, height=height, scheme=scheme)
    for size, width, height in (("phone", 360, 740), ("desktop", 1280, 860))
    for scheme in ("light", "dark")
]
PHONE = WINDOWS[0]
_AXE = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.map(
  (found) => `${found.impact} ${found.id}: ${found.nodes.map((node) => `${node.target} (${node.failureSummary})`)}`)"""
_TELL = """addEventListener("securitypolicyviolation", (event) => console.error(
  `refused by the policy: ${event.effectiveDirective} ${event.blockedURI}`))"""


@cache
def _axe() -> str:
    file = ROOT / "var" / "axe" / "axe.min.js"
    assert file.is_file(), "axe-core is not here: bash requirements/axe.sh (or run `make system`)"
    return file.read_text(encoding="utf-8")


def listen(context: BrowserContext) -> list[str]:
    """Return a list that grows with whatever is said on the context's consoles: errors, and breaches of the policy."""
    said: list[str] = []
    context.on("console", lambda message: said.append(f"{message.text} at {message.location['url']}"))
    context.on("weberror", lambda error: said.append(str(error.error)))
    context.add_init_script(_TELL)
    return said


def check(page: Page, window: Window, *, scripts: bool = True) -> None:
    """Check that axe-core finds nothing at all, and that the page is not wider than the window."""
    wide = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
    if int(page.evaluate("document.documentElement.scrollWidth")) > window.width:
        raise AssertionError(page.evaluate(f"{wide}.map(e => e.outerHTML.slice(0, 200))"))
    if scripts:
        page.evaluate(_axe())
        found = page.evaluate(_AXE)
        assert found == [], f"{page.url}: {found}"


def photograph(page: Page, window: Window, file: Path) -> None:
    """Keep a picture, taken in a window as tall as the page.

    A browser does not draw lines that were never in sight on a taller picture.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    height = max(int(page.evaluate("document.documentElement.scrollHeight")), window.height)
    page.set_viewport_size({"width": window.width, "height": min(height, TALLEST)})
    page.screenshot(path=file)
    page.set_viewport_size({"width": window.width, "height": window.height})
