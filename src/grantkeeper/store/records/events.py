"""Events, in the order in which they were written."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, insert, select

from ...errors import SealBroken, printable
from ...model import Event
from .. import tables
from ..rows import checked, instant, moment, searchable
from .access import Access

_EVENT: Final = tables.event.columns
_INSERT: Final = insert(tables.event)
_MALFORMED: Final = (TypeError, ValueError, OverflowError)


def write(connection: Connection, event: Event) -> None:
    """Write an event in the transaction of what it tells of."""
    connection.execute(_INSERT, _values(event))


def is_written(connection: Connection, event: Event) -> bool:
    """Tell whether this event is in the database; two of one grant at the same microsecond are taken for one."""
    values = _values(event)
    statement = select(_EVENT.id).where(*(_EVENT[name] == values[name] for name in ("grant_id", "kind", "at")))
    return connection.execute(statement.limit(1)).first() is not None


class Events:
    """Implements `EventStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, event: Event) -> None:
        """Write one event that no change goes with."""
        values = _values(event)
        # Twice is better than never: a COMMIT whose answer was lost is made again.
        self._access.written(lambda connection: connection.execute(_INSERT, values).rowcount, None)

    def read(
        self, *, grant_id: str | None = None, kind: str | None = None, after: int = 0, limit: int = 100
    ) -> list[Event]:
        """Return events that match all that is given, those with an id greater than `after`, oldest first."""
        wanted = {"grant_id": grant_id, "kind": kind}
        given = {name: searchable(value) for name, value in wanted.items() if value is not None}
        matches = [_EVENT[name] == bindparam(name) for name in given]
        statement = select(*tables.event.columns).where(_EVENT.id > bindparam("after"), *matches)
        found = self._access.read(statement.order_by(_EVENT.id).limit(limit), {**given, "after": after})
        return [_event(columns) for columns in found]


def _values(event: Event) -> dict[str, Any]:
    return checked(
        {
            "kind": event.kind,
            "at": instant(event.at),
            "grant_id": event.grant_id,
            "owner": event.owner,
            "client": event.client,
            "data": msgspec.json.encode(event.data).decode(),
        }
    )


def _event(columns: Row[Any]) -> Event:
    """Return the event; raises SealBroken when somebody altered it."""
    try:
        at = moment(columns.at)
        assert at is not None  # noqa: S101 - the column takes no NULL
        return Event(
            id=columns.id,
            position=columns.position or 0,
            kind=columns.kind,
            at=at,
            grant_id=columns.grant_id,
            owner=columns.owner,
            client=columns.client,
            data=msgspec.json.decode(columns.data, type=dict[str, Any]),
        )
    except _MALFORMED:
        problem = SealBroken(f"Event {printable(str(columns.id), 20)} holds a value of a wrong type.")
    raise problem
