"""The dashboard over a real keeper on the emulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette

from dashboard.staff import CALLBACK, Staff, mounted
from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper


@pytest.fixture
def app(keeper: Keeper, emulator: Emulator) -> Starlette:
    """The dashboard, mounted as in the service."""
    emulator.client_secret(None, [CALLBACK])
    return mounted(keeper)


@pytest.fixture
def staff(app: Starlette, emulator: Emulator) -> Iterator[Staff]:
    """A browser without a session."""
    with Staff(app, emulator) as made:
        yield made


@pytest.fixture
def other(app: Starlette, emulator: Emulator) -> Iterator[Staff]:
    """Another browser."""
    with Staff(app, emulator) as made:
        yield made


@pytest.fixture
def admin(staff: Staff, keeper: Keeper) -> Staff:
    """A browser in which an admin is signed in."""
    staff.come_in(keeper, "admin")
    return staff
