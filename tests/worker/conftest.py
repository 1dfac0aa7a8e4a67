"""A worker over a keeper on the emulator; time is moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from grantkeeper import Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, oauth_client
from grantkeeper.worker import Worker

Opens = Callable[..., Keeper]


@pytest.fixture
def worker(keeper: Keeper) -> Worker:
    """A worker that does one thing after another."""
    return Worker(keeper, threads=1)


@pytest.fixture
def opens(database_url: str, emulator: Emulator) -> Iterator[Opens]:
    """A function that opens another keeper over the same database, of each kind in turn, as other processes would."""
    ring = KeyRing.parse(new_key())
    SqlStore(database_url).migrate()
    with ExitStack() as stack:

        def another(**changes: Any) -> Keeper:
            given: dict[str, Any] = {
                "clients": (
                    oauth_client(emulator, "google-ads", ["adwords"]),
                    oauth_client(emulator, "ad-manager", ["ad_manager"]),
                ),
                "transport": EmulatorTransport(emulator),
                "now": emulator.clock.now,
                "pause": emulator.clock.advance,
            }
            store = SqlStore(database_url, now=emulator.clock.now)
            return stack.enter_context(Keeper(store=store, sealer=ring, **(given | changes)))

        yield another
