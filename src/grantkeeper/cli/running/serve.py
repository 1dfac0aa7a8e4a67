"""`serve` without --owner: the service."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket

    from grantkeeper.settings import Settings

log = logging.getLogger("grantkeeper.serve")

TURN: Final = 0.0005
"""Seconds after which a thread that computes lets another go on. The event loop waits that long after each of its
system calls, several a request, while one thread is busy; with Python's 5 ms, a writing of counts made 32 readers wait
0.4 s."""


def run(settings: Settings, listener: socket.socket, *, worker: bool, drain: float) -> None:
    """Serve until a signal says otherwise; raises Misconfigured, or DatabaseUnavailable at the start."""
    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.keeper import Keeper
    from grantkeeper.web.service import service_app
    from grantkeeper.worker import Worker

    from .server import Server, configuration

    sys.setswitchinterval(TURN)
    with Keeper.from_settings(settings) as keeper:
        keeper.ready()
        keeper.keep_up()
        _note_other_redirects(settings)
        awaited = AsyncKeeper(keeper)
        at_work = Worker.configured(keeper, settings.service) if worker else None
        service = service_app(awaited, settings.service, worker=at_work)
        Server(configuration(service), service, drain=drain).run(sockets=[listener])
        asyncio.run(awaited.close())


def _note_other_redirects(settings: Settings) -> None:
    """Say which OAuth clients the provider would send elsewhere."""
    for client in settings.clients:
        expected = settings.service.callback(client.name)
        if client.kind == "web" and client.redirect_uri != expected:
            said = "%s cannot be connected here: its redirect_uri is %s, and this is %s"
            log.warning(said, client.name, client.redirect_uri, expected)
