"""The four seams."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol, runtime_checkable

from .account import Account, Look, Sharing
from .event import Event, Mark
from .grant import DEFAULT_MIN_TTL, AccessToken, GrantStatus
from .rows import FlowRow, GrantRow, Imported, Installation, SealContext, Sealed
from .secret import Secret
from .service.access import KeyStore, OperatorStore
from .service.audit import AuditStore, ErasureStore
from .service.beside import NOTHING, Beside
from .service.health import HealthStore
from .service.links import LinkStore
from .service.overview import OverviewStore
from .service.webhooks import WebhookStore
from .service.work import IdempotencyStore, WorkStore
from .wire import Request, Response

ALL_SHARED: Final = Sharing()


class TokenSource(Protocol):
    """Whoever can hand out access tokens: a Keeper over a database, a Remote over HTTP."""

    def token(self, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> AccessToken:
        """Return an access token of the grant that lives at least `min_ttl` longer."""

    def report_rejected(self, grant_id: str, token: Secret) -> None:
        """Say that an API refused `token` (401) although it should be valid; the next `token()` brings another."""


@runtime_checkable
class AccountSource(TokenSource, Protocol):
    """A TokenSource that also knows which accounts its grants reach, and which of them are shared."""

    def accounts(
        self,
        grant_id: str,
        *,
        kind: str | None = None,
        search: str | None = None,
        include: Literal["shared", "all"] = "shared",
    ) -> list[Account]:
        """Return the accounts that are shared, or all that are known."""

    def account(self, grant_id: str, *, kind: str, account_id: str | None = None) -> Account:
        """Return the shared account of this id, or the only one; raises why there is none."""


class Transport(Protocol):
    """Sends one request and returns the answer, within one total deadline; raises ProviderUnavailable."""

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Send once: no redirects, no retries."""

    def close(self) -> None:
        """Close pooled connections."""


class Sealer(Protocol):
    """Seals and opens bytes, bound to a context."""

    def seal(self, plaintext: bytes, context: SealContext, *, key: bytes | None = None) -> Sealed:
        """Seal under a new data key, or under the wrapped data key `key` of the same row."""

    def open(self, sealed: Sealed, context: SealContext) -> bytes:
        """Return the plaintext; raise SealBroken when anything about it is not as it was sealed."""

    def rewrap(self, key: bytes, context: SealContext) -> bytes | None:
        """Return the wrapped data key wrapped by the newest ring key, or None when it already is."""

    def sign(self, content: bytes) -> tuple[str, str]:
        """Return the id of the newest key, hex, and an HMAC-SHA-256 by what is derived from it, hex."""

    def signed(self, content: bytes, *, key_id: str, mac: str) -> bool | None:
        """Tell whether `sign` made this; None when the key is not known here."""


class AccountStore(Protocol):
    """Accounts, the looks that found them, and what is shared; a part of the Store."""

    def of(self, grant_id: str, *, kind: str | None = None) -> list[Account]:
        """Return every account of the grant, lost ones included, ordered by kind and id."""

    def get(self, grant_id: str, kind: str, account_id: str) -> Account | None:
        """Return one account, or None."""

    def looks(self, grant_id: str) -> list[Look]:
        """Return how the last looks went, one of each kind."""

    def sharing(self, grant_id: str) -> Sharing | None:
        """Return what the grant shares; None when there is no such grant."""

    def save_look(
        self, look: Look, changed: Sequence[Account], *, person: str, seen: Sharing, event: Event | None = None
    ) -> None:
        """Save a look, the accounts that it changed or found, and the event of it, in one transaction.

        `look.version` must be one more than what is stored, the grant must not be revoked, its subject must be
        `person`, who was looked for, and what it shares `seen`, by which the accounts were marked. Else it raises
        Conflict.
        """

    def share(
        self, grant_id: str, shared: frozenset[tuple[str, str]], *, event: Event, beside: Beside = NOTHING
    ) -> None:
        """Mark exactly these accounts (kind, id) as shared, in one transaction with the event; the mode is `chosen`.

        Raises Conflict when the grant was revoked.
        """

    def forget(self, grant_id: str) -> None:
        """Delete the grant's accounts and looks."""


class EventStore(Protocol):
    """What happened, in the order in which it became visible; a part of the Store."""

    def add(self, event: Event, beside: Beside = NOTHING) -> None:
        """Write one event that no change goes with, and the audit entries of what it tells of."""

    def last(self) -> int:
        """Return the position of the newest event that has one, 0 before there is any."""

    def read(
        self,
        *,
        grant_id: str | None = None,
        kind: str | None = None,
        owners: Sequence[str] | None = None,
        clients: Sequence[str] | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[Event]:
        """Return events that match all that is given, those with a position greater than `after`, in that order.

        Whatever was committed before the call has a position: who goes on from the last that they saw misses nothing.
        What somebody altered, so that it cannot be read, is logged and left out.
        """

    def marks(self, *, since: int, limit: int) -> list[Mark]:
        """Return the marks of events with at least this position, in that order, also of what cannot be read."""

    def settle(self) -> None:
        """Give every committed event its position, and make the deliveries of those that endpoints want."""

    def skip_to(self, number: int) -> None:
        """Give no id and no position up to this number from now on."""

    def prune(self, *, before: datetime, limit: int = 1000) -> int:
        """Delete events of before then, oldest first; returns how many."""


class Store(Protocol):
    """The business's database. Every method is one short transaction; none is open while the provider is called."""

    @property
    def accounts(self) -> AccountStore:
        """What grants reach."""

    @property
    def events(self) -> EventStore:
        """What happened."""

    @property
    def links(self) -> LinkStore:
        """Invitations."""

    @property
    def keys(self) -> KeyStore:
        """API keys."""

    @property
    def operators(self) -> OperatorStore:
        """People of the business."""

    @property
    def overview(self) -> OverviewStore:
        """Grants, a page at a time."""

    @property
    def webhooks(self) -> WebhookStore:
        """Who is told of events."""

    @property
    def audit(self) -> AuditStore:
        """What was done by whom."""

    @property
    def erasing(self) -> ErasureStore:
        """The end of an owner's personal data."""

    @property
    def health(self) -> HealthStore:
        """How OAuth clients do."""

    @property
    def work(self) -> WorkStore:
        """What is due."""

    @property
    def answers(self) -> IdempotencyStore:
        """Answers to requests that may be sent again."""

    def check(self) -> None:
        """Return when the tables are those of this version; raises Misconfigured."""

    def installation(self) -> str:
        """Return this database's random id; part of every seal."""

    def identity(self) -> Installation:
        """Return what the database says of itself, and where it is."""

    def settle(self, *, place: str, counted: int) -> None:
        """Write down where the database is used from now on, and what it has counted."""

    def count_on(self) -> int:
        """Let the database count on by one, and return what it has counted."""

    def doubt(self, clients: tuple[str, ...], *, at: datetime) -> int:
        """Write down for every active grant of these clients that the outcome of a refresh is not known."""

    def add_flow(self, flow: FlowRow) -> None:
        """Keep a new flow."""

    def flow(self, state_hash: str) -> FlowRow | None:
        """Return the flow with this hash of its state, or None."""

    def consume_flow(self, state_hash: str, *, at: datetime) -> bool:
        """Mark the flow as used and drop its sealed verifier; True for exactly one caller (one conditional UPDATE)."""

    def finish_flow(self, state_hash: str, *, outcome: str, grant_id: str = "", until: datetime | None = None) -> None:
        """Record how a consumed flow ended, and until when its pages can be read."""

    def sweep_flows(self, *, expired_before: datetime, limit: int = 1000) -> int:
        """Delete flows that ended before then; returns how many."""

    def grant(self, grant_id: str, *, patience: timedelta | None = None) -> GrantRow | None:
        """Return the row, or None; `patience` is how long the database may take, where it can be hurried."""

    def grants(
        self,
        *,
        owner: str | None = None,
        client: str | None = None,
        email: str | None = None,
        owners: tuple[str, ...] | None = None,
        clients: tuple[str, ...] | None = None,
        issuer: str | None = None,
        subject: str | None = None,
        imported: str | None = None,
        unidentified: bool = False,
        only_confirmed: bool = False,
        statuses: tuple[GrantStatus, ...] | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[GrantRow]:
        """Return rows that match all that is given, ordered by id, those with an id greater than `after`.

        `imported` is the token of an `Imported`; with `unidentified`, only grants whose person is not known; with
        `only_confirmed`, none whose person the business has not confirmed.
        """

    def insert_grant(
        self,
        row: GrantRow,
        *,
        sharing: Sharing = ALL_SHARED,
        imported: Imported | None = None,
        beside: Beside = NOTHING,
    ) -> None:
        """Add a row, in one transaction with what is kept of the token that it was taken over with, and `beside`.

        Raises Conflict when a grant exists that is not revoked of (owner, client, issuer, subject), or of this token
        where it may have only one; or when a link beside it was changed first.
        """

    def save_grant(self, row: GrantRow, *, expected_version: int, beside: Beside = NOTHING) -> None:
        """Replace the row if its version is still `expected_version` (compare-and-swap); raises Conflict if not.

        `row.grant.version` must be `expected_version + 1`. Lease, `sent_at` and `sends` stay as they are.
        """

    def begin_refresh(
        self,
        grant_id: str,
        *,
        version: int,
        attempt: str,
        at: datetime,
        lease: timedelta,
        sends: int = 0,
        expired: str = "",
        gone: str = "",
    ) -> bool:
        """Take the lease of a row of this version and these sends, and write down that its token is sent: one UPDATE.

        False when somebody else holds it, or held it since the row was read. The lease named `expired` is taken over if
        its time is up by the database's clock, the one named `gone` in any case. `attempt` may begin again, before it
        sends once more.
        """

    def end_refresh(self, grant_id: str, *, attempt: str, sent_at: datetime | None, sends: int) -> bool:
        """Give the lease back and write down what stays open; False when it is not `attempt`'s any more."""

    def touch_lease(self, grant_id: str, *, lease: str) -> bool:
        """Write the row of this lease as it is, which shows that the database takes writes; False when it is gone."""

    def save_tokens(
        self, row: GrantRow, *, expected_version: int, attempt: str | None, beside: Beside = NOTHING
    ) -> None:
        """As `save_grant`, and no lease is left; raises Conflict too when `attempt` is given and not its holder.

        "" is given by who has none: then nobody may hold it.
        """

    def take_over(
        self,
        row: GrantRow,
        *,
        expected_version: int,
        sharing: Sharing | None = None,
        imported: Imported | None = None,
        beside: Beside = NOTHING,
    ) -> None:
        """As `save_tokens` whoever holds the lease, for tokens that did not come from those in the row.

        In one transaction: `sharing`, when given, is what the grant shares from now on, and its accounts and looks,
        which were another's, are deleted; `imported` is kept unless one is already. Raises as `insert_grant`, too.
        """

    def unresolved(self, *, clients: tuple[str, ...], limit: int = 100) -> list[GrantRow]:
        """Return active grants of these clients with a refresh whose outcome is not known, the oldest first."""

    def close(self) -> None:
        """Close pooled connections."""
