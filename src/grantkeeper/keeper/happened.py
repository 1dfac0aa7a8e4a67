"""Which events a change of a grant is: one place, so that nobody who saves a grant can tell it differently."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ..model import Event, Grant, GrantStatus
from ..model.event import (
    GRANT_CONNECTED,
    GRANT_CONSENT_REQUIRED,
    GRANT_PENDING,
    GRANT_RECONNECTED,
    GRANT_REVOKED,
    SCOPES_CHANGED,
)
from ..renewal import advice


def changes(before: Grant | None, after: Grant, *, at: datetime, link_id: str = "") -> tuple[Event, ...]:
    """Return the events of a grant that becomes `after`; `before` is None for a new one.

    `link_id` is the invitation that was followed. The data name no person: whoever may know looks the grant up.
    """
    link = {"link_id": link_id} if link_id else {}
    return tuple(
        Event(kind=kind, at=at, grant_id=after.id, owner=after.owner, client=after.client, data=data | link)
        for kind, data in (*_status(before, after), *_scopes(before, after))
    )


def _status(before: Grant | None, after: Grant) -> Iterator[tuple[str, dict[str, Any]]]:
    consented = before is None or before.consented_at != after.consented_at
    same = before is not None and (before.status, before.reason) == (after.status, after.reason)
    if same and not (consented and after.status in (GrantStatus.ACTIVE, GrantStatus.PENDING)):
        return
    if after.status is GrantStatus.PENDING:
        yield GRANT_PENDING, {}
    elif after.status is GrantStatus.ACTIVE:
        yield (GRANT_CONNECTED if _is_new(before) else GRANT_RECONNECTED), {}
    elif after.status is GrantStatus.CONSENT_REQUIRED:
        data: dict[str, Any] = {"reason": after.reason.value, "advice": advice(after.reason)}
        yield GRANT_CONSENT_REQUIRED, data | ({"missing": sorted(after.missing)} if after.missing else {})
    else:
        yield GRANT_REVOKED, {"reason": after.reason.value}


def _is_new(before: Grant | None) -> bool:
    """Tell whether the business could not use it before: it is new, or was not confirmed."""
    return before is None or not before.confirmed or before.status is GrantStatus.PENDING


def _scopes(before: Grant | None, after: Grant) -> Iterator[tuple[str, dict[str, Any]]]:
    if before is None or (before.scopes, before.missing) == (after.scopes, after.missing):
        return
    added, removed = sorted(after.scopes - before.scopes), sorted(before.scopes - after.scopes)
    yield SCOPES_CHANGED, {"added": added, "removed": removed, "missing": sorted(after.missing)}
