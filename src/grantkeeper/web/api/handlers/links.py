"""Invitations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from grantkeeper.model import Expectation
from grantkeeper.web.api.handlers.reach import check_within, link_of
from grantkeeper.web.api.operations import Answer
from grantkeeper.web.api.serving.cursors import cursor_of, resumed, unknown_cursor
from grantkeeper.web.api.values import ExpectationIn, InvitationOut, Page

if TYPE_CHECKING:
    from grantkeeper.model import Invitation
    from grantkeeper.web.api.operations import Call

_LIST: Final = "links"


async def make(call: Call) -> Answer:
    """Make an invitation."""
    asked = call.body
    check_within(call, owner=asked.owner, client=asked.client)
    expect = asked.expect
    made = await call.keeper.link(
        asked.owner,
        asked.client,
        expires_in=timedelta(seconds=asked.expires_in),
        expect=Expectation(kind=expect.kind, value=expect.value) if isinstance(expect, ExpectationIn) else expect,
        confirm=asked.confirm,
        return_to=asked.return_to,
        picker=None if asked.picker is None else asked.picker.value(),
        language=asked.language,
        message=asked.message,
        grant_id=asked.grant_id,
        other_account=asked.other_account,
        code=asked.code,
        by=call.by,
    )
    return Answer(body=_out(made), status=201)


async def listed(call: Call) -> Answer:
    """Return a page of links, newest first."""
    asked, position = resumed(_LIST, call.query)
    found = await call.keeper.run(
        call.keeper.keeper.links.page,
        owner=asked.owner,
        client=asked.client,
        statuses=None if asked.status is None else (asked.status,),
        owners=call.owners,
        clients=call.clients,
        before=_before(position),
        limit=asked.limit,
    )
    more = len(found) == asked.limit
    place = f"{found[-1].created_at.isoformat()} {found[-1].id}" if more else ""
    return Answer(body=Page(items=found, next=cursor_of(_LIST, asked, place) if more else None))


async def one(call: Call) -> Answer:
    """Return a link."""
    return Answer(body=await link_of(call))


async def address(call: Call) -> Answer:
    """Return the address of a link that is open, once more."""
    link = await link_of(call)
    return Answer(body=_out(await call.keeper.run(call.keeper.keeper.links.invitation, link.id)))


async def revoke(call: Call) -> Answer:
    """Withdraw a link."""
    link = await link_of(call)
    return Answer(body=await call.keeper.run(call.keeper.keeper.links.revoke, link.id, by=call.by))


def _before(position: str) -> tuple[datetime, str] | None:
    if not position:
        return None
    at, _, link_id = position.partition(" ")
    try:
        found = datetime.fromisoformat(at)
        in_utc = found.astimezone(UTC)
    except (ValueError, OverflowError):  # it is none, or in UTC there is no such year
        raise unknown_cursor() from None
    if found.tzinfo is None:
        raise unknown_cursor()
    return in_utc, link_id


def _out(made: Invitation) -> InvitationOut:
    return InvitationOut(link=made.link, url=made.url, code=None if made.code is None else made.code.reveal())
