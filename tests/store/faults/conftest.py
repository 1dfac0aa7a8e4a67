"""Databases behind a network that loses things."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from databases import MariaServer, PostgresServer
from grantkeeper.store import SqlStore
from store.faults.proxy import Proxy, proxied

SECONDS = 0.5
"""What a call may take in these tests."""


@dataclass(slots=True, kw_only=True)
class Far:
    """A migrated database and the way to it. `store` goes through the proxy, `near` does not."""

    kind: str
    server: PostgresServer | MariaServer
    name: str
    proxy: Proxy
    url: str
    store: SqlStore
    near: SqlStore
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def opened(self, **options: Any) -> SqlStore:
        """Return another store through the proxy, checked already."""
        store = SqlStore(self.url, **options)
        store.check()
        return store

    def execute(self, statement: str) -> list[Any]:
        """Run one statement in this database as the superuser."""
        return self.server.execute(statement, database=self.name)


def through(proxy: Proxy, url: str) -> str:
    """Return the URL of a server on a socket as it is reached through the proxy."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rstrip('@')}@127.0.0.1:{proxy.port}{parts.path}"


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def far(request: pytest.FixtureRequest) -> Iterator[Far]:
    """A database of each kind of server in turn; one for all tests of a module, which use rows of their own."""
    server: PostgresServer | MariaServer = request.getfixturevalue(f"{request.param}_server")
    with server.database() as url, proxied(server.socket) as proxy, closing(SqlStore(url)) as near:
        near.migrate()
        way = through(proxy, url)
        with closing(SqlStore(way, call_seconds=SECONDS, pause=lambda _seconds: None)) as store:
            store.check()
            name = urlsplit(url).path.lstrip("/")
            yield Far(kind=request.param, server=server, name=name, proxy=proxy, url=way, store=store, near=near)
