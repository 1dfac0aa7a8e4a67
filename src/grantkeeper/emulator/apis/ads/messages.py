"""From the JSON form of an answer to its protobuf message, fast enough for a page of 10,000 rows.

`google.protobuf.json_format` takes a second for 5,000 rows. Here are the shapes alone that this API's answers have: no
maps, no oneofs, no wrappers. Source: protobuf.dev/programming-guides/json, 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

_Put = Callable[[Any, Any], None]


def fill(message: Any, values: Mapping[str, Any]) -> Any:
    """Put the members into the message, and return it.

    Raises:
        KeyError: the message has no such member, or an enum no such value.
    """
    puts = _puts(message.DESCRIPTOR)
    for name, value in values.items():
        puts[name](message, value)
    return message


@cache
def _puts(descriptor: Any) -> dict[str, _Put]:
    return {field.json_name: _put(field) for field in descriptor.fields}


def _put(field: Any) -> _Put:
    """Return what puts a value, as JSON has it, into the field; a list is one of messages or of plain values."""
    name, kind = field.name, field.message_type
    if kind is not None and kind.full_name == "google.protobuf.FieldMask":
        return lambda message, paths: getattr(message, name).FromJsonString(paths)
    if kind is not None:
        return lambda message, value: _nest(getattr(message, name), value)
    if field.enum_type is not None:
        numbers = {value.name: value.number for value in field.enum_type.values}
        return lambda message, value: setattr(message, name, numbers[value])
    if field.cpp_type == field.CPPTYPE_INT64:  # a text in JSON
        return lambda message, value: setattr(message, name, int(value))
    return lambda message, value: _set(message, name, value)


def _nest(part: Any, value: Any) -> None:
    if isinstance(value, list):
        for each in value:
            fill(part.add(), each)
    else:
        fill(part, value)


def _set(message: Any, name: str, value: Any) -> None:
    if isinstance(value, list):
        getattr(message, name).extend(value)
    else:
        setattr(message, name, value)
