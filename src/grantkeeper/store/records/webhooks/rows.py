"""An endpoint's and a delivery's values to columns and back."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Row

from ....errors import SealBroken, printable
from ....model import Delivery, Endpoint, EndpointRow, Sealed
from ...rows import checked, instant, moment, or_none

_MALFORMED: Final = (KeyError, TypeError, ValueError, OverflowError)

_ATTEMPTS_AT_MOST: Final = 1000
"""Nothing is tried more than ten times; a later version may try more often."""


def endpoint_values(row: EndpointRow) -> dict[str, Any]:
    """Return the columns of an endpoint, without those that deliveries move."""
    endpoint = row.endpoint
    values = {
        "id": endpoint.id,
        "url": endpoint.url,
        "kinds": msgspec.json.encode(sorted(endpoint.kinds)).decode(),
        "description": endpoint.description,
        "status": endpoint.status,
        "data_key": row.sealed.key,
        "sealed": row.sealed.data,
        "created_at": instant(endpoint.created_at),
        "created_by": endpoint.created_by,
        "failing_since": or_none(endpoint.failing_since),
        "held_until": or_none(endpoint.held_until),
        "version": endpoint.version,
    }
    return checked(values) | {"reason": endpoint.reason}


def endpoint_row(columns: Row[Any]) -> EndpointRow:
    """Return the endpoint; raises SealBroken when somebody altered it."""
    try:
        return _endpoint(columns)
    except _MALFORMED:
        problem = SealBroken(f"The endpoint {printable(str(columns.id), 64)} holds a value of a wrong type.")
    raise problem


def _endpoint(columns: Row[Any]) -> EndpointRow:
    created_at = moment(columns.created_at)
    if created_at is None or columns.status not in ("enabled", "disabled"):
        raise ValueError
    endpoint = Endpoint(
        id=columns.id,
        url=columns.url,
        created_at=created_at,
        created_by=columns.created_by,
        kinds=frozenset(msgspec.json.decode(columns.kinds, type=list[str])),
        description=columns.description,
        status=columns.status,
        reason=columns.reason,
        failing_since=moment(columns.failing_since),
        held_until=moment(columns.held_until),
        delivered_at=moment(columns.delivered_at),
        version=columns.version,
    )
    return EndpointRow(endpoint=endpoint, sealed=Sealed(key=bytes(columns.data_key), data=bytes(columns.sealed)))


def delivery_of(columns: Row[Any]) -> Delivery:
    """Return the delivery; raises SealBroken when somebody altered it."""
    try:
        return _delivery(columns)
    except _MALFORMED:
        problem = SealBroken(f"Delivery {printable(str(columns.id), 20)} holds a value of a wrong type.")
    raise problem


def _delivery(columns: Row[Any]) -> Delivery:
    created_at = moment(columns.created_at)
    if created_at is None or columns.status not in ("waiting", "delivered", "dead"):
        raise ValueError
    if not isinstance(columns.attempts, int) or not 0 <= columns.attempts <= _ATTEMPTS_AT_MOST:
        raise ValueError
    return Delivery(
        id=columns.id,
        endpoint_id=columns.endpoint_id,
        event_id=columns.event_id,
        kind=columns.kind,
        status=columns.status,
        attempts=columns.attempts,
        due_at=moment(columns.due_at),
        created_at=created_at,
        delivered_at=moment(columns.delivered_at),
        last_status=columns.last_status,
        last_error=columns.last_error,
    )
