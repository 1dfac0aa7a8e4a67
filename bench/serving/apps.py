"""The applications that are compared, each in a process of its own, served as `grantkeeper serve` serves:
`python -m bench.serving.apps`.

hello               a bare ASGI application that answers with as many bytes as a token's answer has
service FILE        grantkeeper's service over the database and key that FILE names
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

from grantkeeper.aio import AsyncKeeper
from grantkeeper.cli.running.serve import TURN
from grantkeeper.cli.running.server import configuration
from grantkeeper.http import HttpTransport
from grantkeeper.keeper import Keeper
from grantkeeper.seal import KeyRing
from grantkeeper.settings import ServiceSettings
from grantkeeper.store import SqlStore

from ..databases import CLIENT

_BODY = b'{"access_token":"' + b"x" * 220 + b'","expires_at":"2026-11-28T12:00:00Z","scopes":["x"]}'
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())],
}


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answer."""
    await send(_START)
    await send({"type": "http.response.body", "body": _BODY})


def service(file: Path) -> Any:
    """Return the service as `grantkeeper serve` makes it, without the worker."""
    from grantkeeper.web.service import service_app

    plan = json.loads(file.read_text())
    keeper = Keeper(
        store=SqlStore(plan["url"]), sealer=KeyRing.parse(plan["keys"]), clients=[CLIENT], transport=HttpTransport()
    )
    keeper.keep_up()
    many = 10**9  # what is measured is not the limits
    settings = ServiceSettings(
        url="http://127.0.0.1", requests_per_minute=many, distinct_grants_per_minute=many, business_name="Bench"
    )
    return service_app(AsyncKeeper(keeper), settings)


def main() -> None:
    """Serve, after saying where."""
    kind, rest = sys.argv[1], sys.argv[2:]
    app = hello if kind == "hello" else service(Path(rest[0]))
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    sys.setswitchinterval(TURN)
    config = configuration(app)
    config.lifespan = "off"  # neither has a worker
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
