"""What goes with a change, in its transaction."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from ...errors import InvalidInput
from ...model import Beside
from .audit.log import append
from .events import write
from .service.link_rows import replace_link


def write_beside(connection: Connection, beside: Beside) -> None:
    """Write it all, or raise Conflict: a link that somebody else has used up undoes the change."""
    for change in beside.links:
        replace_link(connection, change)
    for event in beside.events:
        write(connection, event)
    if beside.audit:
        if beside.mac is None:
            raise InvalidInput("An audit entry needs a key to be signed with.")
        append(connection, beside.audit, beside.mac)


def with_beside(beside: Beside) -> Callable[[Connection], None] | None:
    """Return what writes it, or None when there is nothing to write."""
    return (lambda connection: write_beside(connection, beside)) if beside else None
