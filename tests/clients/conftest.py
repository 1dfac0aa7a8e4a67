"""One clock for the emulator, the source of tokens and google-auth."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import grpc_roots  # noqa: F401 - first of all: gRPC reads its roots once
from clients.sources import GRANT, ScriptedSource
from grantkeeper import Remote
from grantkeeper.clients import google_auth
from grantkeeper.clients.google_auth import GrantCredentials
from grantkeeper.clients.reached import GrantSource
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.emulator.server import Serving, serve
from grantkeeper.keeper import Keeper
from grantkeeper.store import SqlStore
from grantkeeper.testing import emulated_keeper
from service.served import served_keeper

HERE = Path(__file__).parent
UNCLOSED = "unclosed <socket"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let Google's libraries leave their sockets to the garbage collector, as they do; ours are looked at elsewhere."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(f"ignore:{UNCLOSED}:ResourceWarning"))


@pytest.fixture(scope="module", autouse=True)
def _swept() -> Iterator[None]:
    """Collect what they left before another folder's tests, where it would be an error."""
    yield
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", UNCLOSED, ResourceWarning)
        gc.collect()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a clock that stands still until moved; google-auth tells the time by it."""
    clock = Clock.fixed()
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: clock.now().replace(tzinfo=None))
    return clock


@pytest.fixture
def source(clock: Clock) -> ScriptedSource:
    """Return a source of tokens that does what it is told."""
    return ScriptedSource(clock)


@pytest.fixture
def credentials(source: ScriptedSource) -> GrantCredentials:
    """Return new credentials of the scripted grant."""
    return google_auth.credentials(source, GRANT)


@pytest.fixture
def emulator(clock: Clock) -> Emulator:
    """Google in a box, at the clock that google-auth tells the time by."""
    return Emulator(clock=clock)


@pytest.fixture
def serving(emulator: Emulator) -> Iterator[Serving]:
    """The emulator on two ports: HTTP, and gRPC over TLS."""
    with serve(emulator, grpc=True) as at:
        yield at


@pytest.fixture
def keeper(serving: Serving, emulator: Emulator, tmp_path: Path) -> Iterator[Keeper]:
    """A keeper on the emulator that is served (its issuer is its URL), over SQLite."""
    store = SqlStore(f"sqlite:///{tmp_path / 'grantkeeper.sqlite3'}")
    store.migrate()
    with emulated_keeper(emulator, store) as made:
        yield made


@pytest.fixture(params=["Keeper", "Remote"])
def giving(request: pytest.FixtureRequest, keeper: Keeper, clock: Clock) -> Iterator[GrantSource]:
    """Whoever hands out tokens: the keeper, and in another run of the test a Remote that asks the service over it."""
    if request.param == "Keeper":
        yield keeper
        return
    with served_keeper(keeper) as at, Remote(at.url, at.key(), now=clock.now) as remote:
        yield remote
