"""From an event to its deliveries, in the transaction that gives it its position."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select

from ... import tables

_ENDPOINT: Final = tables.endpoint.columns
_ENABLED: Final = select(_ENDPOINT.id, _ENDPOINT.kinds).where(_ENDPOINT.status == "enabled")
_INSERT: Final = insert(tables.delivery)


def fan_out(connection: Connection, events: Sequence[tuple[int, str]]) -> None:
    """Make a delivery, due at once, of each event (id, kind) for each enabled endpoint that wants its kind."""
    now = time.time_ns() // 1000
    made: list[dict[str, Any]] = []
    for endpoint in connection.execute(_ENABLED).all():
        kinds = frozenset(msgspec.json.decode(endpoint.kinds, type=list[str]))
        made += [
            {
                "endpoint_id": endpoint.id,
                "event_id": event_id,
                "kind": kind,
                "status": "waiting",
                "attempts": 0,
                "due_at": now,
                "created_at": now,
                "last_error": "",
            }
            for event_id, kind in events
            if not kinds or kind in kinds
        ]
    if made:
        connection.execute(_INSERT, made)
