"""Where the snippets run: a folder with everything that `grantkeeper init` makes, a served emulator, two grants."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.ads.googleads.client import GoogleAdsClient

import grpc_roots  # noqa: F401 - before any gRPC channel is opened
from grantkeeper import Keeper, OAuthClient
from grantkeeper.emulator import Clock, Emulator, serve
from grantkeeper.settings import new_key_file
from grantkeeper.store import SqlStore
from grantkeeper.testing import consent
from keeper.files.old import old_token
from service.served import served_keeper

IDA = "ida@nordwind-outdoor.example"
LUCIA = "lucia@casa-verde.example"
SITE = "http://127.0.0.1:8765"
CLIENTS = {"google-ads": "adwords", "ad-manager": "ad_manager"}
_TOP = """\
database = "sqlite:///grantkeeper.sqlite3"
key_file = "grantkeeper.key"
emulator = "{emulator}"
export_refresh_tokens = "allowed"
"""
_CLIENT = """
[clients.{name}]
provider = "google"
client_secret_file = "client_secret.json"
redirect_uri = "{site}/grants/callback/{name}"
scopes = ["{scope}"]
"""
_SERVICE = """
[service]
url = "{site}/grants"
return_to = ["https://app.example.com"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A prepared folder: configuration, key, database, `acme` connected to Google Ads and Ad Manager by Ida.

    And a `clients.csv` and a `google-ads.yaml` with older refresh tokens.
    """

    folder: Path
    emulator: Emulator
    grant: str

    def come_back(self, url: str, person: str = IDA) -> str:
        """Let a person consent at the provider; returns the query with which the browser comes back."""
        return str(self.emulator.consent(url, person))

    def run(self, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the installed `grantkeeper` command in the folder."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("GRANTKEEPER_")}
        environ |= {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}
        command = [str(Path(sys.executable).parent / "grantkeeper"), *words]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=folder or self.folder, env=environ, timeout=60
        )

    def write_client_secret(self, name: str, redirect_uris: list[str], *, emulated: bool = True) -> None:
        """Write a client_secret.json as Google, or the emulator, gives it for download."""
        content: Mapping[str, Any] = self.emulator.client_secret(None, redirect_uris)
        if not emulated:
            google = {
                "auth_uri": "https://accounts.google.com/o/oauth2/auth",
                "token_uri": "https://oauth2.googleapis.com/token",
                "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            }
            content = {"web": {**content["web"], **google}}
        (self.folder / name).write_text(json.dumps(content))


@contextmanager
def prepared(folder: Path, *, site: str = SITE) -> Iterator[Desk]:
    """Prepare a folder, and make it and the emulator what snippets find: the current folder, and Google."""
    emulator = Emulator(clock=Clock.running())
    with serve(emulator, grpc=True) as served, pytest.MonkeyPatch.context() as patched:
        desk = Desk(folder=folder, emulator=emulator, grant="")
        desk.write_client_secret("client_secret.json", [f"{site}/grants/callback/{name}" for name in CLIENTS])
        clients = (_CLIENT.format(name=name, site=site, scope=scope) for name, scope in CLIENTS.items())
        service = _SERVICE.format(site=site)
        (folder / "grantkeeper.toml").write_text(_TOP.format(emulator=served.url) + "".join(clients) + service)
        new_key_file(folder / "grantkeeper.key")
        store = SqlStore(f"sqlite:///{folder / 'grantkeeper.sqlite3'}")
        store.migrate()
        store.close()
        patched.chdir(folder)
        for name in [each for each in os.environ if each.startswith("GRANTKEEPER_")]:
            patched.delenv(name)
        patched.setattr(GoogleAdsClient, "__init__", _at(GoogleAdsClient.__init__, served.grpc_target))
        with Keeper.from_env() as keeper:
            grants = [consent(keeper, emulator, "acme", IDA, name) for name in CLIENTS]
            _write_old_files(folder, emulator, keeper.client("google-ads"))
        yield Desk(folder=folder, emulator=emulator, grant=grants[0].id)


@contextmanager
def served() -> Iterator[None]:
    """Serve the API over the current folder's configuration; the environment names it, and a key for all of it."""
    with Keeper.from_env() as keeper, served_keeper(keeper) as at, pytest.MonkeyPatch.context() as patched:
        patched.setenv("GRANTKEEPER_URL", at.url)
        patched.setenv("GRANTKEEPER_API_KEY", at.key("admin").reveal())
        yield


def _write_old_files(folder: Path, emulator: Emulator, client: OAuthClient) -> None:
    """Write what somebody has who consented before there was a grantkeeper."""
    tokens = [old_token(emulator, client, person).reveal() for person in (IDA, LUCIA)]
    lines = ["owner;refresh_token;customer_id", f"initech;{tokens[0]};222-333-4441", f"hooli;{tokens[1]};333-444-5552"]
    (folder / "clients.csv").write_text("\n".join(lines))
    secret = client.client_secrets[-1].reveal()
    values = {"client_id": client.client_id, "client_secret": secret, "refresh_token": tokens[0]}
    (folder / "google-ads.yaml").write_text("".join(f"{name}: {value}\n" for name, value in values.items()))


def _at(original: Any, target: str | None) -> Any:
    """Let a client that names no endpoint reach the emulator instead of Google."""

    @functools.wraps(original)
    def made(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **{**options, "endpoint": options.get("endpoint") or target})

    return made
