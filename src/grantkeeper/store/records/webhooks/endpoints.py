"""Endpoints: who is told."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from ....errors import Conflict, SealBroken, printable
from ....model import Beside, EndpointRow
from ... import tables
from ...rows import searchable
from ..access import Access
from ..beside import write_beside
from .rows import endpoint_row, endpoint_values

_ENDPOINT: Final = tables.endpoint.columns
_DELIVERY: Final = tables.delivery.columns
_INSERT: Final = insert(tables.endpoint)
_SAVE: Final = update(tables.endpoint).where(
    _ENDPOINT.id == bindparam("key"), _ENDPOINT.version == bindparam("expected_version")
)
_BY_ID: Final = select(tables.endpoint).where(_ENDPOINT.id == bindparam("key"))
_ALL: Final = select(tables.endpoint).order_by(_ENDPOINT.created_at, _ENDPOINT.id)
_DELETE: Final = delete(tables.endpoint).where(_ENDPOINT.id == bindparam("key"))
_ITS_DELIVERIES: Final = select(_DELIVERY.id).where(_DELIVERY.endpoint_id == bindparam("key")).limit(1000)


class Endpoints:
    """The part of `WebhookStore` about endpoints."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, row: EndpointRow, *, beside: Beside) -> None:
        """Keep a new endpoint."""
        values = endpoint_values(row)

        def add(connection: Connection) -> int:
            inserted = connection.execute(_INSERT, values).rowcount
            write_beside(connection, beside)
            return inserted

        self._access.written(add, lambda connection: _version(connection, row.endpoint.id) == row.endpoint.version)

    def get(self, endpoint_id: str) -> EndpointRow | None:
        """Return an endpoint, or None."""
        found = self._access.read(_BY_ID, {"key": searchable(endpoint_id)})
        return endpoint_row(found[0]) if found else None

    def all(self) -> list[EndpointRow]:
        """Return every endpoint that can be read, oldest first."""
        return self._access.readable(_ALL, {}, endpoint_row)

    def unreadable(self) -> list[str]:
        """Return the ids of endpoints whose rows somebody altered."""
        return [_id(columns) for columns in self._access.read(_ALL, {}) if not _is_read(columns)]

    def save(self, row: EndpointRow, *, expected_version: int, beside: Beside) -> None:
        """Replace an endpoint's row by compare-and-swap; raises Conflict."""
        values = endpoint_values(row)
        guards = {"key": values.pop("id"), "expected_version": expected_version}

        def save(connection: Connection) -> int:
            if connection.execute(_SAVE, {**guards, **values}).rowcount != 1:
                raise Conflict("Somebody changed this endpoint first.", advice="Read it again.")
            write_beside(connection, beside)
            return 1

        def landed(connection: Connection) -> bool:
            found = connection.execute(_BY_ID, {"key": row.endpoint.id}).first()
            return found is not None and (found.version, found.sealed) == (row.endpoint.version, row.sealed.data)

        self._access.written(save, landed)

    def remove(self, endpoint_id: str, *, beside: Beside) -> bool:
        """Delete an endpoint and its deliveries; False when there is none."""
        key = {"key": searchable(endpoint_id)}

        def remove(connection: Connection) -> int:
            gone = connection.execute(_DELETE, key).rowcount
            if gone:
                write_beside(connection, beside)
            return gone

        removed = self._access.written(remove, lambda connection: _version(connection, endpoint_id) is None) == 1
        # Only afterwards: an endpoint that is gone gets no more, and there may be too many for one transaction.
        while self._access.written(lambda connection: _delete_some(connection, key), None):
            pass
        return removed


def _is_read(columns: Row[Any]) -> bool:
    try:
        endpoint_row(columns)
    except SealBroken:
        return False
    return True


def _id(columns: Row[Any]) -> str:
    return printable(str(columns.id), tables.ID_LENGTH)


def _delete_some(connection: Connection, key: dict[str, Any]) -> int:
    found = connection.execute(_ITS_DELIVERIES, key).scalars().all()
    return connection.execute(delete(tables.delivery).where(_DELIVERY.id.in_(found))).rowcount if found else 0


def _version(connection: Connection, endpoint_id: str) -> int | None:
    found = connection.execute(_BY_ID, {"key": searchable(endpoint_id)}).first()
    return None if found is None else int(found.version)
