"""A world with something of each of the six APIs, and what a person reaches of it."""

from __future__ import annotations

from accounts.driver import PERSON, Server, Walk, as_person, emulated, walk, world
from grantkeeper.accounts import discovery
from grantkeeper.accounts.discovery import Discovery
from grantkeeper.emulator import Emulator

SCOPES = {
    "analytics": "analytics.readonly",
    "search_console": "webmasters.readonly",
    "merchant_center": "content",
    "youtube": "youtube.readonly",
    "business_profile": "business.manage",
    "display_video": "display-video",
}
OTHER = "bob@agency.example"


def asset(api: str, asset_id: str, name: str = "A name", *, parent: str = "", people: str = "", more: str = "") -> str:
    """Return an asset in TOML; `people` is one address."""
    named = f'api = "{api}"\nid = "{asset_id}"\nname = "{name}"\nparent = "{parent}"\n'
    listed = f'people = ["{people}"]\n' if people else ""
    return f"[[asset]]\n{named}{listed}{more}\n"


def emulator_with(*assets: str) -> Emulator:
    """Return an emulator in this process, of whose assets two people reach some."""
    return emulated(world("".join(assets), (PERSON, OTHER)))


def found(api: str, *assets: str, person: str = PERSON) -> Walk:
    """Return what the person's look at an API finds, and how."""
    return walk(of(api), server(api, emulator_with(*assets), person))


def server(api: str, emulator: Emulator, person: str = PERSON) -> Server:
    """Return the emulator as the person's access token sees it."""
    return as_person(emulator, person, SCOPES[api])


def of(api: str) -> Discovery:
    """Return the API's discovery."""
    there = discovery(api)
    assert there is not None
    return there
