"""The words of grantkeeper as values, and its seams as Protocols.

Standard library only, no I/O, no clock. All datetimes are aware and in UTC.
"""

from .account import Account, AccountChanges, FoundAccount, Look, Picker, Preselect, Sharing, Way
from .event import Event
from .grant import (
    DEFAULT_MIN_TTL,
    UNIDENTIFIED,
    AccessToken,
    Adoption,
    Examination,
    Grant,
    GrantStatus,
    Reason,
    Redirect,
    Revocation,
)
from .provider import Death, OAuthClient, Provider, Rotation
from .rows import FlowRow, GrantRow, Imported, Installation, SealContext, Sealed, Tokens
from .seams import ALL_SHARED, AccountSource, AccountStore, EventStore, Sealer, Store, TokenSource, Transport
from .secret import Secret
from .wire import Request, Response

__all__ = [
    "ALL_SHARED",
    "DEFAULT_MIN_TTL",
    "UNIDENTIFIED",
    "AccessToken",
    "Account",
    "AccountChanges",
    "AccountSource",
    "AccountStore",
    "Adoption",
    "Death",
    "Event",
    "EventStore",
    "Examination",
    "FlowRow",
    "FoundAccount",
    "Grant",
    "GrantRow",
    "GrantStatus",
    "Imported",
    "Installation",
    "Look",
    "OAuthClient",
    "Picker",
    "Preselect",
    "Provider",
    "Reason",
    "Redirect",
    "Request",
    "Response",
    "Revocation",
    "Rotation",
    "SealContext",
    "Sealed",
    "Sealer",
    "Secret",
    "Sharing",
    "Store",
    "TokenSource",
    "Tokens",
    "Transport",
    "Way",
]
