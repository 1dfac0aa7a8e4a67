"""What runs the service: OAuth clients, keys, the audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from grantkeeper.web.api.operations import Answer
from grantkeeper.web.api.values import ClientOut, NewKeyOut, Page

if TYPE_CHECKING:
    from grantkeeper.web.api.operations import Call


async def clients(call: Call) -> Answer:
    """Return the OAuth clients that the key sees, and whether they work."""
    states = {state.client: state for state in await call.keeper.run(call.keeper.keeper.health.states)}
    items = []
    for each in call.keeper.clients:
        if call.key.clients is None or each.name in call.key.clients:
            state = states.get(each.name)
            items.append(
                ClientOut(
                    name=each.name,
                    provider=each.provider.called,
                    kind=each.kind,
                    scopes=list(each.scopes),
                    optional_scopes=list(each.optional_scopes),
                    failing_since=state.failing_since if state else None,
                    why=state.why if state else "",
                )
            )
    return Answer(body=Page(items=items))


async def keys(call: Call) -> Answer:
    """Return every key."""
    return Answer(body=Page(items=await call.keeper.run(call.keeper.keeper.keys.all)))


async def make_key(call: Call) -> Answer:
    """Make a key."""
    asked = call.body
    made = await call.keeper.run(
        call.keeper.keeper.keys.create,
        asked.name,
        asked.scopes,
        owners=asked.owners,
        clients=asked.clients,
        expires_in=None if asked.expires_in is None else timedelta(seconds=asked.expires_in),
        distinct_per_minute=asked.distinct_per_minute,
        by=call.by,
    )
    return Answer(body=NewKeyOut(key=made.key, secret=made.secret.reveal()), status=201)


async def revoke_key(call: Call) -> Answer:
    """End a key."""
    return Answer(body=await call.keeper.run(call.keeper.keeper.keys.revoke, call.path["key_id"], by=call.by))


async def audit(call: Call) -> Answer:
    """Return entries of the audit log."""
    asked = call.query
    found = await call.keeper.run(
        call.keeper.keeper.audit.read,
        target=asked.target,
        actor=asked.actor,
        owner=asked.owner,
        after=asked.after,
        limit=asked.limit,
    )
    return Answer(body=Page(items=list(found)))
