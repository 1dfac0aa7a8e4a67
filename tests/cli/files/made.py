"""Grants of a home without the second that `connect` takes with its browser, and files with older refresh tokens."""

from __future__ import annotations

from cli.conftest import Home
from grantkeeper import Keeper, OAuthClient, Settings
from grantkeeper.emulator import Emulator
from grantkeeper.testing import consent, oauth_client
from keeper.files.old import old_token


def connected(home: Home, emulator: Emulator, person: str, owner: str = "acme") -> str:
    """Let a person consent in the home's database; returns the grant's id."""
    settings = Settings.load(home.folder / "grantkeeper.toml", environ=home.environ)
    with Keeper.from_settings(settings) as keeper:
        return consent(keeper, emulator, owner, person).id


def configured(emulator: Emulator) -> OAuthClient:
    """The OAuth client of a home's configuration."""
    client_id = next(each.id for each in emulator.world.clients if each.kind == "installed")
    return oauth_client(emulator, "google-ads", ["adwords"], client_id=client_id)


def google_ads_yaml(client: OAuthClient, token: str, **more: str) -> str:
    """A google-ads.yaml."""
    values = {
        "client_id": client.client_id,
        "client_secret": client.client_secrets[-1].reveal(),
        "refresh_token": token,
        **more,
    }
    return "".join(f"{name}: {value}\n" for name, value in values.items())


def write_old_files(home: Home, emulator: Emulator) -> None:
    """Write a google-ads.yaml of Ida's, and a list with the same token, Lucia's, and a line without one."""
    client = configured(emulator)
    ida, lucia = (
        old_token(emulator, client, person).reveal()
        for person in ("ida@nordwind-outdoor.example", "lucia@casa-verde.example")
    )
    home.write("google-ads.yaml", google_ads_yaml(client, ida, developer_token="abc"))
    home.write("clients.csv", f"owner,refresh_token\nnordwind,{ida}\ncasa,{lucia}\nfjord,\n")
