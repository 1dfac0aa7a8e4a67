"""An emulator with something of each API, served to Google's own client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build

from grantkeeper.emulator import Clock, Emulator, World
from grantkeeper.emulator.server import Serving, serve

ANN = "ann@agency.example"
SCOPE = "https://www.googleapis.com/auth/"

WORLD = """
[[project]]
id = "shop"
number = "1000000001"
name = "Shop"

[[client]]
id = "shop.apps.googleusercontent.com"
secret = "GOCSPX-emulated-shop"
project = "shop"

[[person]]
email = "ann@agency.example"
sub = "100000000000000000001"
name = "Ann"

[[person]]
email = "bob@agency.example"
sub = "100000000000000000002"
name = "Bob"
"""

Build = Callable[..., Any]


def asset(api: str, asset_id: str, name: str = "A name", *, parent: str = "", people: str = "ann") -> str:
    """Return an asset in TOML; `people` are first names."""
    emails = ", ".join(f'"{each}@agency.example"' for each in people.split())
    return f'\n[[asset]]\napi = "{api}"\nid = "{asset_id}"\nname = "{name}"\nparent = "{parent}"\npeople = [{emails}]\n'


@pytest.fixture
def emulator() -> Emulator:
    """An emulator of two people, who have nothing yet."""
    return Emulator(World.parse(WORLD), clock=Clock.fixed())


@pytest.fixture
def have(emulator: Emulator) -> Callable[..., None]:
    """Let the world have these assets."""

    def add(*assets: str) -> None:
        emulator.world = World.parse(WORLD + "".join(assets))

    return add


@pytest.fixture
def serving(emulator: Emulator) -> Iterator[Serving]:
    """The emulator on a port."""
    with serve(emulator) as at:
        yield at


@pytest.fixture
def client(emulator: Emulator, serving: Serving) -> Iterator[Build]:
    """Google's client of an API, as a person, with a scope; `path` is what the API has between host and methods."""
    made = []

    def of(name: str, version: str, scope: str, *, person: str = ANN, path: str = "") -> Any:
        credentials = Credentials(emulator.mint(person, SCOPE + scope))  # type: ignore[no-untyped-call]
        options = {"api_endpoint": f"{serving.url}/{path}"}
        service = build(name, version, credentials=credentials, client_options=options, static_discovery=True)
        made.append(service)
        return service

    yield of
    for each in made:
        each.close()
