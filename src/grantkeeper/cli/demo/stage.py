"""Everything that the demo stands on: files, emulator, keeper, site."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator, serve
from grantkeeper.emulator.server import authority
from grantkeeper.http import HttpTransport
from grantkeeper.keeper import Keeper
from grantkeeper.settings import Settings, new_key_file
from grantkeeper.store import SqlStore

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from grantkeeper.emulator.server import Serving

BUSINESS: Final = "Fjord Media"

_NO_PROXY: Final = ("no_proxy", "NO_PROXY")
_CONFIG: Final = """\
# What `grantkeeper demo` runs on. Beside the emulator line, this is what you would write for Google.
database = "sqlite:///grantkeeper.sqlite3"
key_file = "grantkeeper.key"
emulator = "{emulator}"

[clients.google-ads]
provider = "google"
client_secret_file = "client_secret.json"
redirect_uri = "{site}/grants/callback/google-ads"
scopes = ["adwords"]

[clients.ad-manager]
provider = "google"
client_secret_file = "client_secret.json"
redirect_uri = "{site}/grants/callback/ad-manager"
scopes = ["ad_manager"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the site and the walk work with."""

    url: str
    emulator: Emulator
    serving: Serving
    keeper: Keeper
    web: AsyncKeeper

    def run(self, listener: socket.socket) -> None:
        """Serve the site until Ctrl-C."""
        server = self._server()
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            # uvicorn hands the signal on once everything is closed
            return

    @contextmanager
    def in_background(self, listener: socket.socket) -> Iterator[None]:
        """Serve the site from a thread while the block runs. The listener queues requests until the server is up."""
        server = self._server()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="demo-site", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join()

    def _server(self) -> Any:
        import uvicorn

        from grantkeeper.cli.demo.site import site

        config = uvicorn.Config(
            site(self),
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
        )
        return uvicorn.Server(config)


@contextmanager
def set_stage(home: Path, *, port: int) -> Iterator[Stage]:
    """Make the files in `home`, start the emulator, open the keeper; end all of it when the block is left."""
    url = f"http://127.0.0.1:{port}"
    emulator = Emulator()
    with ExitStack() as stack:
        stack.enter_context(_environment(home))
        serving = stack.enter_context(serve(emulator, grpc=True))
        settings = _settings(home, emulator, url)
        store = SqlStore(settings.database)
        store.migrate()
        keeper = Keeper(
            store=store,
            sealer=settings.keys,
            clients=settings.clients,
            transport=HttpTransport(),
            now=emulator.clock.now,
        )
        web = AsyncKeeper(keeper)
        stack.callback(lambda: asyncio.run(web.close()))
        yield Stage(url=url, emulator=emulator, serving=serving, keeper=keeper, web=web)


def _settings(home: Path, emulator: Emulator, url: str) -> Settings:
    """Write what `grantkeeper init` and Google Cloud's console would leave behind, and read it as everybody does."""
    file = home / "grantkeeper.toml"
    file.write_text(_CONFIG.format(emulator=emulator.base_url, site=url), encoding="utf-8")
    redirects = [f"{url}/grants/callback/{name}" for name in ("google-ads", "ad-manager")]
    secret = home / "client_secret.json"
    secret.touch(mode=0o600)
    secret.write_text(json.dumps(emulator.client_secret(redirect_uris=redirects), indent=2), encoding="utf-8")
    new_key_file(home / "grantkeeper.key")
    return Settings.load(file, environ={})


@contextmanager
def _environment(home: Path) -> Iterator[None]:
    """Make gRPC trust the emulator, and keep proxies out of a conversation inside this machine.

    gRPC reads the variable once, when it starts; a value that is there already is for other calls than the demo's.
    """
    file = home / "emulator-ca.pem"
    file.write_bytes(authority())
    local = {name: ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost"))) for name in _NO_PROXY}
    changes = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(file), **local}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
