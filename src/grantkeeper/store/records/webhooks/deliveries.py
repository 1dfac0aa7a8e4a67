"""Deliveries: claimed, tried, ended, replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Row,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    not_,
    null,
    or_,
    select,
    update,
)

from ....errors import SealBroken
from ....model import NOTHING, Beside, Delivery, Due, EndpointRow
from ... import tables
from ...rows import instant, or_none, searchable
from ..beside import write_beside
from ..events import event_of
from .endpoints import Endpoints
from .rows import delivery_of, endpoint_row

UNREADABLE: Final = "unreadable"
"""`last_error` of a delivery whose event is gone, or was altered: nobody could ever post it (R-52)."""

UNRECORDED: Final = "unrecorded"
"""`last_error` of a delivery that was taken as often as any is, and nobody wrote down how that went."""

_HELD_AT_MOST: Final = timedelta(hours=2)
"""Nobody is held for longer, an hour is the most that is asked for: a clock was ahead when that was written."""

_LEASED_AT_MOST: Final = timedelta(minutes=10)
_WAITS_AT_MOST: Final = timedelta(hours=30)
"""Nothing is due later than this: what was never tried is claimed for minutes, the longest wait is a day and some."""

_NOTED_EACH: Final = timedelta(minutes=1)
"""That a delivery succeeded is written into its endpoint's row so often: thousands a minute would wait for its lock."""

_ENDPOINT: Final = tables.endpoint.columns
_DELIVERY: Final = tables.delivery.columns
_WAITING: Final = _DELIVERY.status == "waiting"
_ENABLED: Final = select(tables.endpoint).where(_ENDPOINT.status == "enabled").order_by(_ENDPOINT.id)
_WANTED: Final = select(_DELIVERY.id).where(_DELIVERY.endpoint_id == _ENDPOINT.id).correlate(tables.endpoint)
_FREE: Final = update(tables.endpoint).where(_ENDPOINT.id == bindparam("key")).values(held_until=None)
_TAKE: Final = (
    update(tables.delivery)
    .where(_DELIVERY.id == bindparam("key"))
    .values(attempts=bindparam("count"), due_at=bindparam("until"))
)
_ENDED: Final = {"due_at": None, "status": "dead"}


class Webhooks(Endpoints):
    """Implements `WebhookStore`."""

    def ready(self, *, now: datetime) -> list[EndpointRow]:
        """Return endpoints that are enabled, not held, and have something due; one look-up while nothing is.

        An endpoint whose row somebody altered stops no other.
        """
        due = _DELIVERY.due_at <= instant(now)
        if not self._access.read(select(_DELIVERY.id).where(due).limit(1), {}):
            return []
        held = _ENDPOINT.held_until.between(instant(now) + 1, instant(now + _HELD_AT_MOST))
        free = or_(_ENDPOINT.held_until.is_(None), not_(held))
        return self._access.readable(_ENABLED.where(free, exists(_WANTED.where(due))), {}, endpoint_row)

    def claim(self, row: EndpointRow, *, now: datetime, leases: Sequence[timedelta], limit: int) -> list[Due]:
        """Take deliveries of an endpoint that are due, the oldest first, each for one caller until its lease ends.

        That counts as an attempt at once, for whoever takes one may die of it: the lease is the longer the more there
        were, and one that was taken as often as there are leases is dead. What is returned has the count of before.

        A COMMIT whose answer was lost may leave some to nobody until then.
        """
        due = _DELIVERY.endpoint_id == row.endpoint.id, _DELIVERY.due_at <= instant(now), _WAITING
        wanted = select(tables.delivery).where(*due).order_by(_DELIVERY.due_at, _DELIVERY.id).limit(limit)
        taken: list[Due] = []

        def take(connection: Connection) -> int:
            found = connection.execute(wanted.with_for_update(skip_locked=True)).all()
            taken[:] = _with_events(connection, row, found, now=now, leases=leases)
            if taken:
                connection.execute(_TAKE, [_counted(each.delivery) for each in taken])
            return len(taken)

        self._access.written(take, None)
        return taken

    def put_back(self, claimed: Delivery, *, due_at: datetime) -> None:
        """Let a claimed delivery that nobody began to post be due then, and its claim no attempt."""
        mine = _DELIVERY.id == claimed.id, _WAITING, _DELIVERY.due_at == or_none(claimed.due_at)
        before = {"attempts": claimed.attempts, "due_at": instant(due_at)}
        back = update(tables.delivery).where(*mine).values(before)
        self._access.written(lambda connection: connection.execute(back).rowcount, None)  # twice, it is not ours

    def end(
        self,
        claimed: Delivery,
        now_is: Delivery,
        *,
        now: datetime,
        held_until: datetime | None = None,
        disable: str = "",
        beside: Beside = NOTHING,
    ) -> bool:
        """Write down how a claimed delivery went; False when it is somebody else's by now."""
        delivered = now_is.status == "delivered"
        values = {
            "status": now_is.status,
            "attempts": now_is.attempts,
            "due_at": or_none(now_is.due_at),
            "delivered_at": or_none(now_is.delivered_at),
            "ended_at": None if now_is.due_at is not None else instant(now),
            "last_status": now_is.last_status,
            "last_error": now_is.last_error,
        }
        mine = _WAITING if delivered else _WAITING & (_DELIVERY.due_at == or_none(claimed.due_at))
        ended = update(tables.delivery).where(_DELIVERY.id == claimed.id, mine).values(values)

        def end(connection: Connection) -> int:
            if not connection.execute(ended).rowcount:
                return 0
            if delivered:
                _succeeded(connection, claimed.endpoint_id, now)
            elif _failed(connection, claimed.endpoint_id, now, held_until=held_until, disable=disable):
                write_beside(connection, beside)
            return 1

        return self._access.written(end, lambda connection: _holds(connection, claimed.id, values)) == 1

    def deliveries(
        self,
        *,
        endpoint_id: str | None = None,
        event_id: int | None = None,
        statuses: tuple[str, ...] | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, newest first, those with an id smaller than `before`."""
        wanted: list[ColumnElement[bool]] = []
        if endpoint_id is not None:
            wanted.append(_DELIVERY.endpoint_id == searchable(endpoint_id))
        if event_id is not None:
            wanted.append(_DELIVERY.event_id == event_id)
        if statuses is not None:
            wanted.append(_DELIVERY.status.in_(statuses))
        if before is not None:
            wanted.append(_DELIVERY.id < before)
        statement = select(tables.delivery).where(*wanted).order_by(_DELIVERY.id.desc())
        return self._access.readable(statement, {}, delivery_of, limit)

    def replay(self, *, endpoint_id: str, now: datetime, delivery_id: int | None = None, beside: Beside) -> int:
        """Let one delivery, or all dead ones of an endpoint, be tried again from the beginning; returns how many."""
        which = _DELIVERY.status == "dead" if delivery_id is None else _DELIVERY.id == delivery_id
        statement = update(tables.delivery).where(_DELIVERY.endpoint_id == searchable(endpoint_id), which)
        again = {"status": "waiting", "attempts": 0, "due_at": instant(now), "created_at": instant(now)}
        again |= {"delivered_at": None, "ended_at": None}

        def replay(connection: Connection) -> int:
            count = connection.execute(statement.values(again)).rowcount
            if count:
                connection.execute(_FREE, {"key": endpoint_id})  # whoever asks for it wants it tried now
                write_beside(connection, beside)
            return count

        return self._access.written(replay, None)

    def give_up(self, *, before: datetime, now: datetime, error: str, limit: int) -> int:
        """Let deliveries that are due since before then be dead: nobody takes them; returns how many.

        One that is posted just now, or is to be tried again, is due later; one that was never tried is tried first,
        unless its endpoint is disabled: no worker may have run.
        """
        enabled = select(_ENDPOINT.id).where(_ENDPOINT.status == "enabled")
        had_its_turn = or_(_DELIVERY.attempts > 0, _DELIVERY.endpoint_id.not_in(enabled))
        old = and_(_DELIVERY.due_at < instant(before), had_its_turn)
        return self._given_up(old, now=now, error=error, limit=limit)

    def let_go(self, *, before: datetime, now: datetime, error: str, limit: int) -> int:
        """Let deliveries that are due since before then be dead, also those never tried; returns how many.

        Their endpoint's row may be one that nobody can read, or it takes less than happens.
        """
        return self._given_up(_DELIVERY.due_at < instant(before), now=now, error=error, limit=limit)

    def _given_up(self, old: ColumnElement[bool], *, now: datetime, error: str, limit: int) -> int:
        values = {**_ENDED, "ended_at": instant(now), "last_error": error}
        return self._some(old & _WAITING, limit, lambda which: update(tables.delivery).where(which).values(values))

    def mend(self, *, now: datetime, limit: int) -> int:
        """Let deliveries be due now that are due later than any can be: a clock was ahead; returns how many."""
        never_tried = and_(_DELIVERY.due_at > instant(now + _LEASED_AT_MOST), _DELIVERY.attempts == 0)
        wrong = or_(never_tried, _DELIVERY.due_at > instant(now + _WAITS_AT_MOST))
        late = _DELIVERY.due_at > instant(now + _LEASED_AT_MOST)  # the part that an index finds
        due = {"due_at": instant(now)}
        return self._some(late & wrong, limit, lambda which: update(tables.delivery).where(which, _WAITING).values(due))

    def prune(self, *, before: datetime, limit: int) -> int:
        """Delete deliveries that ended before then."""
        over = _DELIVERY.ended_at < instant(before)
        return self._some(over, limit, lambda which: delete(tables.delivery).where(which), order=_DELIVERY.ended_at)

    def _some(
        self,
        old: ColumnElement[bool],
        limit: int,
        change: Callable[[ColumnElement[bool]], Update | Delete],
        *,
        order: ColumnElement[Any] = _DELIVERY.due_at,
    ) -> int:
        """Change some of those that are so; they are looked for before anybody who writes has to wait for it."""
        found = self._access.read(select(_DELIVERY.id).where(old).order_by(order).limit(limit), {})
        if not found:
            return 0
        which = and_(_DELIVERY.id.in_([columns.id for columns in found]), old)
        return self._access.written(lambda connection: connection.execute(change(which)).rowcount, None)


def _with_events(
    connection: Connection, row: EndpointRow, found: Sequence[Row[Any]], *, now: datetime, leases: Sequence[timedelta]
) -> list[Due]:
    """Return what was claimed, each with its event; what nobody could post, or took too often, is ended here."""
    ids = [columns.event_id for columns in found]
    events = connection.execute(select(tables.event).where(tables.event.c.id.in_(ids))).all() if ids else []
    by_id = {columns.id: columns for columns in events}
    taken = []
    for columns in found:
        try:
            event = event_of(by_id[columns.event_id])
            delivery = delivery_of(columns)
        except (KeyError, SealBroken):
            _end_unposted(connection, columns.id, now, UNREADABLE)
            continue
        if delivery.attempts >= len(leases):
            _end_unposted(connection, columns.id, now, UNRECORDED)
            continue
        until = now + leases[delivery.attempts]
        taken.append(Due(delivery=replace(delivery, due_at=until), row=row, event=event))
    return taken


def _counted(taken: Delivery) -> dict[str, Any]:
    return {"key": taken.id, "count": taken.attempts + 1, "until": or_none(taken.due_at)}


def _end_unposted(connection: Connection, delivery_id: int, now: datetime, error: str) -> None:
    ended = {**_ENDED, "ended_at": instant(now), "last_error": error}
    connection.execute(update(tables.delivery).where(_DELIVERY.id == delivery_id).values(ended))


def _succeeded(connection: Connection, endpoint_id: str, now: datetime) -> None:
    """Note that the endpoint does not fail; it stays held, for what held it was answered later than this was asked."""
    news = or_(
        _ENDPOINT.failing_since.is_not(None),
        _ENDPOINT.held_until <= instant(now),
        _ENDPOINT.delivered_at.is_(None),
        _ENDPOINT.delivered_at < instant(now - _NOTED_EACH),
    )
    values = {"failing_since": None, "held_until": _longest_hold(now, None), "delivered_at": instant(now)}
    connection.execute(update(tables.endpoint).where(_ENDPOINT.id == endpoint_id, news).values(values))


def _longest_hold(now: datetime, held_until: datetime | None) -> ColumnElement[int | None]:
    """Return until when an endpoint is held: several posts are under way, and none undoes what another was asked."""
    least = now + timedelta(microseconds=1)
    longer = _ENDPOINT.held_until.between(instant(max(held_until or least, least)), instant(now + _HELD_AT_MOST))
    return case((longer, _ENDPOINT.held_until), else_=null() if held_until is None else instant(held_until))


def _failed(
    connection: Connection, endpoint_id: str, now: datetime, *, held_until: datetime | None, disable: str
) -> bool:
    """Note that the endpoint fails; True when that disabled it now."""
    since = func.coalesce(_ENDPOINT.failing_since, instant(now))
    values = {"failing_since": since, "held_until": _longest_hold(now, held_until)}
    connection.execute(update(tables.endpoint).where(_ENDPOINT.id == endpoint_id).values(values))
    if not disable:
        return False
    enabled = update(tables.endpoint).where(_ENDPOINT.id == endpoint_id, _ENDPOINT.status == "enabled")
    off = {"status": "disabled", "reason": disable, "version": _ENDPOINT.version + 1}
    return connection.execute(enabled.values(off)).rowcount == 1


def _holds(connection: Connection, delivery_id: int, values: dict[str, Any]) -> bool:
    found = connection.execute(select(tables.delivery).where(_DELIVERY.id == delivery_id)).first()
    return found is not None and all(getattr(found, name) == value for name, value in values.items())
