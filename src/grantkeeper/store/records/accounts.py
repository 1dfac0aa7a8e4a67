"""Accounts that grants reach, the looks that found them, and what is shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from ...errors import Conflict, SealBroken, printable
from ...model import NOTHING, Account, Beside, Event, Look, Sharing, Way
from .. import tables
from ..rows import checked, instant, moment, or_none, searchable
from . import events
from .access import Access
from .beside import write_beside

_ACCOUNT: Final = tables.account.columns
_LOOK: Final = tables.look.columns
_GRANT: Final = tables.grant.columns
_OF_GRANT: Final = _ACCOUNT.grant_id == bindparam("key")
_BY_KEY: Final = _OF_GRANT & (_ACCOUNT.kind == bindparam("of_kind")) & (_ACCOUNT.id == bindparam("account"))
_ALL: Final = select(tables.account).where(_OF_GRANT).order_by(_ACCOUNT.kind, _ACCOUNT.id)
_OF_KIND: Final = _ALL.where(_ACCOUNT.kind == bindparam("of_kind"))
_ONE: Final = select(tables.account).where(_BY_KEY)
_LOOKS: Final = select(tables.look).where(_LOOK.grant_id == bindparam("key")).order_by(_LOOK.kind)
_SHARING: Final = select(_GRANT.sharing).where(_GRANT.id == bindparam("key"))
_LOCKED: Final = _SHARING.add_columns(_GRANT.subject).where(_GRANT.ended == "").with_for_update()
"""SQLite has no such lock and needs none: a transaction that writes is alone from its beginning."""
_NEXT_LOOK: Final = update(tables.look).where(
    _LOOK.grant_id == bindparam("key"), _LOOK.kind == bindparam("of_kind"), _LOOK.version == bindparam("expected")
)
_COUNT_LOOKS: Final = update(tables.look).where(_LOOK.grant_id == bindparam("key")).values(version=_LOOK.version + 1)
_SET_SHARING: Final = update(tables.grant).where(_GRANT.id == bindparam("key"))
_SET_SHARED: Final = update(tables.account).where(_BY_KEY)
_MALFORMED: Final = (TypeError, ValueError, OverflowError)


class _Sharing(msgspec.Struct):
    """A Sharing as written."""

    mode: Literal["all", "open", "preselect", "chosen"]
    preselect: Literal["none", "enabled"] | tuple[str, ...] = "none"


def sharing_text(sharing: Sharing) -> str:
    """Return what a grant shares as its column holds it."""
    return msgspec.json.encode(_Sharing(sharing.mode, sharing.preselect)).decode()


class Accounts:
    """Implements `AccountStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def of(self, grant_id: str, *, kind: str | None = None) -> list[Account]:
        """Return every account of the grant, lost ones included, ordered by kind and id."""
        values: dict[str, Any] = {"key": searchable(grant_id)}
        if kind is None:
            return [_account(columns) for columns in self._access.read(_ALL, values)]
        return [_account(columns) for columns in self._access.read(_OF_KIND, {**values, "of_kind": searchable(kind)})]

    def get(self, grant_id: str, kind: str, account_id: str) -> Account | None:
        """Return one account, or None."""
        found = self._access.read(_ONE, _key(grant_id, kind, account_id))
        return _account(found[0]) if found else None

    def looks(self, grant_id: str) -> list[Look]:
        """Return how the last looks went, one of each kind."""
        return [_look(columns) for columns in self._access.read(_LOOKS, {"key": searchable(grant_id)})]

    def sharing(self, grant_id: str) -> Sharing | None:
        """Return what the grant shares; None when there is no such grant."""
        found = self._access.read(_SHARING, {"key": searchable(grant_id)})
        return _sharing(grant_id, found[0].sharing) if found else None

    def save_look(
        self, look: Look, changed: Sequence[Account], *, person: str, seen: Sharing, event: Event | None = None
    ) -> None:
        """Save a look, the accounts that it changed or found, and the event of it, in one transaction.

        `look.version` must be one more than what is stored, the grant must not be revoked, its subject must be
        `person`, who was looked for, and what it shares `seen`, by which the accounts were marked. Else it raises
        Conflict.
        """
        values, rows = _look_values(look), [_values(account) for account in changed]
        keys = [_key(account.grant_id, account.kind, account.id) for account in changed]

        def save(connection: Connection) -> int:
            if _locked(connection, look.grant_id) != (person, seen):
                raise Conflict("What this grant is or shares was changed meanwhile.", advice="Read it again.")
            _count_look(connection, look, values)
            if rows:
                connection.execute(delete(tables.account).where(_BY_KEY), keys)
                connection.execute(insert(tables.account), rows)
            if event is not None:
                events.write(connection, event)
            return 1

        def landed(connection: Connection) -> bool:
            stored = connection.execute(select(tables.look).where(*_look_key(look))).first()
            return stored is not None and _look(stored) == look

        self._access.written(save, landed)

    def share(
        self, grant_id: str, shared: frozenset[tuple[str, str]], *, event: Event, beside: Beside = NOTHING
    ) -> None:
        """Mark exactly these accounts (kind, id) as shared, in one transaction with the event; the mode is `chosen`.

        A look that is under way merges anew: it finds its kind's look counted on, or what the grant shares changed.
        Raises Conflict when the grant was revoked.
        """

        def save(connection: Connection) -> int:
            if _locked(connection, grant_id) is None:
                raise Conflict("This grant was revoked.", advice="Read it again.")
            connection.execute(_COUNT_LOOKS, {"key": grant_id})
            connection.execute(update(tables.account).where(_OF_GRANT), {"key": grant_id, "shared": False})
            marked = [{**_key(grant_id, kind, account), "shared": True} for kind, account in sorted(shared)]
            if marked:
                connection.execute(_SET_SHARED, marked)
            connection.execute(_SET_SHARING, {"key": grant_id, "sharing": sharing_text(Sharing(mode="chosen"))})
            events.write(connection, event)
            write_beside(connection, beside)
            return 1

        # A choice that was kept must not be made again over a later one.
        self._access.written(save, lambda connection: events.is_written(connection, event))

    def forget(self, grant_id: str) -> None:
        """Delete the grant's accounts and looks."""
        self._access.written(lambda connection: erase(connection, grant_id), None)


def erase(connection: Connection, grant_id: str) -> int:
    """Delete a grant's accounts and looks in the transaction of what makes them void; returns how many accounts."""
    connection.execute(delete(tables.look).where(_LOOK.grant_id == bindparam("key")), {"key": grant_id})
    return connection.execute(delete(tables.account).where(_OF_GRANT), {"key": grant_id}).rowcount


def _locked(connection: Connection, grant_id: str) -> tuple[str, Sharing] | None:
    """Return whose the grant is and what it shares, until this transaction ends; None when it is not alive."""
    found = connection.execute(_LOCKED, {"key": searchable(grant_id)}).first()
    return (found.subject, _sharing(grant_id, found.sharing)) if found else None


def _sharing(grant_id: str, written: str | None) -> Sharing:
    """Return what a grant shares; raises SealBroken when it cannot be read: it is never taken for `all`."""
    if written is None:
        return Sharing()
    try:
        read = msgspec.json.decode(written, type=_Sharing)
    except _MALFORMED:
        problem = SealBroken(f"What grant {printable(grant_id, 64)} shares cannot be read.")
    else:
        return Sharing(mode=read.mode, preselect=read.preselect)
    raise problem


def _count_look(connection: Connection, look: Look, values: dict[str, Any]) -> None:
    """Insert the first look of a kind, or replace the one before; raises Conflict when somebody looked meanwhile."""
    if look.version == 1:
        if connection.execute(select(_LOOK.version).where(*_look_key(look))).first() is not None:
            raise Conflict("Somebody looked for these accounts first.", advice="Read them again.")
        connection.execute(insert(tables.look), values)
        return
    guards = {"key": look.grant_id, "of_kind": look.kind, "expected": look.version - 1}
    rest = {name: value for name, value in values.items() if name not in ("grant_id", "kind")}
    if connection.execute(_NEXT_LOOK, {**guards, **rest}).rowcount != 1:
        raise Conflict("Somebody looked for these accounts first.", advice="Read them again.")


def _look_key(look: Look) -> tuple[Any, ...]:
    return _LOOK.grant_id == look.grant_id, _LOOK.kind == look.kind


def _key(grant_id: str, kind: str, account_id: str) -> dict[str, Any]:
    return {"key": searchable(grant_id), "of_kind": searchable(kind), "account": searchable(account_id)}


def _values(account: Account) -> dict[str, Any]:
    return {"id": checked({"account_id": account.id})["account_id"]} | checked(
        {
            "grant_id": account.grant_id,
            "kind": account.kind,
            "name": account.name,
            "status": account.status,
            "enabled": account.enabled,
            "manager": account.manager,
            "test": account.test,
            "currency": account.currency,
            "time_zone": account.time_zone,
            "parents": msgspec.json.encode(account.parents).decode(),
            "ways": msgspec.json.encode([(way.root, way.length) for way in account.ways]).decode(),
            "shared": account.shared,
            "found_at": instant(account.found_at),
            "lost_at": or_none(account.lost_at),
        }
    )


def _account(columns: Row[Any]) -> Account:
    """Return the account; raises SealBroken when somebody altered it."""
    try:
        found_at = moment(columns.found_at)
        assert found_at is not None  # noqa: S101 - the column takes no NULL
        ways = msgspec.json.decode(columns.ways, type=tuple[tuple[str, int], ...])
        return Account(
            grant_id=columns.grant_id,
            kind=columns.kind,
            id=columns.id,
            name=columns.name,
            status=columns.status,
            enabled=bool(columns.enabled),
            manager=bool(columns.manager),
            test=bool(columns.test),
            currency=columns.currency,
            time_zone=columns.time_zone,
            parents=msgspec.json.decode(columns.parents, type=tuple[str, ...]),
            ways=tuple(Way(root=root, length=length) for root, length in ways),
            shared=bool(columns.shared),
            found_at=found_at,
            lost_at=moment(columns.lost_at),
        )
    except _MALFORMED:
        problem = SealBroken(f"An account of grant {printable(str(columns.grant_id), 64)} cannot be read.")
    raise problem


def _look_values(look: Look) -> dict[str, Any]:
    return checked(
        {
            "grant_id": look.grant_id,
            "kind": look.kind,
            "tried_at": instant(look.tried_at),
            "looked_at": or_none(look.looked_at),
            "problem": look.problem,
            "advice": look.advice,
            "version": look.version,
        }
    )


def _look(columns: Row[Any]) -> Look:
    tried_at = moment(columns.tried_at)
    assert tried_at is not None  # noqa: S101 - the column takes no NULL
    return Look(
        grant_id=columns.grant_id,
        kind=columns.kind,
        tried_at=tried_at,
        looked_at=moment(columns.looked_at),
        problem=columns.problem,
        advice=columns.advice,
        version=columns.version,
    )
