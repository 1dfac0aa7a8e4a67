"""What goes over the wire, beside the model's own values."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

import msgspec

from grantkeeper.model import (
    AccessToken,
    Account,
    ApiKey,
    AuditEntry,
    Delivery,
    Endpoint,
    Event,
    Grant,
    GrantStatus,
    Link,
    LinkStatus,
    Picker,
    Revocation,
    Scope,
)

JSON: Final = (b"content-type", b"application/json")
SAFE: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""Headers of every answer but the documents."""

T = TypeVar("T")
Text = Annotated[str, msgspec.Meta(max_length=1000)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Cursor = Annotated[str, msgspec.Meta(max_length=8000)]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
Kinds = Annotated[list[Text], msgspec.Meta(max_length=100)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=86_400)]


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """A page of a list. `next` is the `cursor` of the next page, null at the end."""

    items: list[T]
    next: str | None = None


class Token(msgspec.Struct, kw_only=True):
    """An access token (RFC 6750)."""

    access_token: str
    expires_at: datetime
    scopes: list[str]
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6749 7.1

    @classmethod
    def of(cls, token: AccessToken) -> Token:
        """Return it as it is sent."""
        return cls(access_token=token.value.reveal(), expires_at=token.expires_at, scopes=sorted(token.scopes))


class TokenQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`min_ttl`: how many seconds the token has to live at least."""

    min_ttl: Seconds = 300


class Rejected(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An access token that an API refused (401)."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]


class GrantsQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which grants, and where to go on."""

    owner: Text | None = None
    client: Text | None = None
    email: Text | None = None
    status: GrantStatus | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class Confirmation(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`proof`: what the person's browser brought to `return_to`; `version`: of the grant that was looked at."""

    proof: Text | None = None
    version: int | None = None


class RevokeQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`siblings`: `end` tells the provider even though other grants of the same person end with it.

    `version`: of the grant that was looked at.
    """

    siblings: Literal["keep", "end"] = "keep"
    version: int | None = None


class AccountsQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`include=all` also lists what is not shared and what is lost."""

    kind: Text | None = None
    search: Text | None = None
    include: Literal["shared", "all"] = "shared"


class AccountQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The account of this id; without one, the only one of the kind."""

    kind: Text
    account_id: Text | None = None


class ExpectationIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Who is invited."""

    kind: Literal["email", "hosted_domain", "subject"]
    value: Text


class PickerIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How the person chooses which accounts are shared."""

    page: Literal["show", "skip"] = "show"
    preselect: Literal["none", "enabled"] | tuple[Text, ...] = "none"
    at_least: Literal[0, 1] = 0

    def value(self) -> Picker:
        """Return the model's value; raises InvalidInput."""
        return Picker(page=self.page, preselect=self.preselect, at_least=self.at_least)


class LinkIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An invitation to be made; `expires_in` in seconds."""

    owner: Text
    client: Text
    expires_in: Annotated[int, msgspec.Meta(ge=60, le=90 * 86_400)] = 7 * 86_400
    expect: ExpectationIn | Text | None = None
    confirm: Literal["ask", "proof", "auto"] = "ask"
    return_to: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    picker: PickerIn | None = None
    language: Annotated[str, msgspec.Meta(max_length=10)] = ""
    message: Text = ""
    grant_id: Text | None = None
    other_account: Literal["refuse", "add"] = "refuse"
    code: bool = False


class InvitationOut(msgspec.Struct, kw_only=True):
    """A link, its address, and the code that its person is told by another way, if it asks for one."""

    link: Link
    url: str
    code: str | None = None


class LinksQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which links, and where to go on."""

    owner: Text | None = None
    client: Text | None = None
    status: LinkStatus | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class EventsQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Events with a position greater than `after`."""

    grant_id: Text | None = None
    kind: Text | None = None
    after: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    limit: Limit = 100


class HistoryQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Of one grant: events with a position greater than `after`."""

    after: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    limit: Limit = 100


class ClientOut(msgspec.Struct, kw_only=True):
    """An OAuth client, and since when it has not worked, as far as any process knows."""

    name: str
    provider: str
    kind: str
    scopes: list[str]
    optional_scopes: list[str]
    failing_since: datetime | None = None
    why: str = ""


class KeyIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A key to be made; `expires_in` in seconds."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1, max_length=20)]
    owners: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=1000)] | None = None
    clients: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=1000)] | None = None
    expires_in: Annotated[int, msgspec.Meta(ge=60, le=315_360_000)] | None = None
    distinct_per_minute: Annotated[int, msgspec.Meta(ge=1, le=10**9)] | None = None


class NewKeyOut(msgspec.Struct, kw_only=True):
    """A key and its secret, which is shown this once."""

    key: ApiKey
    secret: str


class EndpointIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An endpoint to be added; `kinds` are the events that it wants, none: all."""

    url: Url
    kinds: Kinds = []
    description: Text = ""


class EndpointChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be changed of an endpoint; what is left out stays."""

    url: Url | None = None
    kinds: Kinds | None = None
    description: Text | None = None
    status: Literal["enabled", "disabled"] | None = None


class NewEndpointOut(msgspec.Struct, kw_only=True):
    """An endpoint and what signs its messages, which is shown this once."""

    endpoint: Endpoint
    secret: str


class Rotation(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`overlap`: how many seconds the old secret signs beside the new one; 0 if it leaked."""

    overlap: Annotated[int, msgspec.Meta(ge=0, le=30 * 86_400)] = 86_400


class RotatedOut(msgspec.Struct, kw_only=True):
    """A new secret, which is shown this once, and how many seconds the old one signs beside it."""

    secret: str
    overlap: int


class TriedOut(msgspec.Struct, kw_only=True):
    """How a test message went. `error` is a word of ours, "" when it was taken; `status` the HTTP status, if any."""

    delivered: bool
    error: str
    status: int | None


class DeliveriesQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which deliveries, and where to go on."""

    status: Literal["waiting", "delivered", "dead"] | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class Replay(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The delivery that is posted again, whatever became of it; without one, all that are dead."""

    delivery_id: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)] | None = None


class ReplayedOut(msgspec.Struct, kw_only=True):
    """How many deliveries are posted again."""

    replayed: int


class AuditQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Entries with a number greater than `after`."""

    target: Text | None = None
    actor: Text | None = None
    owner: Text | None = None
    after: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    limit: Limit = 100


GrantPage = Page[Grant]
AccountPage = Page[Account]
LinkPage = Page[Link]
EventPage = Page[Event]
ClientPage = Page[ClientOut]
KeyPage = Page[ApiKey]
AuditPage = Page[AuditEntry]
EndpointPage = Page[Endpoint]
DeliveryPage = Page[Delivery]
RevocationOut = Revocation
Anything = dict[str, Any]
