"""One grant: all that is known of it, and what can be done."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from grantkeeper.errors import Conflict, InvalidInput
from grantkeeper.model import Grant, GrantStatus
from grantkeeper.web.dashboard import words
from grantkeeper.web.dashboard.rooms.shown import address

if TYPE_CHECKING:
    from starlette.responses import Response

    from grantkeeper.web.dashboard.visit import Visit

ACCOUNTS_SHOWN: Final = 200
"""Accounts of a grant on its page; the rest is counted."""
SIBLINGS_SHOWN: Final = 100


async def show_grant(visit: Visit) -> Response:
    """Show a grant, its history and what can be done."""
    known = await visit.run(visit.verbs.overview.known, visit.part("grant"))
    grant: Grant = known.listed.grant
    uses = await visit.run(visit.verbs.keys.uses, grant_id=grant.id)
    names = {each.id: each.name for each in await visit.run(visit.verbs.keys.all)} if uses else {}
    people = {f"operator:{each.id}": each.email for each in await visit.run(visit.verbs.operators.all)}
    living = [each for each in known.accounts if each.lost_at is None]
    return visit.page(
        "grant.html",
        grant=grant,
        listed=known.listed,
        link=known.link,
        allowed=visit.desk.words(grant.client, grant.scopes - grant.extra),
        missing=visit.desk.words(grant.client, grant.missing),
        accounts=sorted(living, key=lambda each: (not each.shared, each.kind, each.name.casefold()))[:ACCOUNTS_SHOWN],
        reached=len(living),
        shared=sum(each.shared for each in living),
        lost=len(known.accounts) - len(living),
        history=_history(known, people),
        uses=[(each, names.get(each.key_id, each.key_id)) for each in uses],
    )


async def confirm(visit: Visit) -> Response:
    """Say that the right person consented: the one whom the page showed, by the version that it showed."""
    grant_id = visit.part("grant")
    await visit.run(visit.verbs.confirm, grant_id, version=_version(visit), by=visit.by)
    return visit.go(f"/grants/{grant_id}", "confirmed")


async def refresh(visit: Visit) -> Response:
    """Ask the provider for a new access token now."""
    grant_id = visit.part("grant")
    grant = await visit.desk.keeper.get(grant_id)
    await visit.run(visit.verbs.audit.note, "grant.refresh", f"grant:{grant.id}", owner=grant.owner, by=visit.by)
    await visit.desk.keeper.refresh(grant.id)
    return visit.go(f"/grants/{grant.id}", "refreshed")


async def reconnect(visit: Visit) -> Response:
    """Make a link by which the owner consents again, and show its address."""
    grant = await visit.desk.keeper.get(visit.part("grant"))
    if grant.status is GrantStatus.REVOKED:
        raise InvalidInput("This grant was disconnected for good.", advice="Make a new link for its owner.")
    made = await visit.run(
        visit.verbs.link, grant.owner, grant.client, grant_id=grant.id, expires_in=timedelta(days=7), by=visit.by
    )
    return address(visit, made, back=f"/grants/{grant.id}")


async def before_end(visit: Visit) -> Response:
    """Show what disconnecting a grant ends."""
    return await _before_end(visit, changed=False)


async def end(visit: Visit) -> Response:
    """Disconnect, when it ends what the page said that it ends."""
    grant = await visit.desk.keeper.get(visit.part("grant"))
    siblings = await visit.desk.keeper.siblings(grant.id)
    choice = visit.fields.get("siblings", "keep")
    if choice not in ("keep", "end"):
        raise InvalidInput("Choose what happens to the other grants.")
    if visit.fields.get("seen") != _seen(grant, siblings):
        return await _before_end(visit, changed=True)
    try:
        done = await visit.desk.keeper.revoke(
            grant.id, siblings="end" if choice == "end" else "keep", version=grant.version, by=visit.by
        )
    except Conflict:
        return await _before_end(visit, changed=True)
    return visit.go(f"/grants/{grant.id}", done.at_provider)


async def _before_end(visit: Visit, *, changed: bool) -> Response:
    found = visit.desk.keeper
    grant, siblings = await asyncio.gather(found.get(visit.part("grant")), found.siblings(visit.part("grant")))
    same = [each for each in siblings if grant.identified and each.identified]
    return visit.page(
        "disconnect.html",
        status=409 if changed else 200,
        grant=grant,
        same=same[:SIBLINGS_SHOWN],
        perhaps=[each for each in siblings if each not in same][:SIBLINGS_SHOWN],
        count=len(siblings),
        seen=_seen(grant, siblings),
        changed=changed,
    )


def _seen(grant: Grant, siblings: tuple[Grant, ...]) -> str:
    """Return what names a grant and those that end with it: whoever agrees, agrees to just these."""
    text = "\n".join((grant.id, grant.status, *sorted(each.id for each in siblings)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _version(visit: Visit) -> int:
    written = visit.fields.get("version", "")
    if not (written.isascii() and written.isdigit() and len(written) < 19):
        raise InvalidInput("The form is not the one of this page.", advice="Open the page again.")
    return int(written)


def _history(known: Any, people: dict[str, str]) -> list[tuple[Any, str, str, Any]]:
    """Return events and audit entries as one list, the latest first: time, what, who, data."""
    events = [(each.at, words.event(each.kind), "", dict(each.data)) for each in known.events]
    audit = [
        (each.at, words.action(each.action), people.get(each.actor, each.actor), {**each.data, **each.personal})
        for each in known.audit
    ]
    return sorted([*events, *audit], key=lambda each: each[0], reverse=True)
