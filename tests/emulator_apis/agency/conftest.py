"""The emulator with its second cast, and the official clients for its people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from emulator_apis.calls import ADMANAGER, ADWORDS, DFP, admanager_client, ads_client, soap_service
from grantkeeper.emulator import Clock, Emulator, World
from grantkeeper.emulator.server import Serving

Client = Callable[..., Any]


@pytest.fixture(scope="session")
def agency() -> World:
    """The second cast: it never changes, and is read once."""
    return World.load("agency")


@pytest.fixture
def emulator(clock: Clock, agency: World) -> Emulator:
    """The emulator, with the second cast."""
    return Emulator(agency, clock=clock)


@pytest.fixture
def ads(emulator: Emulator, serving_grpc: Serving) -> Client:
    """The official Google Ads client of a person."""
    return lambda person, login=None: ads_client(serving_grpc, emulator.mint(person, ADWORDS), login)


@pytest.fixture
def soap(emulator: Emulator, serving: Serving) -> Client:
    """The official SOAP NetworkService of a person."""
    return lambda person, code=None: soap_service(serving, emulator.mint(person, DFP), code, "v202608")


@pytest.fixture
def networks(emulator: Emulator, serving: Serving) -> Client:
    """The official REST NetworkService of a person."""
    return lambda person: admanager_client(serving, emulator.mint(person, ADMANAGER))
