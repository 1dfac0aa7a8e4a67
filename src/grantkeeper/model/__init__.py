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
from .service.access import (
    ApiKey,
    KeyStore,
    KeyUse,
    NewKey,
    OneTimeLink,
    Operator,
    OperatorStore,
    Role,
    Scope,
    Session,
    SignedIn,
)
from .service.audit import AuditEntry, AuditHead, AuditStore, Mac, SealedEntry
from .service.beside import NOTHING, Beside
from .service.health import ClientState, HealthStore, Tally
from .service.links import (
    Confirm,
    Expectation,
    Invitation,
    Link,
    LinkRow,
    LinkSave,
    LinkStatus,
    LinkStore,
)
from .service.overview import ListedGrant, OverviewStore
from .service.webhooks import Delivery, Due, Endpoint, EndpointRow, WebhookStore
from .service.work import Answered, Claimed, DueGrant, IdempotencyStore, WorkStore
from .wire import Request, Response

__all__ = [
    "ALL_SHARED",
    "DEFAULT_MIN_TTL",
    "NOTHING",
    "UNIDENTIFIED",
    "AccessToken",
    "Account",
    "AccountChanges",
    "AccountSource",
    "AccountStore",
    "Adoption",
    "Answered",
    "ApiKey",
    "AuditEntry",
    "AuditHead",
    "AuditStore",
    "Beside",
    "Claimed",
    "ClientState",
    "Confirm",
    "Death",
    "Delivery",
    "Due",
    "DueGrant",
    "Endpoint",
    "EndpointRow",
    "Event",
    "EventStore",
    "Examination",
    "Expectation",
    "FlowRow",
    "FoundAccount",
    "Grant",
    "GrantRow",
    "GrantStatus",
    "HealthStore",
    "IdempotencyStore",
    "Imported",
    "Installation",
    "Invitation",
    "KeyStore",
    "KeyUse",
    "Link",
    "LinkRow",
    "LinkSave",
    "LinkStatus",
    "LinkStore",
    "ListedGrant",
    "Look",
    "Mac",
    "NewKey",
    "OAuthClient",
    "OneTimeLink",
    "Operator",
    "OperatorStore",
    "OverviewStore",
    "Picker",
    "Preselect",
    "Provider",
    "Reason",
    "Redirect",
    "Request",
    "Response",
    "Revocation",
    "Role",
    "Rotation",
    "Scope",
    "SealContext",
    "Sealed",
    "SealedEntry",
    "Sealer",
    "Secret",
    "Session",
    "Sharing",
    "SignedIn",
    "Store",
    "Tally",
    "TokenSource",
    "Tokens",
    "Transport",
    "Way",
    "WebhookStore",
    "WorkStore",
]
