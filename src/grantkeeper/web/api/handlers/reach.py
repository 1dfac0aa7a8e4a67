"""What a key reaches. What it does not is not there: foreign and unknown ids are answered alike (V-45, V-60)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from grantkeeper.errors import InvalidInput, NotAllowed, NotFound

if TYPE_CHECKING:
    from grantkeeper.model import Grant, Link
    from grantkeeper.web.api.operations import Call


def no_grant(grant_id: str) -> NotFound:
    """Return the error for a grant that is not there, or not for this key."""
    return NotFound(f"There is no grant {grant_id!r}.", advice="GET /v1/grants lists those that there are.")


def no_link(link_id: str) -> NotFound:
    """Return the error for a link that is not there, or not for this key."""
    return NotFound(f"There is no link {link_id!r}.", advice="GET /v1/links lists those that there are.")


async def grant_of(call: Call) -> Grant:
    """Return the grant that the path names; raises NotFound."""
    grant_id = call.path["grant_id"]
    try:
        grant = await call.keeper.get(grant_id)
    except NotFound:
        raise no_grant(grant_id) from None
    if not call.key.reaches(owner=grant.owner, client=grant.client):
        raise no_grant(grant_id)
    return grant


async def link_of(call: Call) -> Link:
    """Return the link that the path names; raises NotFound."""
    link_id = call.path["link_id"]
    try:
        link = await call.keeper.run(call.keeper.keeper.links.get, link_id)
    except NotFound:
        raise no_link(link_id) from None
    if not call.key.reaches(owner=link.owner, client=link.client):
        raise no_link(link_id)
    return link


def check_within(call: Call, *, owner: str, client: str) -> None:
    """Raise NotAllowed for what is to be made for an owner or a client that the key is not for."""
    if not call.key.reaches(owner=owner, client=client):
        raise NotAllowed("This API key is not for this owner or OAuth client.", advice="Use the key that is.")


def cursor_of(text: str) -> str:
    """Return a position as it is sent: whoever gets it passes it on and reads nothing in it."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def position_of(cursor: str | None) -> str:
    """Return what `cursor_of` was given, "" for none; raises InvalidInput."""
    if cursor is None:
        return ""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidInput("cursor is not one that this list gave.", advice="Begin without one.") from None
