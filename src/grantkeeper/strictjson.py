"""JSON objects from strangers: read without ever crashing, and without guessing.

Standard library only. Peers of a layer do not import each other, and several of them read JSON: so it sits below all.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonObject:
    """A JSON object's members, the last of doubled names winning, and which names came twice at its top level.

    `odd` is True when it held NaN or Infinity, or a doubled name at any depth: against RFC 8259.
    """

    members: dict[str, object]
    doubled: frozenset[str]
    odd: bool


class _Object(dict[str, object]):
    """A dict that remembers which of its names came twice."""

    doubled: frozenset[str] = frozenset()


def read_object(body: bytes | str) -> JsonObject | None:
    """Return the JSON object in `body`, or None when there is none; never raises (RFC 8259).

    A byte order mark is skipped (8.1 lets a parser do so). What is not UTF-8 is read as Latin-1: names and tokens are
    ASCII, and only a sentence for people can suffer. NaN and Infinity become floats, as many encoders write them.
    """
    oddities: list[str] = []

    def number(word: str) -> float:
        oddities.append(word)
        return float(word)

    def pairs(items: list[tuple[str, object]]) -> _Object:
        made = _Object(items)
        if len(made) != len(items):
            made.doubled = repeated(name for name, _ in items)
            oddities.append("doubled")
        return made

    try:
        value = json.loads(_text(body), parse_constant=number, object_pairs_hook=pairs)
    except (ValueError, RecursionError):  # RecursionError: nested deeper than the interpreter's limit
        return None
    if not isinstance(value, _Object):
        return None
    return JsonObject(members=dict(value), doubled=value.doubled, odd=bool(oddities))


def repeated(names: Iterable[str]) -> frozenset[str]:
    """Return the names that come more than once, in linear time: whoever answers chooses how many there are."""
    return frozenset(name for name, times in Counter(names).items() if times > 1)


def read_strict_object(body: bytes | str) -> dict[str, object] | None:
    """Return the object's members, or None when it is not one that every parser would read alike (RFC 8259 4)."""
    found = read_object(body)
    return None if found is None or found.odd else found.members


def _text(body: bytes | str) -> str:
    if isinstance(body, str):
        return body.removeprefix("\ufeff")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")
