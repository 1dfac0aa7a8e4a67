"""A grant for APIs of one list, at an emulator that is served; and a server that answers as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clients.further.told import Told
from clients.libraries import IDA
from grantkeeper.emulator import Clock, Emulator, World
from grantkeeper.emulator.server import Serving, serve
from grantkeeper.emulator.world import Asset
from grantkeeper.keeper import Keeper
from grantkeeper.model import Grant
from grantkeeper.store import SqlStore
from grantkeeper.testing import Connect, emulated_keeper, oauth_client

SITE = "sc-domain:nordwind-outdoor.example"


@pytest.fixture
def emulator(clock: Clock) -> Emulator:
    """Google in a box, where Ida has an Analytics account and a site."""
    assets = (
        Asset(api="analytics", id="100", name="Nordwind", people=(IDA,)),
        Asset(api="search_console", id=SITE, name="siteOwner", people=(IDA,)),
    )
    return Emulator(replace(World.load(), assets=assets), clock=clock)


@pytest.fixture
def serving(emulator: Emulator) -> Iterator[Serving]:
    """The emulator on a port, over HTTP only."""
    with serve(emulator) as at:
        yield at


@pytest.fixture
def keeper(serving: Serving, emulator: Emulator, tmp_path: Path) -> Iterator[Keeper]:
    """A keeper whose OAuth client `reports` asks for Analytics and Search Console."""
    store = SqlStore(f"sqlite:///{tmp_path / 'grantkeeper.sqlite3'}")
    store.migrate()
    client = oauth_client(emulator, "reports", ["analytics.readonly", "webmasters.readonly"])
    with emulated_keeper(emulator, store, clients=[client]) as made:
        yield made


@pytest.fixture
def grant(connect: Connect) -> Grant:
    """Ida's consent."""
    return connect("nordwind", IDA, "reports")


@pytest.fixture
def told() -> Iterator[Told]:
    """A server at two names of this machine that answers as it is told."""
    with Told() as server:
        yield server
