"""Requests, read strictly: what is unknown, doubled or of a wrong type is refused by name."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import msgspec

from grantkeeper.errors import InvalidInput, printable
from grantkeeper.strictjson import read_strict_object
from grantkeeper.web.api.problems import Refused

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

MOST_FIELDS: Final = 50
MAX_BODY: Final = 256 * 1024
"""Bytes: a list of a thousand owners' names, and far more than any other body."""


def header(scope: Scope, name: bytes) -> str | None:
    """Return a header's value, None when there is none; raises Refused when it comes twice."""
    found = [value for each, value in scope["headers"] if each == name]
    if len(found) > 1:
        raise Refused(400, "doubled_header", f"The header {name.decode()} comes more than once.")
    return found[0].decode("latin-1") if found else None


def query_of(scope: Scope) -> list[tuple[str, str]]:
    """Return names and values of the query; raises InvalidInput when there are more than any operation has."""
    try:
        return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InvalidInput(f"There are more than {MOST_FIELDS} parameters: no operation has so many.") from None


def asked(kind: type[msgspec.Struct], pairs: list[tuple[str, str]]) -> Any:
    """Return a query as this type; raises InvalidInput that names the parameter."""
    names = Counter(name for name, _ in pairs)
    doubled = next((name for name, count in names.items() if count > 1), None)
    if doubled is not None:
        raise InvalidInput(f"The parameter {printable(doubled, 40)!r} comes more than once.")
    found = _converted(kind, dict(pairs), strict=False)
    nothing = next((name for name in names if getattr(found, name) is None), None)
    if nothing is not None:  # to msgspec the word null says that there is none; to us who wants none leaves it out
        raise InvalidInput(f"The parameter {nothing!r} cannot be null: leave it out.")
    return found


async def body_of(scope: Scope, receive: Receive) -> bytes:
    """Return the body; raises Refused when it is larger than any that we know."""
    length = header(scope, b"content-length")
    if length is not None and (not length.isdigit() or len(length) > 9 or int(length) > MAX_BODY):
        raise _too_large()
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "incomplete", "The request ended before it was whole.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY:
            raise _too_large()
    return bytes(body)


def parsed(kind: type[msgspec.Struct] | None, scope: Scope, body: bytes) -> Any:
    """Return a JSON body as this type, None for none; raises Refused or InvalidInput.

    An operation without a body takes none, or an empty object.
    """
    if not body:
        return None if kind is None else _converted(kind, {}, strict=True)
    sent = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
    if sent != "application/json":
        raise Refused(415, "unsupported_media_type", "Send JSON, as application/json.")
    try:
        found = read_strict_object(body.decode())  # RFC 8259 8.1: nobody guesses how a name was meant
        json.dumps(found, ensure_ascii=False).encode()  # 8.2: half of a surrogate pair is no text
    except (ValueError, RecursionError):
        found = None
    if found is None:
        raise Refused(400, "not_json", "The body is not a JSON object in UTF-8, or names a member twice.")
    if kind is None:
        if found:
            raise InvalidInput("This takes no body.")
        return None
    return _converted(kind, {name: _whole(value) for name, value in found.items()}, strict=True)


def _whole(value: object) -> object:
    """Return 60 for 60.0: to JSON Schema (2020-12, 6.1.1) both are the same integer, and some programs write it so."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _converted(kind: type[msgspec.Struct], values: dict[str, Any], *, strict: bool) -> Any:
    try:
        return msgspec.convert(values, kind, strict=strict)
    except msgspec.ValidationError as error:
        problem = InvalidInput(f"{printable(str(error), 300)}.")
    raise problem


def _too_large() -> Refused:
    return Refused(413, "too_large", f"The body has more than {MAX_BODY >> 10} KiB.")
