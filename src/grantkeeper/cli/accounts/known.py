"""What is known of a grant without asking anybody: how much it shares, and what happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .. import output

if TYPE_CHECKING:
    from grantkeeper.keeper import Keeper
    from grantkeeper.model import Event
    from grantkeeper.settings import Settings

_LATEST: Final = 5
_PAGE: Final = 500


def reached(settings: Settings, grant_id: str) -> dict[str, int]:
    """Return how many accounts a grant reaches and shares, as the last look found it."""
    from grantkeeper.store import SqlStore

    store = SqlStore(settings.database)
    try:
        known = [account for account in store.accounts.of(grant_id) if account.lost_at is None]
    finally:
        store.close()
    return {"reached": len(known), "shared": sum(account.shared for account in known)}


def happened(keeper: Keeper, grant_id: str) -> list[dict[str, Any]]:
    """Return the latest events of a grant, oldest first, for programs."""
    latest: list[Event] = []
    more = True
    while more:
        page = keeper.events(grant_id=grant_id, after=latest[-1].position if latest else 0, limit=_PAGE)
        more = len(page) == _PAGE
        latest = [*latest, *page][-_LATEST:]
    return [
        {"id": each.id, "kind": each.kind, "at": output.timestamp(each.at), "data": dict(each.data)} for each in latest
    ]
