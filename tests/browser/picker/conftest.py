"""Ida with an agency's accounts, or with five thousand, in front of the picker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from browser.looking import SCREENSHOTS
from browser.person import Person, Window
from grantkeeper.cli.demo.stage import Stage
from web.picker.worlds import agency, large


@pytest.fixture
def arrived(ida: Person, stage: Stage) -> Person:
    """Ida at the picker, with an agency's accounts."""
    stage.emulator.world = agency(stage.emulator.world)
    return _arrived(ida)


@pytest.fixture
def arrived_large(ida: Person, stage: Stage) -> Person:
    """Ida at the picker, with five thousand accounts."""
    stage.emulator.world = large(stage.emulator.world)
    return _arrived(ida)


@pytest.fixture
def arrived_scriptless(
    chromium: Browser, stage: Stage, window: Window, request: pytest.FixtureRequest
) -> Iterator[Person]:
    """Ida at the picker, in a browser that runs no scripts."""
    stage.emulator.world = large(agency(stage.emulator.world))
    shots = SCREENSHOTS / request.node.originalname.removeprefix("test_")
    with Person.opened(chromium, stage, window, shots, scripts=False) as person:
        person.sign_in("nordwind-outdoor")
        yield _arrived(person)


def _arrived(person: Person) -> Person:
    person.page.goto(f"{person.stage.url}/grants/connect/google-ads")
    person.page.get_by_role("button", name="Continue to Google").click()
    person.consent()
    assert person.page.inner_text("h1") == "Choose what to share"
    return person
