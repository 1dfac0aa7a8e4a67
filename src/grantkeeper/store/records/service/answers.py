"""Answers to POSTs that may be sent again."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from ....model import Answered
from ... import tables
from ...rows import instant, moment
from ..access import Access

_ANSWER: Final = tables.answer.columns
_BY_KEY: Final = _ANSWER.key == bindparam("whose")
_READ: Final = select(tables.answer).where(_BY_KEY)
_LOCKED: Final = _READ.with_for_update()
_INSERT: Final = insert(tables.answer)
_UPDATE: Final = update(tables.answer).where(_BY_KEY)
_DELETE: Final = delete(tables.answer).where(_BY_KEY)


class Answers:
    """Implements `IdempotencyStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def begin(self, key: str, *, fingerprint: str, now: datetime, expires_at: datetime) -> Answered | None:
        """Take the key; returns None to exactly one caller, else what is known of the first. An expired one is free."""
        known: list[Answered] = []
        values = {"key": key, "fingerprint": fingerprint, "expires_at": instant(expires_at)}

        def begin(connection: Connection) -> int:
            known.clear()
            found = connection.execute(_LOCKED, {"whose": key}).first()
            if found is not None and found.expires_at > instant(now):
                known.append(_answered(found))
                return 1
            if found is not None:
                connection.execute(_DELETE, {"whose": key})
            return connection.execute(_INSERT, values).rowcount

        # Taken twice after a lost COMMIT, it says "under way" to the one who has it: they ask again, and nothing is
        # done twice.
        self._access.written(begin, None)
        return known[0] if known else None

    def finish(self, key: str, *, status: int, sealed_key: bytes, sealed: bytes) -> None:
        """Keep the answer."""
        values = {"whose": key, "status": status, "data_key": sealed_key, "sealed": sealed}
        self._access.written(lambda connection: connection.execute(_UPDATE, values).rowcount, None)

    def give_up(self, key: str) -> None:
        """Free the key: nothing was done."""
        self._access.written(lambda connection: connection.execute(_DELETE, {"whose": key}).rowcount, None)

    def sweep(self, *, now: datetime, limit: int = 1000) -> int:
        """Delete those whose time is up."""
        over = select(_ANSWER.key).where(_ANSWER.expires_at <= instant(now)).order_by(_ANSWER.expires_at).limit(limit)

        def sweep(connection: Connection) -> int:
            found = connection.execute(over).scalars().all()
            return connection.execute(delete(tables.answer).where(_ANSWER.key.in_(found))).rowcount if found else 0

        return self._access.written(sweep, None)


def _answered(columns: Any) -> Answered:
    key, data = columns.data_key, columns.sealed
    return Answered(
        fingerprint=columns.fingerprint,
        status=columns.status,
        key=None if key is None else bytes(key),
        data=None if data is None else bytes(data),
        expires_at=moment(columns.expires_at),
    )
