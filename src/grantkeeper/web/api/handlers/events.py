"""What happened: a page of it, or as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantkeeper.errors import InvalidInput
from grantkeeper.web.api.operations import Answer
from grantkeeper.web.api.values import Page
from grantkeeper.webhooks.message import event_kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantkeeper.model import Event
    from grantkeeper.web.api.operations import Call


async def read(call: Call) -> Answer:
    """Return events after a position, or the stream of them for who accepts text/event-stream."""
    asked, last = call.query, _last(call)
    if asked.kind is not None:
        event_kinds(asked.kind)  # before a stream has begun

    async def after(position: int, limit: int) -> Sequence[Event]:
        found = await call.keeper.events(
            grant_id=asked.grant_id,
            kind=asked.kind,
            owners=call.owners,
            clients=call.clients,
            after=position,
            limit=limit,
        )
        await call.check()  # a stream may be older than the end of its key (V-42)
        return found

    if b"text/event-stream" in call.headers.get(b"accept", b"").lower():
        return Answer(stream=call.ticker.listen(last, after))
    return Answer(body=Page(items=list(await after(asked.after, asked.limit))))


def _last(call: Call) -> int:
    """Return where the stream goes on: a browser that reconnects says it in a header."""
    sent = call.headers.get(b"last-event-id")
    if sent is None:
        return int(call.query.after)
    if not sent.isdigit() or len(sent) > 18:
        raise InvalidInput("Last-Event-ID is not the id of an event.")
    return int(sent)
