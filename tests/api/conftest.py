"""The API over a keeper on the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.asking import SITE, Asker, Site
from grantkeeper import Grant, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.service.posting import Outlet
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import Connect, EmulatorTransport, oauth_client
from keeper.people import IDA


@pytest.fixture
def keeper(emulator: Emulator, tmp_path: Path) -> Iterator[Keeper]:
    """A keeper that knows where its pages are."""
    store = SqlStore(f"sqlite:///{tmp_path / 'grantkeeper.sqlite3'}", now=emulator.clock.now)
    store.migrate()
    clients = (oauth_client(emulator, "google-ads", ["adwords"]), oauth_client(emulator, "ad-manager", ["ad_manager"]))
    with Keeper(
        store=store,
        sealer=KeyRing.parse(new_key()),
        clients=clients,
        transport=EmulatorTransport(emulator),
        now=emulator.clock.now,
        pause=emulator.clock.advance,
        pages_url=SITE,
        return_to=("https://app.example.com",),
        outlet=Outlet(private_hosts=frozenset({"127.0.0.1"})),
    ) as made:
        yield made


@pytest.fixture
def site(keeper: Keeper) -> Iterator[Site]:
    """The API."""
    with Site(keeper) as made:
        yield made


@pytest.fixture
def asker(site: Site) -> Asker:
    """A program that may do everything."""
    return site.asker("admin")


@pytest.fixture
def grant(connect: Connect) -> Grant:
    """Ida's grant, for acme."""
    return connect("acme", IDA)
