"""What the verbs of one keeper share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..journal import Journal
from ..model import AuditEntry, Beside, Event, Mac, OAuthClient, Signed, Store
from ..tracing import Tracing
from .authority import Authority
from .vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The database, the vault, the way to providers, and time; `rotated` is told when a replaced token was saved.

    `mac` signs the audit log's entries, `signed` tells whether it did; None when it was a key that is not here.
    """

    store: Store
    vault: Vault
    authority: Authority
    clients: Mapping[str, OAuthClient]
    now: Callable[[], datetime]
    pause: Callable[[timedelta], None]
    journal: Journal | None
    rotated: Callable[[], object]
    mac: Mac
    signed: Signed
    tracing: Tracing

    def beside(self, *audit: AuditEntry, events: tuple[Event, ...] = ()) -> Beside:
        """Return what is written with a change: events, and audit entries with what signs them."""
        return Beside(events=events, audit=audit, mac=self.mac)
