"""What happened to a grant, for whoever wants to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

ACCOUNTS_CHANGED: Final = "grant.accounts_changed"
ACCOUNTS_SHARED: Final = "grant.accounts_shared"
GRANT_IMPORTED: Final = "grant.imported"
GRANT_EXPORTED: Final = "grant.exported"
GRANT_PENDING: Final = "grant.pending"
GRANT_CONNECTED: Final = "grant.connected"
GRANT_CONSENT_REQUIRED: Final = "grant.consent_required"
GRANT_RECONNECTED: Final = "grant.reconnected"
GRANT_REVOKED: Final = "grant.revoked"
GRANT_ENDING: Final = "grant.ending"
GRANT_CAP_NEAR: Final = "grant.cap_near"
SCOPES_CHANGED: Final = "grant.scopes_changed"
LINK_OPENED: Final = "link.opened"
LINK_EXPIRED: Final = "link.expired"
CLIENT_FAILING: Final = "client.failing"
CLIENT_RECOVERED: Final = "client.recovered"

KINDS: Final = (
    GRANT_PENDING,
    GRANT_CONNECTED,
    GRANT_CONSENT_REQUIRED,
    GRANT_RECONNECTED,
    SCOPES_CHANGED,
    ACCOUNTS_CHANGED,
    ACCOUNTS_SHARED,
    GRANT_IMPORTED,
    GRANT_EXPORTED,
    GRANT_ENDING,
    GRANT_CAP_NEAR,
    GRANT_REVOKED,
    LINK_OPENED,
    LINK_EXPIRED,
    CLIENT_FAILING,
    CLIENT_RECOVERED,
)
"""Every kind of event there is."""

NAMING_NOBODY: Final[Mapping[str, tuple[str, ...]]] = {
    GRANT_PENDING: ("link_id",),
    GRANT_CONNECTED: ("link_id",),
    GRANT_CONSENT_REQUIRED: ("reason", "advice", "missing", "link_id"),
    GRANT_RECONNECTED: ("link_id",),
    SCOPES_CHANGED: ("added", "removed", "missing", "link_id"),
    ACCOUNTS_CHANGED: (
        "account_kind",
        "appeared_count",
        "lost_count",
        "lost_shared_count",
        "shared_left",
        "last_shared_lost",
    ),
    ACCOUNTS_SHARED: ("shared_count",),
    GRANT_IMPORTED: ("identified", "missing"),
    GRANT_EXPORTED: ("form",),
    GRANT_ENDING: ("ends_at", "days_left", "why"),
    GRANT_CAP_NEAR: ("live", "cap"),
    GRANT_REVOKED: ("reason", "link_id"),
    LINK_OPENED: ("link_id",),
    LINK_EXPIRED: ("link_id",),
    CLIENT_FAILING: ("why", "advice"),
    CLIENT_RECOVERED: (),
}
"""What of an event's data names no person and no account, which often is called as its person is, and finds no token
again: what may leave the house, and what an erasure keeps. Whatever is not named here is personal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, written with the change itself. `data` is JSON and holds no secret.

    `id` names it; 0 before it is written. `position` is its place in the order in which events became visible, by which
    readers go on from where they were; 0 before it has one, which is at the first look after its transaction.
    `grant_id`, `owner` and `client` are "" when it is not about one.
    """

    id: int = 0
    position: int = 0
    kind: str
    at: datetime
    grant_id: str
    owner: str
    client: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An event of which nothing is read but where it stands, when it was, and of which grant: nobody has to trust it.

    An event is the one that it was when its mark is.
    """

    position: int
    id: int
    at: int
    grant_id: str


def beyond(now: datetime) -> int:
    """Return an id and position that no event has had: milliseconds since 1970, as no thousand of them happen a second.

    Also none that was given after another restore of the same backup.
    """
    return int(now.timestamp() * 1000)
