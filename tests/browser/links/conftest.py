"""The service's pages of invitations in a real Chromium, on phones and desktops, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from browser.guest import Guest
from browser.looking import SCREENSHOTS


@pytest.fixture
def guest(at_service: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Guest]]:
    """Open browsers of people who were sent a link; at the end nothing may have been said on their consoles."""
    shots = SCREENSHOTS / "links" / request.node.originalname.removeprefix("test_")
    with ExitStack() as stack:
        yield lambda window, **how: stack.enter_context(Guest.opened(at_service, window, shots, **how))
