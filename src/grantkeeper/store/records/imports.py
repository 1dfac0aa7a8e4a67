"""What changes with the row of a grant whose tokens are taken over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func

from ...model import Beside, Imported, Sharing
from .. import tables
from ..rows import imported_values
from .accounts import erase
from .beside import write_beside
from .events import write

KEEPING_FIRST: Final = {
    name: func.coalesce(tables.grant.c[name], bindparam(f"new_{name}", type_=tables.grant.c[name].type))
    for name in ("imported", "imported_once")
}
"""The first token stays the one that a grant is known by; its person tells the others, which have to say who it is."""


def as_given(imported: Imported | None) -> dict[str, Any]:
    """Return the values of KEEPING_FIRST."""
    return {f"new_{name}": value for name, value in imported_values(imported).items()}


def gone_with(
    grant_id: str, sharing: Sharing | None, imported: Imported | None, beside: Beside
) -> Callable[[Connection], None]:
    """Return what deletes the accounts that are another's when what is shared is said anew, and writes the events."""

    def also(connection: Connection) -> None:
        if sharing is not None:
            erase(connection, grant_id)
        if imported is not None:
            write(connection, imported.event)
        write_beside(connection, beside)

    return also
