"""API keys, and what they read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update

from ....errors import SealBroken, printable
from ....model import ApiKey, Beside, KeyUse, Scope
from ... import tables
from ...engine.writing import both, holding
from ...rows import checked, instant, moment, or_none, searchable
from ..access import Access
from ..beside import write_beside

_KEY: Final = tables.api_key.columns
_USE: Final = tables.key_use.columns
_BY_ID: Final = select(tables.api_key).where(_KEY.id == bindparam("key"))
_ALL: Final = select(tables.api_key).order_by(_KEY.created_at, _KEY.id)
_INSERT: Final = insert(tables.api_key)
_REVOKE: Final = update(tables.api_key).where(_KEY.id == bindparam("key"), _KEY.revoked_at.is_(None))
_USED: Final = update(tables.api_key).where(
    _KEY.id == bindparam("key"), or_(_KEY.last_used_at.is_(None), _KEY.last_used_at < bindparam("at"))
)
_COUNT: Final = update(tables.key_use).where(
    _USE.key_id == bindparam("key"), _USE.grant_id == bindparam("grant"), _USE.day == bindparam("on_day")
)
_ADD: Final = _COUNT.values(reads=_USE.reads + bindparam("more"), last_at=bindparam("at"))
_BEGIN: Final = insert(tables.key_use)
_MALFORMED: Final = (TypeError, ValueError, OverflowError)
_SCOPES: Final = {str(scope): scope for scope in Scope}
_decode_names: Final = msgspec.json.Decoder(frozenset[str]).decode


class Keys:
    """Implements `KeyStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, key: ApiKey, *, secret_hash: str, beside: Beside) -> None:
        """Keep a new key."""
        values = _values(key, secret_hash)

        def insert_key(connection: Connection) -> int:
            inserted = connection.execute(_INSERT, values).rowcount
            write_beside(connection, beside)
            return inserted

        self._access.written(insert_key, holding(tables.api_key, values))

    def get(self, key_id: str) -> tuple[ApiKey, str] | None:
        """Return a key and its secret's hash, or None."""
        found = self._access.read(_BY_ID, {"key": searchable(key_id)})
        return (_key(found[0]), found[0].secret_hash) if found else None

    def all(self) -> list[ApiKey]:
        """Return every key, the revoked ones too, oldest first."""
        return [_key(columns) for columns in self._access.read(_ALL, {})]

    def revoke(self, key_id: str, *, at: datetime, beside: Beside) -> bool:
        """End a key; False when it has ended already or is not there."""
        values = {"key": searchable(key_id), "revoked_at": instant(at)}
        landed = holding(tables.api_key, {"id": values["key"], "revoked_at": values["revoked_at"]})
        work = both(_REVOKE, values, lambda connection: write_beside(connection, beside))
        return self._access.written(work, landed) == 1

    def note_used(self, used: Mapping[str, datetime], reads: Sequence[KeyUse]) -> None:
        """Add what was read since the last time; raises Conflict when somebody began the same day's count meanwhile.

        In the order of the primary keys: two who count the same wait for each other, and neither for ever. What was
        counted before the answer to its COMMIT was lost is counted twice.
        """
        ordered = sorted(reads, key=lambda use: (use.key_id, use.day, use.grant_id))

        def note(connection: Connection) -> int:
            times = [{"key": key_id, "at": instant(at), "last_used_at": instant(at)} for key_id, at in used.items()]
            if times:
                connection.execute(_USED, sorted(times, key=lambda each: str(each["key"])))
            known = _known(connection, ordered)
            more = [use for use in ordered if _place(use) in known]
            first = [use for use in ordered if _place(use) not in known]
            if more:
                connection.execute(_ADD, [_added(use) for use in more])
            if first:
                connection.execute(_BEGIN, [_begun(use) for use in first])
            return len(ordered)

        self._access.written(note, None)

    def tell(self, beside: Beside) -> None:
        """Write what goes with no change of a key: an entry about what one tried."""

        def write(connection: Connection) -> int:
            write_beside(connection, beside)
            return 1

        self._access.written(write, None)

    def uses(self, *, key_id: str | None = None, grant_id: str | None = None, limit: int = 100) -> list[KeyUse]:
        """Return who read what, newest day first."""
        wanted = {"key_id": key_id, "grant_id": grant_id}
        given: dict[str, Any] = {name: searchable(value) for name, value in wanted.items() if value is not None}
        statement = select(tables.key_use).where(*(_USE[name] == bindparam(name) for name in given))
        newest = statement.order_by(_USE.day.desc(), _USE.key_id, _USE.grant_id).limit(limit)
        return [_use(columns) for columns in self._access.read(newest, given)]


def _known(connection: Connection, reads: Iterable[KeyUse]) -> set[tuple[str, int, str]]:
    """Return which counts there are already."""
    grants: dict[tuple[str, int], list[str]] = defaultdict(list)
    for use in reads:
        grants[use.key_id, use.day].append(use.grant_id)
    known = set()
    for (key_id, day), ids in grants.items():
        statement = select(_USE.grant_id).where(_USE.key_id == key_id, _USE.day == day, _USE.grant_id.in_(ids))
        known |= {(key_id, day, grant_id) for grant_id in connection.execute(statement).scalars()}
    return known


def _place(use: KeyUse) -> tuple[str, int, str]:
    return use.key_id, use.day, use.grant_id


def _added(use: KeyUse) -> dict[str, Any]:
    at = instant(use.last_at)
    return {"key": use.key_id, "grant": use.grant_id, "on_day": use.day, "more": use.reads, "at": at}


def _begun(use: KeyUse) -> dict[str, Any]:
    return {
        "key_id": use.key_id,
        "grant_id": use.grant_id,
        "day": use.day,
        "reads": use.reads,
        "first_at": instant(use.first_at),
        "last_at": instant(use.last_at),
    }


def _use(columns: Row[Any]) -> KeyUse:
    first_at, last_at = moment(columns.first_at), moment(columns.last_at)
    assert first_at is not None and last_at is not None  # noqa: S101, PT018 - the columns take no NULL
    return KeyUse(
        key_id=columns.key_id,
        grant_id=columns.grant_id,
        day=columns.day,
        reads=columns.reads,
        first_at=first_at,
        last_at=last_at,
    )


def _values(key: ApiKey, secret_hash: str) -> dict[str, Any]:
    values = {
        "id": key.id,
        "secret_hash": secret_hash,
        "key_name": key.name,
        "scopes": " ".join(sorted(key.scopes)),
        "owners": _names(key.owners),
        "clients": _names(key.clients),
        "distinct_per_minute": key.distinct_per_minute,
        "created_at": instant(key.created_at),
        "created_by": key.created_by,
        "expires_at": or_none(key.expires_at),
        "revoked_at": or_none(key.revoked_at),
        "last_used_at": or_none(key.last_used_at),
    }
    kept = checked(values)
    kept["name"] = kept.pop("key_name")
    return kept


def _names(names: frozenset[str] | None) -> str | None:
    return None if names is None else msgspec.json.encode(sorted(names)).decode()


def _key(columns: Row[Any]) -> ApiKey:
    """Return the key; raises SealBroken when it cannot be read: somebody altered it, and it is never taken for wider.

    A scope that a newer version wrote allows nothing here.
    """
    try:
        created_at = moment(columns.created_at)
        assert created_at is not None  # noqa: S101 - the column takes no NULL
        return ApiKey(
            id=columns.id,
            name=columns.name,
            scopes=frozenset(_SCOPES[word] for word in columns.scopes.split() if word in _SCOPES),
            owners=None if columns.owners is None else _decode_names(columns.owners),
            clients=None if columns.clients is None else _decode_names(columns.clients),
            distinct_per_minute=columns.distinct_per_minute,
            created_at=created_at,
            created_by=columns.created_by,
            expires_at=moment(columns.expires_at),
            revoked_at=moment(columns.revoked_at),
            last_used_at=moment(columns.last_used_at),
        )
    except _MALFORMED:
        problem = SealBroken(f"The API key {printable(str(columns.id), 64)} holds a value of a wrong type.")
    raise problem
