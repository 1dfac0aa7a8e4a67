"""`serve` and `emulator`: what listens until it is stopped."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from grantkeeper.errors import InvalidInput, Misconfigured

from . import output
from .wiring import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grantkeeper.emulator import Emulator, World
    from grantkeeper.emulator.wire import Request, Response
    from grantkeeper.model import OAuthClient

_EMULATOR_PORT = 8910
_SITE_PORT = 8765
_HTTP_PORT = 80
_NOT_HERE = b"This address answers to this machine's names only: 127.0.0.1, localhost, [::1].\n"


def emulator(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on; of this machine's loopback only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = _EMULATOR_PORT,
    grpc: Annotated[bool, typer.Option("--grpc/--no-grpc", help="Serve the Google Ads API over gRPC too.")] = False,
    grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="The gRPC port; 0 takes a free one.")] = 0,
    world: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its people, clients and accounts; or agency, another cast.")
    ] = None,
    testing: Annotated[
        bool, typer.Option("--testing", help="Consent screens in Testing: refresh tokens end after seven days.")
    ] = False,
    write_client_secret: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a client_secret.json of one of its clients.")
    ] = None,
    client: Annotated[
        str | None, typer.Option(metavar="ID", help="Of which client; else of the first for desktop apps.")
    ] = None,
) -> None:
    """Run Google in a box: consent screen, tokens, and the Ads and Ad Manager APIs, for people and tests.

    It gives tokens to anybody who asks, so it listens on loopback only.
    """
    _refuse_beyond_loopback(host)
    box = _emulator_for_this_machine(_world(world, testing=testing))
    with _serving_emulator(box, host, port, grpc=grpc, grpc_port=grpc_port) as served:
        if write_client_secret is not None:
            _write_secret(box, client, write_client_secret)
        _tell_where(box, served)
        until_stopped()


def serve(
    ctx: typer.Context,
    owner: Annotated[
        str | None, typer.Option(metavar="OWNER", help="Everybody who comes is this owner; on loopback only.")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = _SITE_PORT,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Leave what is due in time to `grantkeeper worker` elsewhere.")
    ] = False,
    drain: Annotated[
        float, typer.Option(min=0, max=300, help="Seconds between the signal to stop and the last new request.")
    ] = 3.0,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    log_format: Annotated[str, typer.Option(help="json, console, or auto: console on a terminal.")] = "auto",
) -> None:
    """Run the service: links, pages, the API, the dashboard, and what is due in time.

    It needs [service] url in the configuration. Run as many as you like on one database, behind a balancer.
    With --owner it only shows the pages of the web flow, to one owner on this machine.
    """
    try:
        import uvicorn  # noqa: F401 - said before anything is opened
    except ImportError:
        raise Misconfigured("The server is not installed.", advice="pip install 'grantkeeper[server]'") from None
    if owner is not None:
        _serve_owner(ctx, owner, host, port)
        return
    from .running import hardening, logs, serve

    settings = load_settings(ctx)
    if not settings.service.url:
        raise Misconfigured(
            f"{settings.file}: service.url is missing: the service has to know where people reach it.",
            advice='Add [service] with url = "https://…". To show the pages to one owner on your own machine: '
            "grantkeeper serve --owner OWNER. In your own site: mount grantkeeper.web.grantkeeper_app.",
        )
    hardening.keep_memory_private()
    logs.configure(level=log_level, form=log_format)
    with _listening(host, port) as listener:
        output.result(f"http://{_literal(host)}:{listener.getsockname()[1]}/ for {settings.service.url}")
        serve.run(settings, listener, worker=not no_worker, drain=drain)


def _serve_owner(ctx: typer.Context, owner: str, host: str, port: int) -> None:
    import uvicorn

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.keeper import Keeper
    from grantkeeper.keeper.inputs import checked_owner
    from grantkeeper.web import grantkeeper_app

    checked_owner(owner)
    _refuse_beyond_loopback(host)
    with Keeper.from_settings(load_settings(ctx)) as keeper, _listening(host, port) as listener:
        site = f"http://{_literal(host)}:{listener.getsockname()[1]}"
        _note_other_redirects(keeper.clients, site)
        output.result(f"{site}/ as {owner}   (Ctrl-C stops it)")
        # No access log: it would hold the callback's code and state.
        app = grantkeeper_app(AsyncKeeper(keeper), owner=lambda _request: owner)
        config = uvicorn.Config(
            _for_this_machine(app, site),
            access_log=False,
            server_header=False,
            log_level="warning",
        )
        uvicorn.Server(config).run(sockets=[listener])


def _note_other_redirects(clients: Iterable[OAuthClient], site: str) -> None:
    """Say which OAuth clients the provider would send elsewhere."""
    for client in clients:
        if client.redirect_uri != f"{site}/callback/{client.name}":
            output.note(f"{client.name} cannot be connected here: its redirect_uri is {client.redirect_uri}, and")
            output.note(f"  this is {site}/callback/{client.name}")


def _is_this_machine(host: str, site: str) -> bool:
    """Tell whether a Host header is what a browser of this machine sends to `site`; any other is DNS rebinding."""
    found = urlsplit(site)
    names, port = {"127.0.0.1", "localhost", "[::1]", _literal(found.hostname or "")}, found.port or _HTTP_PORT
    return host.lower() in {f"{name}:{port}" for name in names} or (port == _HTTP_PORT and host.lower() in names)


def _for_this_machine(app: Any, site: str) -> Any:
    """Return the ASGI application, answering 400 to whoever calls it by another name."""

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        hosts = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"]
        if scope["type"] != "http" or (len(hosts) == 1 and _is_this_machine(hosts[0], site)):
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 400, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": _NOT_HERE})

    return guarded


def _emulator_for_this_machine(world: World) -> Emulator:
    """Return an emulator that answers 400 to whoever calls it by another name."""
    from grantkeeper.emulator import Emulator
    from grantkeeper.emulator.wire import Response

    class ForThisMachine(Emulator):
        """Looks at the Host header first."""

        def handle(self, request: Request) -> Response:
            if _is_this_machine(request.headers.get("host", ""), self.base_url):
                return super().handle(request)
            return Response(status=400, headers=(("content-type", "text/plain"),), body=_NOT_HERE)

    return ForThisMachine(world)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take the port before anything is said.

    Raises:
        Misconfigured: it is taken.
    """
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise _taken(host, port, error) from None
    with listener:
        yield listener


def _taken(host: str, port: int, error: OSError) -> Misconfigured:
    in_use = error.errno == errno.EADDRINUSE
    said = "another program listens there" if in_use else (error.strerror or type(error).__name__)
    return Misconfigured(f"Cannot listen on {host}:{port}: {said}.", advice="Stop it, or take a free port: --port 0")


def _refuse_beyond_loopback(host: str) -> None:
    try:
        if host == "localhost" or ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise InvalidInput(f"{host} is not an address of this machine's loopback interface.", advice="Use 127.0.0.1.")


def _literal(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _world(file: Path | None, *, testing: bool) -> World:
    from dataclasses import replace

    from grantkeeper.emulator import World, WorldError

    try:
        world = World.load(file)
    except (WorldError, OSError) as error:
        raise Misconfigured(f"{file}: {error}", advice="The emulator's page of the docs describes the file.") from None
    if testing:
        projects = tuple(replace(each, publishing="testing") for each in world.projects)
        world = replace(world, projects=projects)
    return world


@contextmanager
def _serving_emulator(box: Emulator, host: str, port: int, *, grpc: bool, grpc_port: int) -> Iterator[Any]:
    from grantkeeper.emulator.server import serve as start

    try:
        with start(box, host, port, grpc=grpc, grpc_port=grpc_port) as served:
            yield served
    except ImportError as error:
        raise Misconfigured(str(error), advice="pip install 'grantkeeper[server,google-ads]'") from None
    except OSError as error:
        raise _taken(host, port, error) from None


def _write_secret(box: Emulator, client: str | None, file: Path) -> None:
    """Write the file as Google would give it, for this user only."""
    chosen = client or next(
        (each.id for each in box.world.clients if each.kind == "installed"), box.world.clients[0].id
    )
    if chosen not in {each.id for each in box.world.clients}:
        known = ", ".join(each.id for each in box.world.clients)
        raise InvalidInput(f"The emulator has no client {chosen}.", advice=f"It has: {known}.")
    if file.exists() and not _is_emulators(file):
        # Google shows a client secret once: a real file that is overwritten cannot be downloaded again.
        raise Misconfigured(f"{file} is not a file of the emulator's and is left as it is.", advice="Name another.")
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        json.dump(box.client_secret(chosen), opened, indent=2)


def _is_emulators(file: Path) -> bool:
    """Tell whether a client_secret.json was made by an emulator on this machine."""
    from grantkeeper.settings.document import is_loopback

    try:
        kinds = json.loads(file.read_bytes()).values()
        return all(is_loopback(kind["token_uri"]) for kind in kinds)
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return False


def _tell_where(box: Emulator, served: Any) -> None:
    output.result(f"Google in a box: {served.url}   (Ctrl-C stops it)")
    output.result(f"  people        {', '.join(each.email for each in box.world.people)}")
    output.result(f"  use it with   export GRANTKEEPER_EMULATOR={served.url}")
    if served.grpc_target:
        output.result(f"  gRPC          {served.grpc_target}")
        output.result(f"                export GRPC_DEFAULT_SSL_ROOTS_FILE_PATH={served.ca_file}")


def until_stopped() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(3600):
        continue
