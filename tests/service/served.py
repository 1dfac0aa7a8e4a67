"""A keeper behind the service's API on a port of this machine: what a Remote asks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from grantkeeper import AsyncKeeper, Keeper, Secret
from grantkeeper.settings import ServiceSettings
from grantkeeper.web.api.app import api_app

READER = ("tokens:read", "grants:read")
"""What the official clients need: tokens, and the accounts that they are for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedKeeper:
    """Where the API of a keeper is served."""

    keeper: Keeper
    url: str

    def key(self, *scopes: str) -> Secret:
        """Make an API key of these scopes."""
        return self.keeper.keys.create("tests", scopes or READER).secret


@contextmanager
def served_keeper(keeper: Keeper) -> Iterator[ServedKeeper]:
    """Serve a keeper; the keeper stays open."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)  # who connects early waits in its queue
    awaited = AsyncKeeper(keeper)
    app = api_app(awaited, ServiceSettings(requests_per_minute=1_000_000))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="tests-api")
    thread.start()
    try:
        yield ServedKeeper(keeper=keeper, url=f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
        for pool in (awaited._refreshes, awaited._calls, awaited._database):
            pool.shutdown(wait=True)
