"""Who asks for tokens: one face for grantkeeper and its peers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from grantkeeper.http import HttpTransport
from grantkeeper.keeper.authority import DEADLINE
from grantkeeper.model import Secret
from grantkeeper.oauth.token import refresh_request

from .grants import client_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """`add` makes a grant whose token has expired and returns its key; `ask` is called by thread number `n` and returns
    a token; `again` refreshes once more with what is stored, and raises when that does not work.
    """

    name: str
    add: Callable[[], str]
    ask: Callable[[str, int], object]
    again: Callable[[str], object]


Opened = Callable[[ExitStack], Asker]
"""Opens an asker; what it holds is closed with the stack."""


def send_refresh(endpoint: str, refresh_token: str) -> None:
    """Send one refresh; raises when it is refused."""
    client, transport = client_at(endpoint), HttpTransport()
    request = refresh_request(client, secret=client.client_secrets[0], refresh_token=Secret(refresh_token))
    status = transport.send(request, deadline=DEADLINE).status
    transport.close()
    if status != 200:
        raise LookupError(f"HTTP status {status}")
