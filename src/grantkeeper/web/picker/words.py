"""How accounts are written for people. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantkeeper.accounts import discovery
from grantkeeper.errors import printable

if TYPE_CHECKING:
    from grantkeeper.model import Account

_STATUS: Final = {"CANCELED": "Cancelled", "NOT_ENABLED": "Not set up, or cancelled"}
"""The API's words that a person would read as something else, or not at all."""
STATUSES: Final = (
    *_STATUS.values(),
    "Suspended",
    "Closed",
    "Draft",
    "Paused",
    "Entity status archived",
    "Entity status draft",
    "Entity status paused",
    "Entity status scheduled for deletion",
    "Not reached any more",
    "Not active",
)
"""What `status` says in all likelihood, for the catalogues."""


def title(kind: str) -> str:
    """Return how people call the product that a kind of account belongs to."""
    known = discovery(kind)
    return known.title if known else kind.replace("_", " ").capitalize()


def written(account: Account) -> str:
    """Return an account's id as its product writes it for people."""
    known = discovery(account.kind)
    return printable(known.written(account.id) if known else account.id, 200)


def called(account: Account) -> str:
    """Return an account's name, "" when it has none."""
    return printable(account.name, 120)


def status(account: Account) -> str:
    """Return what is the matter with an account, "" when nothing is; in English, which the catalogues know."""
    if account.lost_at is not None:
        return "Not reached any more"
    if account.enabled:
        return ""
    return _STATUS.get(account.status) or printable(account.status.replace("_", " ").capitalize(), 40) or "Not active"
