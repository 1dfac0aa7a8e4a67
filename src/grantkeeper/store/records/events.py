"""Events, in the order in which they became visible."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, bindparam, cast, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import REGCLASS

from ...errors import SealBroken, printable
from ...model import NOTHING, Beside, Event, Mark
from .. import tables
from ..rows import checked, instant, moment, searchable
from .access import Access
from .audit.log import append
from .webhooks.outbox import fan_out

BATCH: Final = 1000
"""Events that are given their positions in one transaction."""

LOOKED_AT: Final = 100_000
"""So many events, the first ones, are looked at for old ones: no index is of times, and all may be millions. They are
in order but for those of a clock that was ahead, and those are fewer: a day of it at one event a second."""

_EVENT: Final = tables.event.columns
_OF_EVENTS: Final = tables.head.c.name == "event"
_HEAD_NUMBER: Final = select(tables.head.c.number).where(_OF_EVENTS)
_LOCK_HEAD: Final = _HEAD_NUMBER.with_for_update()
_MOVE_HEAD: Final = update(tables.head).where(_OF_EVENTS)
_GIVEN: Final = _EVENT.position <= _HEAD_NUMBER.scalar_subquery()
"""Whoever went on from a position that somebody wrote by hand would miss what happens from then on (R-52)."""
_MARKS: Final = (
    select(_EVENT.position, _EVENT.id, _EVENT.at, _EVENT.grant_id)
    .where(_EVENT.position >= bindparam("since"), _GIVEN)
    .order_by(_EVENT.position)
)
_UNSETTLED: Final = (
    select(_EVENT.id, _EVENT.kind, _EVENT.at).where(_EVENT.position.is_(None)).order_by(_EVENT.id).limit(BATCH)
)
_FIRST: Final = (
    select(_EVENT.id, _EVENT.at)
    .where(_EVENT.position.is_not(None))
    .order_by(_EVENT.position)
    .limit(LOOKED_AT)
    .subquery("first")
)
_ANY_UNSETTLED: Final = select(_EVENT.id).where(_EVENT.position.is_(None)).limit(1)
_SET_POSITION: Final = (
    update(tables.event).where(_EVENT.id == bindparam("key")).values(position=bindparam("new_position"))
)
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
    """Implements `EventStore`.

    Ids are given when an event is written, which may be long before it is committed: whoever went on from the last id
    that they saw would miss those of transactions that took longer. So each event gets a position once it is
    committed, one after the other under the lock of one row; whoever goes on from a position misses nothing.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, event: Event, beside: Beside = NOTHING) -> None:
        """Write one event that no change goes with, and the audit entries of what it tells of."""
        values = _values(event)

        def work(connection: Connection) -> int:
            written = connection.execute(_INSERT, values).rowcount
            if beside.audit and beside.mac is not None:
                append(connection, beside.audit, beside.mac)
            return written

        # Twice is better than never: a COMMIT whose answer was lost is made again.
        self._access.written(work, None)

    def last(self) -> int:
        """Return the position of the newest event that has one, 0 before there is any."""
        return int(self._access.read(_HEAD_NUMBER, {})[0].number)

    def read(
        self,
        *,
        grant_id: str | None = None,
        kind: str | None = None,
        owners: Sequence[str] | None = None,
        clients: Sequence[str] | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[Event]:
        """Return events that match all that is given, those with a position greater than `after`, in that order."""
        self.settle()
        wanted = {"grant_id": grant_id, "kind": kind}
        given = {name: searchable(value) for name, value in wanted.items() if value is not None}
        matches: list[ColumnElement[bool]] = [_EVENT[name] == bindparam(name) for name in given]
        for column, values in ((_EVENT.owner, owners), (_EVENT.client, clients)):
            if values is not None:
                matches.append(column.in_([searchable(value) for value in values]))
        statement = select(*tables.event.columns).where(_EVENT.position > bindparam("after"), _GIVEN, *matches)
        given_after = {**given, "after": after}
        return self._access.readable(statement.order_by(_EVENT.position), given_after, event_of, limit)

    def marks(self, *, since: int, limit: int) -> list[Mark]:
        """Return the marks of events with at least this position, in that order, also of what cannot be read."""
        self.settle()
        return [_mark(columns) for columns in self._access.read(_MARKS.limit(limit), {"since": since})]

    def settle(self) -> None:
        """Give every committed event its position, and make the deliveries of those that endpoints want."""
        while self._access.read(_ANY_UNSETTLED, {}):
            self._access.written(_settle, None)

    def skip_to(self, number: int) -> None:
        """Give no id and no position up to this number from now on."""

        def skip(connection: Connection) -> int:
            last = connection.execute(_LOCK_HEAD).scalar_one()
            connection.execute(_MOVE_HEAD, {"number": max(last, number)})
            _skip_ids(connection, number)
            return 1

        self._access.written(skip, None)  # a second time it is so already

    def prune(self, *, before: datetime, limit: int = 1000) -> int:
        """Delete events of before then that have a position, oldest first; returns how many.

        Only the first by position are looked at, and before anybody who writes has to wait for it. One of a clock that
        was ahead, or whose time is none, keeps no other.
        """
        found = self._access.read(select(_FIRST.c.id).where(_FIRST.c.at < instant(before)).limit(limit), {})
        if not found:
            return 0
        gone = delete(tables.event).where(_EVENT.id.in_([each.id for each in found]), _EVENT.at < instant(before))
        return self._access.written(lambda connection: connection.execute(gone).rowcount, None)


def _settle(connection: Connection) -> int:
    """Number a batch of events, alone; whoever comes at the same time finds them numbered."""
    last = connection.execute(_LOCK_HEAD).scalar_one()
    found = connection.execute(_UNSETTLED).all()
    if not found:
        return 0
    numbered = [{"key": row.id, "new_position": last + count} for count, row in enumerate(found, 1)]
    connection.execute(_SET_POSITION, numbered)
    fan_out(connection, found)
    connection.execute(_MOVE_HEAD, {"number": last + len(found)})
    return len(found)


def _skip_ids(connection: Connection, number: int) -> None:
    """Let the counter of ids go on from here: it does by itself once there was such an id, but on PostgreSQL."""
    if connection.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(tables.event.name, "id")
        given = connection.execute(select(func.pg_sequence_last_value(cast(sequence, REGCLASS)))).scalar() or 0
        highest = max(connection.execute(select(func.max(_EVENT.id))).scalar() or 0, number)
        if highest > given:  # never back: the events that had those ids may be deleted
            connection.execute(select(func.setval(sequence, highest)))
        return
    if connection.execute(select(_EVENT.id).where(_EVENT.id >= number).limit(1)).first() is None:
        nothing = {"id": number, "kind": "", "at": 0, "grant_id": "", "owner": "", "client": "", "data": "{}"}
        connection.execute(_INSERT, nothing)
        connection.execute(delete(tables.event).where(_EVENT.id == number))


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


def _mark(columns: Row[Any]) -> Mark:
    grant_id = columns.grant_id if isinstance(columns.grant_id, str) else ""
    return Mark(position=columns.position, id=columns.id, at=columns.at, grant_id=grant_id)


def event_of(columns: Row[Any]) -> Event:
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
