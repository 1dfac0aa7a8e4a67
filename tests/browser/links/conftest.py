"""The service's pages of invitations in a real Chromium, on phones and desktops, light and dark."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright

from browser.links.guest import SCREENSHOTS, Guest
from browser.person import Window
from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator, serve
from grantkeeper.http import HttpTransport
from grantkeeper.keeper import Keeper
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.settings import ServiceSettings
from grantkeeper.store import SqlStore
from grantkeeper.testing import oauth_client
from grantkeeper.web.service.app import service_app

LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 40">
<rect width="40" height="40" rx="9" fill="#c8102e"/>
<path d="M6 27l9-11 6 7 5-5 8 9" fill="none" stroke="#fff" stroke-width="3"/>
<text x="52" y="28" font-family="sans-serif" font-size="22" font-weight="700" fill="#c8102e">Fjord Media</text>
</svg>"""
WINDOWS = [
    Window(name=f"{size}-{scheme}", width=width, height=height, scheme=scheme)
    for size, width, height in (("phone", 360, 740), ("desktop", 1280, 860))
    for scheme in ("light", "dark")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service on a port, and what it stands on."""

    url: str
    emulator: Emulator
    keeper: Keeper


@contextmanager
def _served(app: Any, listener: socket.socket) -> Iterator[None]:
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The whole service of an agency with a logo and a colour of its own."""
    logo = tmp_path / "logo.svg"
    logo.write_text(LOGO, encoding="utf-8")
    emulator = Emulator()
    with ExitStack() as stack:
        stack.enter_context(serve(emulator))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        store = SqlStore(f"sqlite:///{tmp_path / 'grantkeeper.sqlite3'}")
        store.migrate()
        client = replace(oauth_client(emulator, "google-ads", ["adwords"]), redirect_uri=f"{url}/callback/google-ads")
        emulator.client_secret(redirect_uris=[client.redirect_uri])
        keeper = Keeper(
            store=store,
            sealer=KeyRing.parse(new_key()),
            clients=[client],
            transport=HttpTransport(),
            now=emulator.clock.now,
            pages_url=url,
            return_to=(url,),
        )
        web = AsyncKeeper(keeper)
        stack.callback(lambda: asyncio.run(web.close()))
        settings = ServiceSettings(
            url=url,
            business_name="Fjord Media",
            logo=logo,
            colour="#c8102e",
            text="Fjord Media AS · Bryggen 7, Bergen",
            return_to=(url,),
        )
        stack.enter_context(_served(service_app(web, settings), listener))
        yield Service(url=url, emulator=emulator, keeper=keeper)


@pytest.fixture
def chromium(service: Service) -> Iterator[Browser]:
    """A Chromium of its own; it goes before the service does."""
    assert service.url
    found = shutil.which("chromium")
    if found is None:
        pytest.fail("These tests need a browser: apt-get install chromium (or run `make system`).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def guest(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Guest]]:
    """Open browsers of people who were sent a link; at the end nothing may have been said on their consoles."""
    shots = SCREENSHOTS / request.node.originalname.removeprefix("test_")
    with ExitStack() as stack:
        yield lambda window, **how: stack.enter_context(Guest.opened(chromium, window, shots, **how))
