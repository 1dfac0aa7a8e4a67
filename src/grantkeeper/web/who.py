"""What every handler asks first: which OAuthClient, whose browser, which flow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from grantkeeper.web import outcome
from grantkeeper.web.endings import Names
from grantkeeper.web.face import provider_title

if TYPE_CHECKING:
    from starlette.requests import Request

    from grantkeeper.model import OAuthClient
    from grantkeeper.web.face import Face

_REF: Final = re.compile(r"[0-9a-f]{64}")
"""What names a flow in an address: the hash of its state, worth nothing without the browser's cookie."""


def web_clients(face: Face) -> list[OAuthClient]:
    """Return the OAuthClients that pages are for."""
    return [client for client in face.keeper.clients if client.kind == "web"]


def client_of(request: Request, face: Face) -> OAuthClient:
    """Return the OAuthClient that the path names, or stop."""
    for client in web_clients(face):
        if client.name == request.path_params["client"]:
            return client
    raise outcome.missing()


async def owner_of(request: Request, face: Face) -> str:
    """Return the owner of this browser, or stop: nothing here is for a browser that belongs to nobody (V-31)."""
    owner = await face.owner_of(request)
    if not owner:
        raise face.stranger(face.business)
    return owner


def ref_of(request: Request) -> str:
    """Return the name of the flow that the path names, or stop."""
    ref = str(request.path_params["ref"])
    if not _REF.fullmatch(ref):
        raise outcome.missing()
    return ref


async def names_of(request: Request, face: Face, client: OAuthClient, owner: str) -> Names:
    """Return how to call everybody on a page."""
    return Names(
        business=face.business,
        provider=provider_title(client.provider),
        client=face.title(client.name),
        owner=await face.name_of_owner(request, owner),
    )


def names_at(request: Request, face: Face) -> Names:
    """Return how to call everybody where nothing is certain but the address; the business stands for who is unknown."""
    name = request.path_params.get("client")
    client = next((each for each in web_clients(face) if each.name == name), None)
    return Names(
        business=face.business,
        provider=provider_title(client.provider) if client else face.business,
        client=face.title(client.name) if client else face.business,
        owner=face.business,
    )
