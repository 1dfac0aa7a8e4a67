"""Grants of a home without the second that `connect` takes with its browser."""

from __future__ import annotations

from cli.conftest import Home
from grantkeeper import Keeper, Settings
from grantkeeper.emulator import Emulator
from grantkeeper.testing import consent


def connected(home: Home, emulator: Emulator, person: str, owner: str = "acme") -> str:
    """Let a person consent in the home's database; returns the grant's id."""
    settings = Settings.load(home.folder / "grantkeeper.toml", environ=home.environ)
    with Keeper.from_settings(settings) as keeper:
        return consent(keeper, emulator, owner, person).id
