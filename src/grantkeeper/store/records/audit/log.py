"""The audit log: each entry is signed together with the signature of the one before."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, insert, select, update

from ....errors import SealBroken, printable
from ....model import AuditEntry, AuditHead, ChainLink, Mac, SealedEntry
from ... import tables
from ...rows import checked, instant, moment, searchable
from ..access import Access

_AUDIT: Final = tables.audit.columns
_HEAD: Final = tables.head.columns
_OF_AUDIT: Final = _HEAD.name == "audit"
_READ_HEAD: Final = select(_HEAD.number, _HEAD.mac).where(_OF_AUDIT)
_LOCK_HEAD: Final = _READ_HEAD.with_for_update()
_MOVE_HEAD: Final = update(tables.head).where(_OF_AUDIT)
_INSERT: Final = insert(tables.audit)
_SIGNED: Final = ("number", "at", "actor", "action", "target", "owner", "data", "personal_digest")
_CHAIN: Final = select(tables.audit).where(_AUDIT.number > bindparam("after")).order_by(_AUDIT.number)
_NEWEST: Final = select(_AUDIT.number).order_by(_AUDIT.number.desc()).limit(1)
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MALFORMED: Final = (TypeError, ValueError, OverflowError)


def append(connection: Connection, entries: Sequence[AuditEntry], mac: Mac) -> None:
    """Append entries in the transaction of what they tell of; who appends is alone until it ends (V-66, V-67)."""
    head = connection.execute(_LOCK_HEAD).first()
    if head is None:
        raise _no_head()
    number, last = head
    for entry in entries:
        number += 1
        values = _values(entry, number)
        values["key_id"], values["mac"] = mac(signed_text(last, tuple(values[name] for name in _SIGNED)))
        last = values["mac"]
        connection.execute(_INSERT, values)
    connection.execute(_MOVE_HEAD, {"number": number, "mac": last})


def signed_text(last: str, columns: tuple[Any, ...]) -> bytes:
    """Return what an entry's signature is over: the signature of the entry before, and its columns."""
    return msgspec.json.encode([last, *columns])


def digest(personal: str, salt: str) -> str:
    """Return what stands for the personal part in the signature: it tells nothing once the salt is gone."""
    return hmac.digest(salt.encode(), personal.encode(), hashlib.sha256).hex()


def _values(entry: AuditEntry, number: int) -> dict[str, Any]:
    personal = msgspec.json.encode(entry.personal).decode() if entry.personal else None
    salt = secrets.token_hex(32) if personal is not None else None
    return checked(
        {
            "number": number,
            "at": instant(entry.at),
            "actor": entry.actor,
            "action": entry.action,
            "target": entry.target,
            "owner": entry.owner,
            "data": msgspec.json.encode(entry.data).decode(),
            "personal": personal,
            "salt": salt,
            "personal_digest": "" if personal is None or salt is None else digest(personal, salt),
        }
    )


class AuditLog:
    """Implements `AuditStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def head(self) -> AuditHead:
        """Return the end of the chain."""
        found = self._access.read(_READ_HEAD, {})
        if not found:
            raise _no_head()
        return AuditHead(number=found[0].number, mac=found[0].mac)

    def read(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        target: str | None = None,
        actor: str | None = None,
        owner: str | None = None,
        newest_first: bool = False,
        limit: int = 100,
    ) -> list[SealedEntry]:
        """Return entries that match all that is given, by number."""
        wanted = {"target": target, "actor": actor, "owner": owner}
        given: dict[str, Any] = {name: searchable(value) for name, value in wanted.items() if value is not None}
        matches = [_AUDIT[name] == bindparam(name) for name in given]
        statement = select(tables.audit).where(_AUDIT.number > bindparam("after"), *matches)
        given["after"] = after
        if before is not None:
            statement = statement.where(_AUDIT.number < bindparam("before"))
            given["before"] = before
        order = _AUDIT.number.desc() if newest_first else _AUDIT.number
        return self._access.readable(statement.order_by(order), given, self._entry, limit)

    def newest(self) -> Any:
        """Return the number of the last entry, as it is stored; 0 when there is none."""
        found = self._access.read(_NEWEST, {})
        return found[0].number if found else 0

    def _entry(self, columns: Row[Any]) -> SealedEntry:
        """Return the entry; of one that somebody altered what can be read of it, and that it is so (R-52)."""
        try:
            return _entry(columns)
        except SealBroken as problem:
            self._access.name(problem)
            return _remains(columns)

    def chain(self, *, after: int, limit: int) -> list[ChainLink]:
        """Return entries as they are stored, by number."""
        return [_link(columns) for columns in self._access.read(_CHAIN.limit(limit), {"after": after})]

    def add(self, entry: AuditEntry, *, mac: Mac) -> None:
        """Write an entry that no change goes with."""

        def work(connection: Connection) -> int:
            append(connection, (entry,), mac)
            return 1

        self._access.written(work, None)  # twice is better than never


def _link(columns: Row[Any]) -> ChainLink:
    return ChainLink(
        number=columns.number,
        columns=tuple(getattr(columns, name) for name in _SIGNED),
        personal=columns.personal,
        salt=columns.salt,
        personal_digest=columns.personal_digest,
        key_id=columns.key_id,
        mac=columns.mac,
    )


def _no_head() -> SealBroken:
    return SealBroken("The head of the audit log is gone.", advice="Restore the database from a backup.")


def _entry(columns: Row[Any]) -> SealedEntry:
    """Return the entry; raises SealBroken when it cannot be read: somebody altered it."""
    try:
        at = moment(columns.at)
        assert at is not None  # noqa: S101 - the column takes no NULL
        personal = {} if columns.personal is None else msgspec.json.decode(columns.personal, type=dict[str, Any])
        entry = AuditEntry(
            number=columns.number,
            at=at,
            actor=columns.actor,
            action=columns.action,
            target=columns.target,
            owner=columns.owner,
            data=msgspec.json.decode(columns.data, type=dict[str, Any]),
            personal=personal,
            erased=columns.personal is None and columns.personal_digest != "",
        )
        return SealedEntry(
            entry=entry,
            personal_digest=columns.personal_digest,
            salt=columns.salt or "",
            key_id=columns.key_id,
            mac=columns.mac,
        )
    except _MALFORMED:
        problem = SealBroken(f"Entry {printable(str(columns.number), 20)} of the audit log cannot be read.")
    raise problem


def _remains(columns: Row[Any]) -> SealedEntry:
    """Return what is left of an entry that was altered; raises SealBroken when not even its number is one."""
    if not isinstance(columns.number, int):
        raise SealBroken(f"An entry of the audit log has the number {printable(str(columns.number), 20)}.")
    try:
        at = moment(columns.at) or _NO_TIME
    except _MALFORMED:
        at = _NO_TIME
    entry = AuditEntry(
        number=columns.number,
        at=at,
        actor=_word(columns.actor),
        action="unreadable",
        target=_word(columns.target),
        owner=_word(columns.owner),
        unreadable=True,
    )
    return SealedEntry(
        entry=entry,
        personal_digest=_word(columns.personal_digest),
        salt=_word(columns.salt),
        key_id=_word(columns.key_id),
        mac=_word(columns.mac),
    )


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
