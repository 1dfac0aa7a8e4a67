"""Grants: listed, looked at, confirmed, ended; and what they reach."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from grantkeeper.errors import Conflict, InvalidInput, NotAllowed
from grantkeeper.web.api.handlers.reach import grant_of
from grantkeeper.web.api.operations import Answer
from grantkeeper.web.api.problems import Refused
from grantkeeper.web.api.serving.cursors import cursor_of, resumed
from grantkeeper.web.api.values import Page

if TYPE_CHECKING:
    from grantkeeper.model import Grant
    from grantkeeper.web.api.operations import Call

_LIST: Final = "grants"
_ETAG: Final = re.compile(rb'"v([1-9][0-9]{0,17})"')


async def listed(call: Call) -> Answer:
    """Return a page of grants."""
    asked, position = resumed(_LIST, call.query)
    found = await call.keeper.run(
        call.keeper.keeper.page,
        owner=asked.owner,
        client=asked.client,
        email=asked.email,
        status=asked.status,
        owners=call.owners,
        clients=call.clients,
        after=position,
        limit=asked.limit,
    )
    more = len(found) == asked.limit
    return Answer(body=Page(items=found, next=cursor_of(_LIST, asked, found[-1].id) if more else None))


async def one(call: Call) -> Answer:
    """Return a grant."""
    return _tagged(await grant_of(call))


async def siblings(call: Call) -> Answer:
    """Return what else a revocation at the provider would end; of others' grants, only as many as the key sees."""
    grant = await grant_of(call)
    found = await call.keeper.siblings(grant.id)
    return Answer(body=Page(items=[each for each in found if call.key.reaches(owner=each.owner, client=each.client)]))


async def confirm(call: Call) -> Answer:
    """Say that the right person consented."""
    grant = await grant_of(call)
    wanted, version = _wanted(call), call.body.version if call.body else None
    if wanted is not None and version is not None and wanted != version:
        raise InvalidInput("If-Match and version name two versions.")
    try:
        done = await call.keeper.confirm(
            grant.id, proof=call.body.proof if call.body else None, version=wanted or version, by=call.by
        )
    except Conflict:
        if wanted is not None:
            raise _changed() from None
        raise
    return _tagged(done)


async def revoke(call: Call) -> Answer:
    """End a grant."""
    grant, wanted, version = await grant_of(call), _wanted(call), call.query.version
    if wanted is not None and version is not None and wanted != version:
        raise InvalidInput("If-Match and version name two versions.")
    if call.query.siblings == "end" and call.key.restricted:
        await _check_siblings(call, grant)
    try:
        done = await call.keeper.revoke(grant.id, siblings=call.query.siblings, version=wanted or version, by=call.by)
    except Conflict:
        if wanted is not None:
            raise _changed() from None
        raise
    return Answer(body=done)


async def history(call: Call) -> Answer:
    """Return what happened to a grant."""
    grant = await grant_of(call)
    found = await call.keeper.events(grant_id=grant.id, after=call.query.after, limit=call.query.limit)
    return Answer(body=Page(items=found))


async def accounts(call: Call) -> Answer:
    """Return what a grant reaches."""
    grant, asked = await grant_of(call), call.query
    found = await call.keeper.accounts(grant.id, kind=asked.kind, search=asked.search, include=asked.include)
    return Answer(body=Page(items=found))


async def account(call: Call) -> Answer:
    """Return one shared account."""
    grant, asked = await grant_of(call), call.query
    return Answer(body=await call.keeper.account(grant.id, kind=asked.kind, account_id=asked.account_id))


async def looks(call: Call) -> Answer:
    """Return when each kind of account was looked for."""
    grant = await grant_of(call)
    return Answer(body=Page(items=await call.keeper.looks(grant.id)))


async def _check_siblings(call: Call, grant: Grant) -> None:
    """Raise NotAllowed when ending them all would end what the key must not know of (V-60)."""
    found = await call.keeper.siblings(grant.id)
    if not all(call.key.reaches(owner=each.owner, client=each.client) for each in found):
        raise NotAllowed(
            "This API key may not end every grant that would end with this one.",
            advice="End it with siblings=keep, or use a key without a restriction.",
        )


def _tagged(grant: Grant) -> Answer:
    return Answer(body=grant, headers=(("etag", f'"v{grant.version}"'),))


def _wanted(call: Call) -> int | None:
    """Return the version that If-Match names (RFC 9110 13.1.1), None for any; what is none of ours matches nothing."""
    sent = call.headers.get(b"if-match", b"*").strip()
    if sent == b"*":
        return None
    found = _ETAG.fullmatch(sent)
    if found is None:
        raise _changed()
    return int(found[1])


def _changed() -> Refused:
    return Refused(412, "changed", "The grant is not of the version that If-Match names: read it again.")
