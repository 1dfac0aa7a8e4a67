"""From an event to its deliveries, in the transaction that gives it its position."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select

from ... import tables

_ENDPOINT: Final = tables.endpoint.columns
_ENABLED: Final = select(_ENDPOINT.id, _ENDPOINT.kinds).where(_ENDPOINT.status == "enabled")
_INSERT: Final = insert(tables.delivery)


def fan_out(connection: Connection, events: Iterable[Any]) -> None:
    """Make a delivery of each event (id, kind, at) for each enabled endpoint that wants its kind, due since then.

    An endpoint whose row somebody altered gets none: it must not stop everybody's events.
    """
    made: list[dict[str, Any]] = []
    for endpoint in connection.execute(_ENABLED).all():
        kinds = _kinds(endpoint.kinds)
        if kinds is None:
            continue
        made += [
            {
                "endpoint_id": endpoint.id,
                "event_id": event.id,
                "kind": event.kind,
                "status": "waiting",
                "attempts": 0,
                "due_at": event.at,
                "created_at": event.at,
                "last_error": "",
            }
            for event in events
            if not kinds or event.kind in kinds
        ]
    if made:
        connection.execute(_INSERT, made)


def _kinds(written: str) -> frozenset[str] | None:
    try:
        return frozenset(msgspec.json.decode(written, type=list[str]))
    except (msgspec.MsgspecError, TypeError, UnicodeDecodeError):
        return None
