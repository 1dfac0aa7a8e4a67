"""How OAuth clients do: what became of their refreshes by the hour, and whether they work."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Connection, Update, bindparam, delete, insert, select, update

from ....errors import Conflict
from ....model import Beside, ClientState, Tally
from ... import tables
from ...rows import checked, instant, moment, or_none, searchable
from ..access import Access
from ..beside import write_beside

_TALLY: Final = tables.tally.columns
_STATE: Final = tables.client_state.columns
_COUNTS: Final = ("refreshed", "refused", "trouble", "ours")
_ADD: Final = (
    update(tables.tally)
    .where(_TALLY.client == bindparam("of_client"), _TALLY.hour == bindparam("of_hour"))
    .values({name: _TALLY[name] + bindparam(f"more_{name}", type_=BigInteger) for name in _COUNTS})
)
_INSERT_TALLY: Final = insert(tables.tally)
_INSERT_STATE: Final = insert(tables.client_state)


class HealthRecords:
    """Implements `HealthStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, tallies: Mapping[tuple[str, int], Tally]) -> None:
        """Add to what is counted. After a COMMIT whose answer was lost it may be added twice."""

        def add(connection: Connection) -> int:
            for _, tally in sorted(tallies.items()):
                _add(connection, tally)
            return len(tallies)

        if tallies:
            self._first_row_twice(add)

    def tallies(self, *, since_hour: int, client: str | None = None) -> list[Tally]:
        """Return what was counted from this hour on, by client and hour."""
        wanted = [_TALLY.hour >= since_hour]
        if client is not None:
            wanted.append(_TALLY.client == searchable(client))
        statement = select(tables.tally).where(*wanted).order_by(_TALLY.client, _TALLY.hour)
        return [Tally(**found._mapping) for found in self._access.read(statement, {})]  # noqa: SLF001 - its public name

    def states(self) -> list[ClientState]:
        """Return the states that are known."""
        found = self._access.read(select(tables.client_state).order_by(_STATE.client), {})
        return [
            ClientState(
                client=each.client,
                failing_since=moment(each.failing_since),
                why=each.why,
                changed_at=moment(each.changed_at) or _never(),
            )
            for each in found
        ]

    def mark(
        self,
        client: str,
        *,
        failing: bool,
        why: str,
        at: datetime,
        beside: Beside,
        instead_of: Collection[str] = (),
        unconfirmed_since: datetime | None = None,
    ) -> bool:
        """Note that a client fails, or works again; True, and what is beside it written, if that was news.

        Of one that is known to fail it is noted that it still does. That it fails for another reason is news where
        this one takes the place of the one that is known, or that was not confirmed since a time.
        """
        since = instant(at) if failing else None
        values = checked({"client": client, "failing_since": since, "why": why, "changed_at": instant(at)})
        otherwise = _otherwise(values, instead_of, or_none(unconfirmed_since))

        def mark(connection: Connection) -> int:
            changed = connection.execute(_changing(values)).rowcount
            if not changed and failing:
                changed = connection.execute(otherwise).rowcount
            if not changed and failing and not _is_still(connection, values):
                connection.execute(_INSERT_STATE, values)
                changed = 1  # an INSERT's own count is not told by every driver
            if changed:
                write_beside(connection, beside)
            return changed

        def landed(connection: Connection) -> bool:
            found = connection.execute(select(tables.client_state).where(_STATE.client == client)).first()
            if found is None or (found.failing_since is None) == failing:
                return False
            return (found.why, found.changed_at) == (why, instant(at))

        return self._first_row_twice(mark, landed) == 1

    def prune(self, *, before_hour: int) -> int:
        """Forget tallies of before."""
        old = delete(tables.tally).where(_TALLY.hour < before_hour)
        return self._access.written(lambda connection: connection.execute(old).rowcount, None)

    def _first_row_twice(self, work: Any, landed: Any = None) -> int:
        """Do work that inserts what it does not find; again when somebody else inserted it at the same time."""
        try:
            return self._access.written(work, landed)
        except Conflict:
            return self._access.written(work, landed)


def _add(connection: Connection, tally: Tally) -> None:
    counted = {name: getattr(tally, name) for name in _COUNTS}
    more = {f"more_{name}": count for name, count in counted.items()}
    key = checked({"client": tally.client, "hour": tally.hour})
    if not connection.execute(_ADD, {"of_client": tally.client, "of_hour": tally.hour, **more}).rowcount:
        connection.execute(_INSERT_TALLY, key | counted)


def _changing(values: dict[str, Any]) -> Update:
    """Return the one statement that decides whose news it is."""
    known = _STATE.failing_since.is_(None) if values["failing_since"] is not None else _STATE.failing_since.is_not(None)
    return update(tables.client_state).where(_STATE.client == values["client"], known).values(values)


def _otherwise(values: dict[str, Any], instead_of: Collection[str], unconfirmed_since: int | None) -> Update:
    """Return the one statement that decides whose news another reason is; since when it fails stays as it is."""
    gives_way: ColumnElement[bool] = _STATE.why.in_([searchable(each) for each in instead_of])
    if unconfirmed_since is not None:
        gives_way |= _STATE.changed_at < unconfirmed_since
    known = _STATE.client == values["client"], _STATE.failing_since.is_not(None), _STATE.why != values["why"]
    same = {name: values[name] for name in ("why", "changed_at")}
    return update(tables.client_state).where(*known, _STATE.changed_at <= values["changed_at"], gives_way).values(same)


def _is_still(connection: Connection, values: dict[str, Any]) -> bool:
    """Note that a client still fails, and for this reason; False when nothing is known of it."""
    known, at = _STATE.client == values["client"], values["changed_at"]
    later = update(tables.client_state).where(known, _STATE.why == values["why"], _STATE.changed_at < at)
    if connection.execute(later.values(changed_at=at)).rowcount:
        return True
    return connection.execute(select(_STATE.client).where(known)).first() is not None


def _never() -> datetime:
    at = moment(0)
    assert at is not None  # noqa: S101 - of a time there is a time
    return at
