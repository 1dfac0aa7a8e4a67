"""What these tests share: workers that stay, and one that forks fresh processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import PostgresServer, fresh_database
from grantkeeper.emulator import Clock, Emulator, serve
from grantkeeper.emulator.oauth.faults import RotationKind
from pgbouncer import PgBouncer, running_pgbouncer
from processes.fleet import Worker, workers
from processes.site import Site

PROCESSES = 8


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Worker]]:
    """Eight processes; each opens a keeper anew when it is told to."""
    with workers(PROCESSES, tmp_path_factory.mktemp("fleet")) as started:
        yield started


@pytest.fixture(scope="package")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A process that has imported everything and does nothing but fork."""
    with workers(1, tmp_path_factory.mktemp("nursery")) as started:
        yield started[0]


@pytest.fixture(scope="package")
def provider() -> Iterator[Emulator]:
    """An emulator on a port, seen from inside."""
    emulator = Emulator(clock=Clock.running())
    with serve(emulator):
        yield emulator


@pytest.fixture(scope="package")
def pgbouncer(postgresql_server: PostgresServer) -> Iterator[PgBouncer]:
    """A PgBouncer in transaction mode before the private PostgreSQL."""
    with running_pgbouncer(postgresql_server) as proxy:
        yield proxy


@pytest.fixture
def database(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a new, empty database of the kind that the test names."""
    if kind == "pgbouncer":
        proxy: PgBouncer = request.getfixturevalue("pgbouncer")
        with proxy.database() as url:
            yield url
        return
    with fresh_database(kind, tmp_path, request) as url:
        yield url


@pytest.fixture
def place(provider: Emulator, database: str, rotation: RotationKind, tmp_path: Path) -> Site:
    """A grant whose token has run out, at a provider that rotates as the test names."""
    return Site(provider, database, tmp_path, rotation)
