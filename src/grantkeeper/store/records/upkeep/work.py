"""When grants are due."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    Update,
    and_,
    bindparam,
    case,
    func,
    select,
    update,
)

from ....errors import SealBroken
from ....model import NOTHING, Beside, Claimed, DueGrant, GrantStatus
from ... import tables
from ...rows import GRANT_COLUMNS, grant_row, instant, moment, or_none, searchable
from ..access import Access
from ..beside import write_beside

COUNTED: Final = 10_000
"""Due grants of a client are counted so far: more are only many more."""

A_DAY: Final = timedelta(days=1) // timedelta(microseconds=1)
UNUSED: Final = A_DAY
"""Who was not used for so long is not renewed ahead (`renewal.timing`), so that the next use brings it forward."""

_NEVER: Final = -1
_GRANT: Final = tables.grant.columns
_WORDS: Final = (_GRANT.due_at, _GRANT.used_at, _GRANT.checked_at, _GRANT.warned_at)
_BY_ID: Final = _GRANT.id == bindparam("key")
_PUT: Final = update(tables.grant).where(_BY_ID).values(due_at=bindparam("due", type_=BigInteger))
_AT: Final = bindparam("at", type_=BigInteger)
_DUE: Final = bindparam("due", type_=BigInteger)
_USED: Final = (
    update(tables.grant)
    .where(_BY_ID, func.coalesce(_GRANT.used_at, _NEVER) < _AT)
    .values(used_at=_AT, used_on=bindparam("on_day", type_=BigInteger))
)
_HASTEN: Final = (
    update(tables.grant)
    .where(
        _BY_ID,
        func.coalesce(_GRANT.used_at, _NEVER) < bindparam("unused_since", type_=BigInteger),
        _GRANT.due_at > _DUE,
    )
    .values(due_at=_DUE)
)
_OF_KEYS: Final = _GRANT.id.in_(bindparam("keys", expanding=True))
_VERSIONS: Final = select(_GRANT.id, _GRANT.version).where(_OF_KEYS)
_SUM_OF_VERSIONS: Final = select(func.count(), func.sum(_GRANT.version)).where(_OF_KEYS)


class WorkRecords:
    """Implements `WorkStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def claim(self, client: str, *, now: datetime, until: datetime, limit: int, used_since: datetime) -> Claimed:
        """Take active grants of this client that are due, each for one caller; see `WorkStore`.

        They are due again at `until`. A COMMIT whose answer was lost may leave some to nobody until then.
        """
        due = _due(client, now)
        # The usual case takes no lock. In order: PostgreSQL, which takes much for due, would else read the table.
        if not self._access.read(select(_GRANT.id).where(due).order_by(_GRANT.due_at).limit(1), {}):
            return Claimed()
        # One search in an index for each lane. A clock that was ahead may have written tomorrow.
        days = range(instant(now) // A_DAY + 1, instant(used_since) // A_DAY - 1, -1)
        lanes = [*(due & (_GRANT.used_on == each) for each in days), due]
        found: list[Row[Any]] = []

        def take(connection: Connection) -> int:
            found[:] = _first_of(connection, lanes, limit)
            names = [row[0] for row in found if _is_name(row[0])]
            if names:
                connection.execute(update(tables.grant).where(_GRANT.id.in_(names)).values(due_at=instant(until)))
            _put_aside(connection, found, due, instant(now) + A_DAY)
            return len(found)

        self._access.written(take, None)
        return _claimed(found)

    def schedule(
        self,
        seen: DueGrant,
        *,
        due_at: datetime,
        checked_at: datetime | None = None,
        warned_at: datetime | None = None,
        beside: Beside = NOTHING,
    ) -> bool:
        """Say when a claimed grant is due next; False when somebody else checked it or announced its end since then."""
        key = searchable(seen.row.grant.id)
        as_seen = (
            _GRANT.id == key,
            _is(_GRANT.checked_at, seen.checked_at),
            _is(_GRANT.warned_at, seen.warned_at),
        )
        told = {"checked_at": checked_at, "warned_at": warned_at}
        new = {name: instant(at) for name, at in told.items() if at is not None}
        # Used meanwhile: that may have brought it forward, and what we know of it is older.
        moved = case((_is(_GRANT.used_at, seen.used_at), instant(due_at)), else_=_GRANT.due_at)
        statement = update(tables.grant).where(*as_seen).values(due_at=moved, **new)

        def move(connection: Connection) -> int:
            if not connection.execute(statement).rowcount:
                return 0
            write_beside(connection, beside)
            return 1

        return self._access.written(move, _landed(key, new) if new else None) == 1

    def unscheduled(self, client: str, *, limit: int) -> Claimed:
        """Return active grants of this client that were never scheduled; takes none.

        What no name leads to is due at once: who claims it tells of it, and it is in nobody's way here.
        """
        never = _active(client) & _GRANT.due_at.is_(None)
        found = self._access.read(_found(never).limit(limit), {})
        if not all(_is_name(row[0]) for row in found):
            self._access.written(lambda connection: _put_aside(connection, found, never, 0), None)
        return _claimed(found)

    def first(self, due: Mapping[str, datetime]) -> int:
        """Say when grants are due that were never scheduled; others are left as they are. Returns how many were."""
        return self._put(_PUT.where(_GRANT.due_at.is_(None)), due)

    def put(self, due: Mapping[str, datetime]) -> None:
        """Say when these grants are due, whatever was said before."""
        self._put(_PUT, due)

    def _put(self, statement: Update, due: Mapping[str, datetime]) -> int:
        rows = [{"key": searchable(each), "due": instant(at)} for each, at in sorted(due.items())]
        if not rows:
            return 0
        return self._access.written(lambda connection: connection.execute(statement, rows).rowcount, None)

    def note_used(self, used: Mapping[str, datetime], *, hasten: Mapping[str, datetime]) -> None:
        """Note when grants were last used, and bring forward the due times of those that were not for a day."""
        order = sorted(used)  # whoever notes the same ones waits, and does not lock crosswise
        brought = [
            {"key": searchable(each), "due": instant(hasten[each]), "unused_since": instant(used[each]) - UNUSED}
            for each in order
            if each in hasten
        ]
        times = ((searchable(each), instant(used[each])) for each in order)
        noted = [{"key": key, "at": at, "on_day": at // A_DAY} for key, at in times]

        def note(connection: Connection) -> int:
            if brought:
                connection.execute(_HASTEN, brought)
            connection.execute(_USED, noted)
            return len(noted)

        if noted:
            self._access.written(note, None)

    def unchanged(self, versions: Mapping[str, int]) -> set[str]:
        """Return which of these grants are of these versions still.

        Mostly all are, which one row tells: versions only grow. SQLite's driver takes turns with other threads at each
        row, so that five hundred rows take a busy process a quarter of a second.
        """
        keys = {"keys": [searchable(each) for each in versions]}
        count, total = tuple(self._access.read(_SUM_OF_VERSIONS, keys)[0])
        if count == len(versions) and int(total or 0) == sum(versions.values()):
            return set(versions)
        return {each.id for each in self._access.read(_VERSIONS, keys) if versions.get(each.id) == each.version}

    def waiting(self, clients: tuple[str, ...], *, now: datetime) -> tuple[int, datetime | None]:
        """Return how many grants are due, counted up to 10,000 a client, and since when the first is."""
        count, first = 0, None
        for client in clients:
            some = select(_GRANT.due_at).where(_due(client, now)).order_by(_GRANT.due_at).limit(COUNTED).subquery()
            counted: Any = self._access.read(select(func.count(), func.min(some.c.due_at)).select_from(some), {})[0]
            count += counted[0]
            at = moment(counted[1])
            first = min(first or at, at) if at else first
        return count, first

    def mend(self, clients: tuple[str, ...], *, after: datetime) -> int:
        """Forget due times later than any can be; returns of how many grants."""
        wrong = (
            _GRANT.status == str(GrantStatus.ACTIVE),
            _GRANT.client.in_([searchable(each) for each in clients]),
            _GRANT.due_at > instant(after),
        )
        if not self._access.read(select(_GRANT.id).where(*wrong).limit(1), {}):
            return 0
        statement = update(tables.grant).where(*wrong).values(due_at=None)
        return self._access.written(lambda connection: connection.execute(statement).rowcount, None)


def _active(client: str) -> ColumnElement[bool]:
    return and_(_GRANT.status == str(GrantStatus.ACTIVE), _GRANT.client == searchable(client))


def _due(client: str, now: datetime) -> ColumnElement[bool]:
    return and_(_active(client), _GRANT.due_at <= instant(now))


def _found(wanted: ColumnElement[bool]) -> Select[Any]:
    return select(*GRANT_COLUMNS, *_WORDS).where(wanted)


def _first_of(connection: Connection, lanes: Sequence[ColumnElement[bool]], limit: int) -> list[Row[Any]]:
    """Return the first of each lane in turn, no row twice; on SQLite, whose writer is alone, nothing is locked."""
    found: dict[Any, Row[Any]] = {}
    for lane in lanes:
        if len(found) < limit:
            some = _found(lane).order_by(_GRANT.due_at).limit(limit).with_for_update(skip_locked=True)
            found |= {row[0]: row for row in connection.execute(some) if row[0] not in found}
    return list(found.values())[:limit]


def _is_name(ident: object) -> bool:
    """Tell whether this id leads to its row: SQLite and MySQL keep what is no text where somebody wrote it."""
    return isinstance(ident, str) and searchable(ident) is not None


def _put_aside(connection: Connection, found: Sequence[Row[Any]], among: ColumnElement[bool], due: int) -> int:
    """Say when rows are due that no name leads to, by the bytes of their ids: none comes back at once (R-52)."""
    idents = [row[0] for row in found if not _is_name(row[0])]
    if not idents:
        return 0
    written = [(each.encode() if isinstance(each, str) else each).hex().upper() for each in idents]
    those = update(tables.grant).where(among, func.hex(_GRANT.id).in_(written))
    return connection.execute(those.values(due_at=due)).rowcount


def _claimed(found: Sequence[Row[Any]]) -> Claimed:
    grants, unreadable, width = [], [], len(GRANT_COLUMNS)
    for columns in found:
        try:
            row = grant_row(columns[:width])
            due, used, checked, warned = map(moment, columns[width:])
        except (SealBroken, TypeError, OverflowError):  # an altered row stops no others
            unreadable.append(str(columns[0]))
        else:
            grants.append(DueGrant(row=row, due_at=due, used_at=used, checked_at=checked, warned_at=warned))
    return Claimed(grants=tuple(grants), unreadable=tuple(unreadable))


def _is(column: ColumnElement[Any], at: datetime | None) -> ColumnElement[bool]:
    known = or_none(at)
    return column.is_(None) if known is None else column == known


def _landed(key: str | None, new: Mapping[str, int]) -> Callable[[Connection], bool]:
    """Return what tells whether this was written: two workers do not write the same microsecond."""
    as_written = [_GRANT.id == key, *(_GRANT[name] == at for name, at in new.items())]
    return lambda connection: connection.execute(select(_GRANT.id).where(*as_written)).first() is not None
