"""An emulator with a cast of its own, and the means to call it: in process, and served to the official clients."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import grpc_roots  # noqa: F401 - first of all: gRPC reads its roots once
from emulator_apis.calls import Rest
from grantkeeper.emulator import Clock, Emulator, Request, Response, World
from grantkeeper.emulator.server import Serving, serve


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock.fixed()


@pytest.fixture
def emulator(clock: Clock) -> Emulator:
    """The emulator, with the world of world.toml."""
    return Emulator(World.load(Path(__file__).with_name("world.toml")), clock=clock)


@pytest.fixture
def serving(emulator: Emulator) -> Iterator[Serving]:
    """The emulator on a port, REST and SOAP only."""
    with serve(emulator) as at:
        yield at


@pytest.fixture
def serving_grpc(emulator: Emulator) -> Iterator[Serving]:
    """The emulator on two ports, the second one gRPC over TLS."""
    with serve(emulator, grpc=True) as at:
        yield at


@pytest.fixture
def rest(emulator: Emulator) -> Rest:
    """A call of a REST method, in process."""

    def call(
        token: str | None,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {**(headers or {}), **({"authorization": f"Bearer {token}"} if token is not None else {})}
        return emulator.handle(Request(method="GET" if body is None else "POST", url=path, headers=sent, body=raw))

    return call


@pytest.fixture
def search(rest: Rest) -> Callable[..., Response]:
    """A GAQL query over REST, in process."""

    def call(token: str, customer: str, query: str, login: str | None = None, **more: Any) -> Response:
        headers = {} if login is None else {"login-customer-id": login}
        return rest(token, f"/v26/customers/{customer}/googleAds:search", {"query": query, **more}, headers)

    return call
