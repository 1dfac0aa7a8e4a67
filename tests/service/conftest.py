"""The service over a keeper on the emulator, asked in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from starlette.types import ASGIApp

from grantkeeper.aio import AsyncKeeper
from grantkeeper.keeper import Keeper
from grantkeeper.settings import ServiceSettings
from grantkeeper.web.service.app import Service, parts_of
from grantkeeper.web.service.load import Running

SITE = "https://grants.example.com"


class Asked:
    """The service, and a client for it."""

    def __init__(self, service: Service, *, peer: str = "203.0.113.9", site: str = SITE) -> None:
        self.service = service
        self._runner = asyncio.Runner()
        transport = httpx2.ASGITransport(app=service, client=(peer, 4711), raise_app_exceptions=False)
        self._http = httpx2.AsyncClient(transport=transport, base_url=site)

    def send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Send one request."""
        return self._runner.run(self._http.request(method, path, **more))

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """GET a path."""
        return self.send("GET", path, headers=headers)

    def together(self, *requests: tuple[str, str]) -> list[httpx2.Response]:
        """Send several requests at the same time."""

        async def all_of_them() -> list[httpx2.Response]:
            return await asyncio.gather(*(self._http.request(method, path) for method, path in requests))

        return self._runner.run(all_of_them())

    def close(self) -> None:
        """Close the client."""
        self._runner.run(self._http.aclose())
        self._runner.close()


Ask = Callable[..., Asked]


@pytest.fixture
def ask(keeper: Keeper) -> Iterator[Ask]:
    """A function that makes the service with some settings, or with applications of a test in place of its own."""
    made: list[Asked] = []

    def make(
        parts: dict[str, ASGIApp] | None = None, *, peer: str = "203.0.113.9", site: str = SITE, **settings: Any
    ) -> Asked:
        given = replace(ServiceSettings(url=SITE), **settings)
        awaited = AsyncKeeper(keeper)
        running = Running()
        service = Service(
            awaited, given, parts_of(awaited, given, running) if parts is None else parts, running=running
        )
        made.append(Asked(service, peer=peer, site=site))
        return made[-1]

    yield make
    for each in made:
        each.close()
