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


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a grant, written with the change itself. `data` is JSON and holds no secret.

    `id` grows with each event of a database; 0 before it is written.
    """

    id: int = 0
    kind: str
    at: datetime
    grant_id: str
    owner: str
    client: str
    data: Mapping[str, Any] = field(default_factory=dict)
