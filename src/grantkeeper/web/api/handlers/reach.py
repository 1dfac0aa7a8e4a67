"""What a key reaches. What it does not is not there: foreign and unknown ids are answered alike (V-45, V-60)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantkeeper.errors import NotAllowed, NotFound

if TYPE_CHECKING:
    from grantkeeper.model import Grant, Link
    from grantkeeper.web.api.operations import Call


def no_grant(grant_id: str) -> NotFound:
    """Return the error for a grant that is not there, or not for this key."""
    return NotFound(f"There is no grant {grant_id!r}.", advice="GET /v1/grants lists those that there are.")


def no_link(link_id: str) -> NotFound:
    """Return the error for a link that is not there, or not for this key."""
    return NotFound(f"There is no link {link_id!r}.", advice="GET /v1/links lists those that there are.")


def no_endpoint(endpoint_id: str) -> NotFound:
    """Return the error for a webhook endpoint that is not there."""
    return NotFound(f"There is no endpoint {endpoint_id!r}.", advice="GET /v1/webhooks lists those that there are.")


def no_delivery(endpoint_id: str, delivery_id: int | None) -> NotFound:
    """Return the error for a delivery that this endpoint does not have."""
    advice = f"GET /v1/webhooks/{endpoint_id}/deliveries lists those that there are."
    return NotFound(f"The endpoint {endpoint_id!r} has no delivery {delivery_id}.", advice=advice)


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
