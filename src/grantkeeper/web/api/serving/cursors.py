"""Cursors: where a list goes on, and which list it is. Whoever gets one passes it on and reads nothing in it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final, TypeVar

import msgspec

from grantkeeper.errors import InvalidInput

Query = TypeVar("Query", bound=msgspec.Struct)
_CHECK: Final = 8
"""Bytes of a SHA-256: what was cut or mistyped is noticed. Who makes one up gains nothing by it: a cursor is a place in
a list, and what a key must not see is in none of its lists (V-60)."""
_NOT_FILTERS: Final = frozenset({"limit", "cursor"})


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    name: str
    filters: dict[str, str]
    position: str


_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.Decoder(_Place).decode


def cursor_of(name: str, query: msgspec.Struct, position: str) -> str:
    """Return the cursor of the list of this name, filtered as this query says, after this position."""
    place = _encode(_Place(name, _filters(query), position))
    return _written(_check(place) + place)


def resumed(name: str, query: Query) -> tuple[Query, str]:
    """Return the query with the filters of its cursor's list, and the position after which it goes on, "" for none.

    Raises:
        InvalidInput: the cursor is none that this list gave, or of a list that is filtered in another way.
    """
    cursor: str | None = query.cursor  # type: ignore[attr-defined]
    if cursor is None:
        return query, ""
    place = _opened(cursor)
    if place is None or place.name != name:
        raise unknown_cursor()
    for field, value in _filters(query).items():
        if place.filters.get(field) != value:
            raise InvalidInput(f"cursor is of a list with another {field}.", advice="Begin without a cursor.")
    values: dict[str, Any] = {**place.filters, "limit": query.limit}  # type: ignore[attr-defined]
    try:
        return msgspec.convert(values, type(query)), place.position
    except msgspec.ValidationError:
        raise unknown_cursor() from None


def unknown_cursor() -> InvalidInput:
    """Return the error for a cursor that no list gave."""
    return InvalidInput("cursor is not one that this list gave.", advice="Begin without one.")


def _opened(cursor: str) -> _Place | None:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = _decode(raw[_CHECK:])
    except ValueError:  # of base64, of JSON, of UTF-8
        return None
    good = raw[:_CHECK] == _check(raw[_CHECK:]) and cursor == _written(raw)  # base64 has more than one way to end
    return place if good else None


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _check(place: bytes) -> bytes:
    return hashlib.sha256(place).digest()[:_CHECK]


def _filters(query: msgspec.Struct) -> dict[str, str]:
    values = {name: getattr(query, name) for name in query.__struct_fields__ if name not in _NOT_FILTERS}
    return {name: str(value) for name, value in values.items() if value is not None}
