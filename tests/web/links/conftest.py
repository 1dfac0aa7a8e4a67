"""The pages of invitations over a real keeper on the emulator, at https://app.example.com, driven in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.applications import Starlette

from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from grantkeeper.settings import ServiceSettings
from grantkeeper.store import SqlStore
from grantkeeper.testing import emulated_keeper
from grantkeeper.web.links.app import links_app
from web.links.guest import Guest
from web.visitor import SITE

HOME = "https://portal.example.com"


@pytest.fixture
def keeper(emulator: Emulator, tmp_path: Path) -> Iterator[Keeper]:
    """A keeper whose links may lead back to two sites."""
    store = SqlStore(f"sqlite:///{tmp_path / 'grantkeeper.sqlite3'}")
    store.migrate()
    with emulated_keeper(emulator, store, return_to=(SITE, HOME)) as made:
        yield made


@pytest.fixture
def settings() -> ServiceSettings:
    """A service of an agency."""
    return ServiceSettings(url=SITE, business_name="Fjord Media", return_to=(SITE, HOME))


@pytest.fixture
def app(keeper: Keeper, settings: ServiceSettings) -> Starlette:
    """The pages of invitations."""
    return links_app(AsyncKeeper(keeper), settings)


@pytest.fixture
def browser(app: Starlette, emulator: Emulator) -> Iterator[Callable[[], Guest]]:
    """Open browsers of people who are signed in nowhere."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Guest(app, emulator, owner=None))


@pytest.fixture
def guest(browser: Callable[[], Guest]) -> Guest:
    """The browser of whoever was invited."""
    return browser()
