"""What is posted: which event it was, and no more of it than whoever looks it up may know anyway (V-59)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Final

from ..errors import InvalidInput, printable
from ..model import Event
from ..model.event import KINDS, NAMING_NOBODY

TEST: Final = "webhook.test"
"""The kind of a message that is no event: somebody tries an endpoint."""

_TOLD: Final[Mapping[str, tuple[str, ...]]] = {**NAMING_NOBODY, TEST: ("endpoint_id",)}
"""What of an event's data leaves the house. `GET /v1/events` has the rest, for whoever has a key."""


def message_id(event: Event, installation: str) -> str:
    """Return the id by which a receiver knows a message again: of the event, whichever attempt or endpoint it is.

    It has no dot, which would end it in what is signed. Two installations that post to one receiver differ in it.
    """
    return f"evt_{installation[:8]}_{event.id}"


def message_body(event: Event) -> bytes:
    """Return the exact bytes that are posted and signed."""
    about: dict[str, object] = {"event_id": event.id, "position": event.position}
    about |= {"grant_id": event.grant_id, "owner": event.owner, "client": event.client}
    at = event.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    told = {name: event.data[name] for name in _TOLD.get(event.kind, ()) if name in event.data}
    message = {"type": event.kind, "timestamp": at, "data": {**told, **about}}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def event_kinds(kinds: Iterable[str]) -> frozenset[str]:
    """Return the kinds of events if each is one; raises InvalidInput. No kinds mean all of them."""
    found = frozenset((kinds,) if isinstance(kinds, str) else kinds)
    unknown = sorted(str(each) for each in found - set(KINDS))
    if unknown:
        raise InvalidInput(
            f"{printable(unknown[0], 64)!r} is no kind of event.", advice=f"Kinds are {', '.join(sorted(KINDS))}."
        )
    return found
