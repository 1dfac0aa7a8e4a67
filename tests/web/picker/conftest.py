"""The pages with the picker that they have by default, for a person with an agency's accounts."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette

from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator
from grantkeeper.model import Picker
from grantkeeper.web import grantkeeper_app
from web.picker.chooser import Chooser
from web.picker.worlds import agency
from web.visitor import OWNER_HEADER, Visitor


@pytest.fixture
def picker() -> Picker | None:
    """What the pages are given; tests that want another override it with `@pytest.mark.parametrize("picker", ...)`."""
    return Picker()


@pytest.fixture
def app(web: AsyncKeeper, emulator: Emulator, picker: Picker | None) -> Starlette:
    """The pages."""
    emulator.world = agency(emulator.world)
    return grantkeeper_app(
        web, owner=lambda request: request.headers.get(OWNER_HEADER), business_name="Fjord Media", picker=picker
    )


@pytest.fixture
def chooser(visitor: Visitor) -> Chooser:
    """A person on the way to the picker."""
    return Chooser(visitor)
