"""A keeper over each kind of database, with a key ring that a test knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from grantkeeper.model import OAuthClient
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, oauth_client

KEYS = [new_key(), new_key()]
Open = Callable[..., Keeper]


@pytest.fixture
def opened(database_url: str, emulator: Emulator) -> Iterator[Open]:
    """A function that opens a keeper over this test's database with some of the keys."""
    made: list[Keeper] = []

    def open_keeper(*keys: str, clients: tuple[OAuthClient, ...] | None = None) -> Keeper:
        store = SqlStore(database_url)
        store.migrate()
        made.append(
            Keeper(
                store=store,
                sealer=KeyRing.parse("\n".join(keys or KEYS[:1])),
                clients=[oauth_client(emulator, "google-ads", ["adwords"])] if clients is None else clients,
                transport=EmulatorTransport(emulator),
                now=emulator.clock.now,
                pause=emulator.clock.advance,
                export_refresh_tokens="allowed",
                pages_url="https://grants.example.com",
            )
        )
        return made[-1]

    yield open_keeper
    for each in made:
        each.close()


@pytest.fixture
def stored(opened: Open) -> Keeper:
    """A keeper over each kind of database."""
    return opened()
