"""A program that asks the API, in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Self

import httpx2

from grantkeeper import Keeper
from grantkeeper.aio import AsyncKeeper
from grantkeeper.settings import ServiceSettings
from grantkeeper.web.api import api_app
from grantkeeper.web.api.serving.lane import Lane
from grantkeeper.web.service.addresses import Proxies
from grantkeeper.web.service.edge import Edge
from grantkeeper.web.service.load import Running
from grantkeeper.web.service.metrics import Metrics

SITE = "https://grants.example.com"
SETTINGS = ServiceSettings(url=SITE, business_name="Fjord Media")


class Asker:
    """A program with an API key. `stop` ends the streams of the application."""

    def __init__(self, app: Edge, secret: str, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.secret = secret
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=True)
        self.http = httpx2.AsyncClient(transport=transport, base_url=SITE)

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> httpx2.Response:
        """Ask; `body` is sent as JSON."""
        sent = {"authorization": f"Bearer {self.secret}"} if self.secret else {}
        content = None if body is None else json.dumps(body).encode()
        kind = {} if content is None else {"content-type": "application/json"}
        request = self.http.request(
            method,
            path,
            content=content,
            headers={**sent, **kind, **(headers or {})},
            params=dict(query) if query else None,
        )
        answer = self._runner.run(request)
        del answer.headers["x-request-id"]  # another with each
        return answer

    def get(self, path: str, **query: Any) -> httpx2.Response:
        """Ask for something."""
        return self.ask("GET", path, query=query)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """Ask for something to be done; `_` in the name of a header stands for `-`."""
        return self.ask(
            "POST", path, body=body, headers={name.replace("_", "-"): each for name, each in headers.items()}
        )


class Site:
    """The API over a keeper, and whoever asks it."""

    def __init__(self, keeper: Keeper, settings: ServiceSettings = SETTINGS) -> None:
        self.keeper = keeper
        self.stopping = False
        self._runner = asyncio.Runner()
        awaited, self.metrics = AsyncKeeper(keeper), Metrics()
        self.api = api_app(awaited, settings, stopping=lambda: self.stopping)
        self.app = Edge(
            self.api,
            proxies=Proxies(()),
            metrics=self.metrics,
            running=Running(),
            quick=Lane(awaited).answer,
        )
        self._askers: list[Asker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        for each in self._askers:
            self._runner.run(each.http.aclose())
        self._runner.close()

    def asker(
        self,
        *scopes: str,
        owners: Iterable[str] | None = None,
        clients: Iterable[str] | None = None,
        expires_in: timedelta | None = None,
        distinct_per_minute: int | None = None,
    ) -> Asker:
        """Return a program with a new key of these scopes."""
        made = self.keeper.keys.create(
            "a test",
            scopes or ("admin",),
            owners=owners,
            clients=clients,
            expires_in=expires_in,
            distinct_per_minute=distinct_per_minute,
        )
        return self.with_secret(made.secret.reveal())

    def with_secret(self, secret: str) -> Asker:
        """Return a program that sends this for a key."""
        self._askers.append(Asker(self.app, secret, self._runner))
        return self._askers[-1]
