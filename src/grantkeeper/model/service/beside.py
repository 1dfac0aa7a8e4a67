"""What is written in the transaction of a change: events, audit entries, links that it uses up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..event import Event
from .audit import AuditEntry, Mac
from .links import LinkSave


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What goes with a change, or nothing of it. `mac` is needed when there are audit entries."""

    events: tuple[Event, ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    links: tuple[LinkSave, ...] = ()
    mac: Mac | None = None

    def __bool__(self) -> bool:
        """Tell whether there is anything to write."""
        return bool(self.events or self.audit or self.links)


NOTHING: Final = Beside()
