"""Accounts out of nowhere, for what is pure."""

from __future__ import annotations

from datetime import UTC, datetime

from grantkeeper.model import Account, Way

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def account(
    number: str,
    name: str = "",
    *,
    kind: str = "google_ads",
    parents: tuple[str, ...] = (),
    level: int = 0,
    enabled: bool = True,
    status: str = "ENABLED",
    shared: bool = False,
    manager: bool = False,
    lost: bool = False,
) -> Account:
    """Return an account of a grant."""
    return Account(
        kind=kind,
        id=number,
        name=name or f"Account {number}",
        status=status,
        enabled=enabled,
        manager=manager,
        currency="EUR",
        parents=parents,
        ways=(Way(root=number, length=level),),
        grant_id="g",
        shared=shared,
        found_at=NOW,
        lost_at=NOW if lost else None,
    )


def agency(shops: int = 3) -> list[Account]:
    """Return a manager of managers: `top` above `north` and `south`, each above `shops` shops; `both` is below both."""
    found = [
        account("top", "Agency", manager=True),
        account("north", "North", manager=True, parents=("top",), level=1),
        account("south", "South", manager=True, parents=("top",), level=1),
        account("both", "In both", parents=("north", "south"), level=2),
    ]
    for side in ("north", "south"):
        found += [account(f"{side}-{n}", f"Shop {n} {side}", parents=(side,), level=2) for n in range(shops)]
    return found
