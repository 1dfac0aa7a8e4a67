"""The operators' dashboard of the whole service in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from browser.looking import SCREENSHOTS
from browser.operators.staff import Staff
from browser.serving import Service


@pytest.fixture
def staff(service: Service, at_service: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Staff]]:
    """Open browsers, of operators and of others; at the end nothing may have been said on their consoles."""
    shots = SCREENSHOTS / "operators" / request.node.originalname.removeprefix("test_")
    with ExitStack() as stack:

        def opened(window: object, **how: object) -> Staff:
            made: Staff = stack.enter_context(Staff.opened(at_service, window, shots, **how))  # type: ignore[arg-type]
            made.service = service
            return made

        yield opened
