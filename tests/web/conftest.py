"""The pages over a real keeper on the emulator, at https://app.example.com, driven in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette

from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from grantkeeper.web import grantkeeper_app
from web.visitor import OWNER_HEADER, Visitor


@pytest.fixture
def web(keeper: Keeper) -> AsyncKeeper:
    """The keeper, awaited."""
    return AsyncKeeper(keeper)


@pytest.fixture
def app(web: AsyncKeeper) -> Starlette:
    """The pages, which ask nobody what to share; the host application's session is a header here."""
    return grantkeeper_app(
        web,
        owner=lambda request: request.headers.get(OWNER_HEADER),
        business_name="Fjord Media",
        done_url="/reports",
        picker=None,
    )


@pytest.fixture
def visitor(app: Starlette, emulator: Emulator) -> Iterator[Visitor]:
    """A browser signed in at the host application as `acme`."""
    with Visitor(app, emulator, owner="acme") as made:
        yield made


@pytest.fixture
def stranger(app: Starlette, emulator: Emulator) -> Iterator[Visitor]:
    """Another browser, signed in as the same owner."""
    with Visitor(app, emulator, owner="acme") as made:
        yield made
