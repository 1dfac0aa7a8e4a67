"""A keeper whose webhooks may go to receivers on this machine; time is moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from grantkeeper import Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.service.posting import Outlet
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, oauth_client
from grantkeeper.worker import Delivering
from webhooks.receiver import Receiver, listening

LOOPBACK = Outlet(private_hosts=frozenset({"127.0.0.1"}))
Opens = Callable[..., Keeper]


def opener(url: str, emulator: Emulator, stack: ExitStack) -> Opens:
    """Return a function that opens keepers over one database, as several processes would."""
    ring = KeyRing.parse(new_key())
    SqlStore(url).migrate()

    def opens(**changes: Any) -> Keeper:
        given: dict[str, Any] = {
            "clients": (oauth_client(emulator, "google-ads", ["adwords"]),),
            "transport": EmulatorTransport(emulator),
            "now": emulator.clock.now,
            "pause": emulator.clock.advance,
            "outlet": LOOPBACK,
        }
        return stack.enter_context(Keeper(store=SqlStore(url), sealer=ring, **(given | changes)))

    return opens


@pytest.fixture
def opens(database_url: str, emulator: Emulator) -> Iterator[Opens]:
    """A function that opens keepers over one database, of each kind in turn."""
    with ExitStack() as stack:
        yield opener(database_url, emulator, stack)


@pytest.fixture
def keeper(tmp_path: Path, emulator: Emulator) -> Iterator[Keeper]:
    """A keeper over SQLite that may tell receivers on this machine."""
    with ExitStack() as stack:
        yield opener(f"sqlite:///{tmp_path / 'grantkeeper.sqlite3'}", emulator, stack)()


@pytest.fixture
def delivering(keeper: Keeper) -> Iterator[Delivering]:
    """What delivers this keeper's webhooks."""
    made = Delivering(keeper)
    yield made
    assert made.finish()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who is told."""
    with listening() as made:
        yield made
