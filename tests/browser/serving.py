"""The whole service on a port of this machine, at the emulator on another, and a Chromium to open it with."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright
from typer.testing import CliRunner

from grantkeeper.aio import AsyncKeeper
from grantkeeper.cli import app
from grantkeeper.emulator import Emulator, serve
from grantkeeper.http import HttpTransport
from grantkeeper.keeper import Keeper
from grantkeeper.keeper.service.posting import Outlet
from grantkeeper.seal import KeyRing
from grantkeeper.settings import ServiceSettings, SignIn, new_key_file
from grantkeeper.store import SqlStore
from grantkeeper.testing import oauth_client
from grantkeeper.web.service.app import service_app

LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 40">
<rect width="40" height="40" rx="9" fill="#c8102e"/>
<path d="M6 27l9-11 6 7 5-5 8 9" fill="none" stroke="#fff" stroke-width="3"/>
<text x="52" y="28" font-family="sans-serif" font-size="22" font-weight="700" fill="#c8102e">Fjord Media</text>
</svg>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service on a port, and what it stands on."""

    url: str
    emulator: Emulator
    keeper: Keeper
    config: Path

    def sub(self, email: str) -> str:
        """Return the provider's name of a person."""
        person = self.emulator.world.person(email)
        assert person is not None
        return person.sub

    def call(self, *arguments: str) -> str:
        """Run `grantkeeper` with arguments over the same database, and return what it printed."""
        done = CliRunner().invoke(app, ["--config", str(self.config), *arguments])
        assert done.exit_code == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def serving(tmp_path: Path) -> Iterator[Service]:
    """Serve an agency with a logo and a colour of its own, whose own people sign in at the emulator too."""
    emulator = Emulator()
    with ExitStack() as stack:
        stack.enter_context(serve(emulator))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        keeper = _keeper(emulator, tmp_path, url)
        web = AsyncKeeper(keeper)
        stack.callback(lambda: asyncio.run(web.close()))
        stack.enter_context(_on(listener, service_app(web, _settings(tmp_path, url))))
        yield Service(url=url, emulator=emulator, keeper=keeper, config=_config(tmp_path, url))


def _keeper(emulator: Emulator, folder: Path, url: str) -> Keeper:
    store = SqlStore(f"sqlite:///{folder / 'grantkeeper.sqlite3'}")
    store.migrate()
    new_key_file(folder / "grantkeeper.key")
    clients = [
        replace(oauth_client(emulator, name, [scope]), redirect_uri=f"{url}/callback/{name}")
        for name, scope in (("google-ads", "adwords"), ("ad-manager", "ad_manager"))
    ]
    emulator.client_secret(redirect_uris=[*(each.redirect_uri for each in clients), f"{url}/dashboard/callback"])
    return Keeper(
        store=store,
        sealer=KeyRing.parse((folder / "grantkeeper.key").read_text(encoding="utf-8").splitlines()[-1]),
        clients=clients,
        transport=HttpTransport(),
        now=emulator.clock.now,
        pages_url=url,
        return_to=(url,),
        outlet=Outlet(private_hosts=frozenset({"127.0.0.1"})),
    )


def _config(folder: Path, url: str) -> Path:
    """Write what the command line needs to work beside the service."""
    file = folder / "grantkeeper.toml"
    database = f'database = "sqlite:///{folder / "grantkeeper.sqlite3"}"'
    file.write_text(f'{database}\nkey_file = "grantkeeper.key"\n[service]\nurl = "{url}"\n', encoding="utf-8")
    return file


def _settings(folder: Path, url: str) -> ServiceSettings:
    logo = folder / "logo.svg"
    logo.write_text(LOGO, encoding="utf-8")
    return ServiceSettings(
        url=url,
        business_name="Fjord Media",
        logo=logo,
        colour="#c8102e",
        text="Fjord Media AS · Bryggen 7, Bergen",
        return_to=(url,),
        sign_in=SignIn(
            client="google-ads",
            redirect_uri=f"{url}/dashboard/callback",
            domains=("fjord-media.example",),
            role="operator",
        ),
    )


@contextmanager
def _on(listener: socket.socket, app: Any) -> Iterator[None]:
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def chromium_started() -> Iterator[Browser]:
    """Start a Chromium of its own."""
    found = shutil.which("chromium")
    if found is None:
        pytest.fail("These tests need a browser: apt-get install chromium (or run `make system`).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()
