"""Webhook endpoints: who is told of events, and how that goes. They belong to no owner."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from grantkeeper.errors import InvalidInput, NotFound
from grantkeeper.web.api.handlers.reach import no_delivery, no_endpoint
from grantkeeper.web.api.operations import Answer
from grantkeeper.web.api.serving.cursors import cursor_of, resumed, unknown_cursor
from grantkeeper.web.api.values import NewEndpointOut, Page, ReplayedOut, RotatedOut, TriedOut

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from grantkeeper.model import Endpoint
    from grantkeeper.web.api.operations import Call

T = TypeVar("T")
_LONGEST_NUMBER: Final = 18


async def listed(call: Call) -> Answer:
    """Return every endpoint."""
    return Answer(body=Page(items=await call.keeper.run(call.keeper.keeper.webhooks.all)))


async def add(call: Call) -> Answer:
    """Add an endpoint."""
    asked = call.body
    endpoint, secret = await call.keeper.run(
        call.keeper.keeper.webhooks.add, asked.url, kinds=asked.kinds, description=asked.description, by=call.by
    )
    return Answer(body=NewEndpointOut(endpoint=endpoint, secret=secret.reveal()), status=201)


async def one(call: Call) -> Answer:
    """Return an endpoint."""
    return Answer(body=await _known(call, call.keeper.run(call.keeper.keeper.webhooks.get, _id(call))))


async def change(call: Call) -> Answer:
    """Change what is given of an endpoint."""
    asked, desk = call.body, call.keeper.keeper.webhooks
    new = {name: getattr(asked, name) for name in ("url", "kinds", "description") if getattr(asked, name) is not None}
    if not new and asked.status is None:
        raise InvalidInput("Nothing is to be changed.", advice="Send url, kinds, description or status.")
    if new:
        changed = await _known(call, call.keeper.run(desk.change, _id(call), by=call.by, **new))
    if asked.status is not None:
        changed = await _switched(call, asked.status)
    return Answer(body=changed)


async def _switched(call: Call, status: str) -> Endpoint:
    desk = call.keeper.keeper.webhooks
    verb = desk.enable if status == "enabled" else desk.disable
    return await _known(call, call.keeper.run(verb, _id(call), by=call.by))


async def rotate(call: Call) -> Answer:
    """Make a new secret; the old one signs beside it for a while."""
    overlap = timedelta(seconds=call.body.overlap)
    secret = await _known(
        call, call.keeper.run(call.keeper.keeper.webhooks.rotate, _id(call), overlap=overlap, by=call.by)
    )
    return Answer(body=RotatedOut(secret=secret.reveal(), overlap=call.body.overlap))


async def remove(call: Call) -> Answer:
    """Delete an endpoint and its deliveries."""
    await _known(call, call.keeper.run(call.keeper.keeper.webhooks.remove, _id(call), by=call.by))
    return Answer(status=204)


async def test(call: Call) -> Answer:
    """Post a test message now, and say how that went."""
    attempt = await _known(call, call.keeper.call(call.keeper.keeper.webhooks.test, _id(call)))
    return Answer(body=TriedOut(delivered=not attempt.error, error=attempt.error, status=attempt.status))


async def deliveries(call: Call) -> Answer:
    """Return a page of an endpoint's deliveries, newest first."""
    name = f"deliveries {_id(call)}"
    asked, position = resumed(name, call.query)
    found = await _known(
        call,
        call.keeper.run(
            call.keeper.keeper.webhooks.deliveries,
            _id(call),
            status=asked.status,
            before=_before(position),
            limit=asked.limit,
        ),
    )
    more = len(found) == asked.limit
    return Answer(body=Page(items=found, next=cursor_of(name, asked, str(found[-1].id)) if more else None))


async def replay(call: Call) -> Answer:
    """Post again one delivery, or all that are dead."""
    wanted, desk = call.body.delivery_id, call.keeper.keeper.webhooks
    await _known(call, call.keeper.run(desk.get, _id(call)))
    try:
        count = await call.keeper.run(desk.replay, _id(call), delivery_id=wanted, by=call.by)
    except NotFound:
        raise no_delivery(_id(call), wanted) from None
    return Answer(body=ReplayedOut(replayed=count))


async def _known(call: Call, answer: Awaitable[T]) -> T:
    """Return what a verb answers; an endpoint that is not there is told in the words of this API."""
    try:
        return await answer
    except NotFound:
        raise no_endpoint(_id(call)) from None


def _id(call: Call) -> str:
    return call.path["endpoint_id"]


def _before(position: str) -> int | None:
    if not position:
        return None
    if not position.isascii() or not position.isdigit() or len(position) > _LONGEST_NUMBER:
        raise unknown_cursor()
    return int(position)
