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
    await _count(call, grant_id)
    try:
        token = await call.keeper.token(grant_id, min_ttl=timedelta(seconds=call.query.min_ttl))
    except NotFound:
        call.keeper.keeper.keys.reads.not_read(call.key, grant_id)
        raise no_grant(grant_id) from None
    return _answer(token)


async def refresh(call: Call) -> Answer:
    """Refresh now."""
    grant = await grant_of(call)
    await _count(call, grant.id)
    return _answer(await call.keeper.refresh(grant.id))


async def again(call: Call) -> Answer:
    """Return the present token to who asks for the same refresh once more.

    The one that the refresh brought is not kept: it may be over by now, or its grant revoked, and each token that is
    handed out is counted (V-43).
    """
    grant = await grant_of(call)
    await _count(call, grant.id)
    return _answer(await call.keeper.token(grant.id))


async def rejected(call: Call) -> Answer:
    """Take a token out of use that an API refused."""
    grant = await grant_of(call)
    await call.keeper.report_rejected(grant.id, Secret(call.body.token))
    return Answer(status=204)


async def _count(call: Call, grant_id: str) -> None:
    """Count the read, in memory; raises TooManyRequests, and then it may be written down, which takes a thread."""
    keys = call.keeper.keeper.keys
    if not keys.reads.within_budget(call.key, grant_id):
        await call.keeper.run(keys.reads.note, call.key, grant_id)


def _answer(token: AccessToken) -> Answer:
    return Answer(body=Token.of(token))
