"""Tokens: read, refreshed, reported."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from grantkeeper.errors import NotFound
from grantkeeper.model import Secret
from grantkeeper.web.api.handlers.reach import grant_of, no_grant
from grantkeeper.web.api.operations import Answer
from grantkeeper.web.api.values import Token

if TYPE_CHECKING:
    from grantkeeper.model import AccessToken
    from grantkeeper.web.api.operations import Call


async def read(call: Call) -> Answer:
    """Return an access token that lives long enough."""
    grant_id = call.path["grant_id"]
    if call.key.restricted:
        await grant_of(call)
    await _within_budget(call, grant_id)
    try:
        token = await call.keeper.token(grant_id, min_ttl=timedelta(seconds=call.query.min_ttl))
    except NotFound:
        call.keeper.keeper.keys.reads.give_back(call.key, grant_id)
        raise no_grant(grant_id) from None
    return _counted(call, grant_id, token)


async def refresh(call: Call) -> Answer:
    """Refresh now."""
    grant = await grant_of(call)
    await _within_budget(call, grant.id)
    return _counted(call, grant.id, await call.keeper.refresh(grant.id))


async def again(call: Call) -> Answer:
    """Return the present token to who asks for the same refresh once more.

    The one that the refresh brought is not kept: it may be over by now, or its grant revoked, and each token that is
    handed out is counted (V-43).
    """
    grant = await grant_of(call)
    await _within_budget(call, grant.id)
    return _counted(call, grant.id, await call.keeper.token(grant.id))


async def rejected(call: Call) -> Answer:
    """Take a token out of use that an API refused."""
    grant = await grant_of(call)
    await call.keeper.report_rejected(grant.id, Secret(call.body.token))
    return Answer(status=204)


async def _within_budget(call: Call, grant_id: str) -> None:
    """Raise TooManyRequests when the key reads too many tokens; that may be written down, which takes a thread."""
    reads = call.keeper.keeper.keys.reads
    if not reads.within_budget(call.key, grant_id):
        await call.keeper.run(reads.refuse, call.key)


def _counted(call: Call, grant_id: str, token: AccessToken) -> Answer:
    call.keeper.keeper.keys.reads.count(call.key, grant_id)
    return Answer(body=Token.of(token))
