"""Get and keep API access on behalf of a business's clients.

    from grantkeeper import Keeper

    with Keeper.from_env() as keeper:
        grant = keeper.find("acme", "google-ads")
        token = keeper.token(grant.id)

The words are in `grantkeeper.model`, the errors in `grantkeeper.errors`; all of them can be imported from here.
Importing `grantkeeper` loads no database, no HTTP and no provider's library: what needs them comes at its first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .errors import (
    AccessRefused,
    AccountMismatch,
    BadCallback,
    Conflict,
    ConsentDenied,
    ConsentRequired,
    DatabaseUnavailable,
    GrantkeeperError,
    InvalidInput,
    KeyRefused,
    Misconfigured,
    NotAllowed,
    NotFound,
    ProviderUnavailable,
    ProviderWords,
    SealBroken,
    ServiceUnavailable,
    TooManyRequests,
)
from .model import (
    DEFAULT_MIN_TTL,
    AccessToken,
    Account,
    AccountChanges,
    Adoption,
    Event,
    Examination,
    Grant,
    GrantStatus,
    Look,
    OAuthClient,
    Picker,
    Provider,
    Reason,
    Redirect,
    Revocation,
    Secret,
    Sharing,
    TokenSource,
)

if TYPE_CHECKING:
    from .aio import AsyncKeeper
    from .keeper import Keeper
    from .remote import AsyncRemote, Remote
    from .settings import Settings

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_MIN_TTL",
    "AccessRefused",
    "AccessToken",
    "Account",
    "AccountChanges",
    "AccountMismatch",
    "Adoption",
    "AsyncKeeper",
    "AsyncRemote",
    "BadCallback",
    "Conflict",
    "ConsentDenied",
    "ConsentRequired",
    "DatabaseUnavailable",
    "Event",
    "Examination",
    "Grant",
    "GrantStatus",
    "GrantkeeperError",
    "InvalidInput",
    "Keeper",
    "KeyRefused",
    "Look",
    "Misconfigured",
    "NotAllowed",
    "NotFound",
    "OAuthClient",
    "Picker",
    "Provider",
    "ProviderUnavailable",
    "ProviderWords",
    "Reason",
    "Redirect",
    "Remote",
    "Revocation",
    "SealBroken",
    "Secret",
    "ServiceUnavailable",
    "Settings",
    "Sharing",
    "TokenSource",
    "TooManyRequests",
]

_AT_FIRST_USE = {
    "Keeper": ".keeper",
    "AsyncKeeper": ".aio",
    "Remote": ".remote",
    "AsyncRemote": ".remote",
    "Settings": ".settings",
}


def __getattr__(name: str) -> Any:
    """Load what needs a database or HTTP at its first use (PEP 562)."""
    if name not in _AT_FIRST_USE:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(_AT_FIRST_USE[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
