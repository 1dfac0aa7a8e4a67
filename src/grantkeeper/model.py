"""The words of grantkeeper as values, and its seams as Protocols.

Standard library only, no I/O, no clock. All datetimes are aware and in UTC.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, NoReturn, Protocol, Self, TypeAlias
from urllib.parse import urlsplit

from .errors import ProviderWords

DEFAULT_MIN_TTL: Final = timedelta(minutes=5)
"""How long a token handed out lives at least. google-auth refuses tokens with less than 3 min 45 s left
(google.auth.credentials REFRESH_THRESHOLD, 2.62)."""


class Secret:
    """A string that shows itself to nobody who does not ask for it by name (`reveal`).

    repr, str, format, logging and tracebacks show `Secret(…)`; pickling and JSON refuse. Equality is constant-time.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself; the only way to it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # surrogatepass: an odd value must compare, not end in an error that quotes it
        ours, theirs = (each.reveal().encode("utf-8", "surrogatepass") for each in (self, other))
        return hmac.compare_digest(ours, theirs)

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a Secret cannot be pickled: it would leave the process in clear"
        raise TypeError(msg)


class GrantStatus(StrEnum):
    """Where a grant stands: pending -> active -> consent_required -> active ..., or revoked, which is final."""

    PENDING = "pending"
    ACTIVE = "active"
    CONSENT_REQUIRED = "consent_required"
    REVOKED = "revoked"


class Reason(StrEnum):
    """Why a grant is not active, for programs; `renewal.advice` has the sentence for people."""

    NONE = ""
    SCOPES_MISSING = "scopes_missing"
    """The person left a box unticked that a required scope needs."""
    REVOKED_OR_EXPIRED = "revoked_or_expired"
    """The provider says that the refresh token is dead and not why: revoked, six months unused, pushed
    out by the cap."""
    ROTATION_REPLY_LOST = "rotation_reply_lost"
    """The answer to a refresh was lost, with the new refresh token in it, and the old one no longer works."""
    UNUSED = "unused"
    """Nobody used the refresh token for as long as the provider keeps one that is not used (Google: six months)."""
    TESTING_EXPIRED = "testing_expired"
    """Seven days are over and the consent screen is still in Testing (Google)."""
    TIME_LIMIT_REACHED = "time_limit_reached"
    """The person gave access for a limited time and it is over."""
    REAUTHENTICATION = "reauthentication"
    """The Workspace administrator's session length asks for a new sign-in (`invalid_rapt`)."""
    ADMIN_POLICY = "admin_policy"
    """The Workspace administrator does not allow this application or scope."""
    ACCOUNT_GONE = "account_gone"
    """The person's account was deleted or disabled."""
    SIBLING_REVOKED = "sibling_revoked"
    """Access was revoked at the provider for another grant of the same person, which ended this one too."""
    OTHER_ACCOUNT = "other_account"
    """The consent was given with another account."""
    NO_REFRESH_TOKEN = "no_refresh_token"  # noqa: S105 - a reason's name
    """The provider gave no refresh token, not even when asked with prompt=consent."""
    DISCONNECTED = "disconnected"
    """Revoked on purpose, here."""


Rotation: TypeAlias = Literal["none", "grace", "strict", "unknown"]
"""What a provider does with a used refresh token: keep it, keep it for a while, kill it at once, or nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """What a provider's refusal means for a grant: it is over, for `reason`.

    `certain` is False when the words do not say so for sure (Google's bare `Bad Request`): a second refusal has
    to confirm it.
    """

    reason: Reason
    certain: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An authorization server, as data. Names are those of RFC 8414 and OpenID Connect Discovery 1.0 section 3.

    Every quirk is a field here with its source in `providers/<name>.py`; no other module knows a provider's name.
    """

    name: str
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    jwks_uri: str | None = None
    title: str = ""
    """What people call it (`Google`); `name` when empty."""
    manage_url: str | None = None
    """The provider's own page where people see and end the access they gave."""
    scope_words: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Scope -> what it lets the application do, in a few words for people."""
    issuer_aliases: tuple[str, ...] = ()
    """Other values of `iss` that its id_tokens may carry (Google: `accounts.google.com`)."""
    id_token_algorithms: tuple[str, ...] = ("RS256",)
    iss_parameter: Literal["optional", "required"] = "optional"
    """`required` when the metadata has authorization_response_iss_parameter_supported (RFC 9207 3)."""
    client_authentication: Literal["client_secret_post", "client_secret_basic"] = "client_secret_post"
    identity_scopes: tuple[str, ...] = ("openid", "email")
    """Asked in addition, always: a grant belongs to a person (issuer, subject)."""
    scope_separator: str = " "
    scope_aliases: Mapping[str, str] = field(default_factory=dict)
    """Scope as asked -> scope as answered (Google: email -> .../auth/userinfo.email)."""
    authorization_parameters: Mapping[str, str] = field(default_factory=dict)
    """Sent with every authorization request (Google: access_type=offline, include_granted_scopes=true)."""
    force_consent_parameters: Mapping[str, str] = field(default_factory=dict)
    """Added when a refresh token must come back (Google: prompt=consent)."""
    choose_account_parameters: Mapping[str, str] = field(default_factory=dict)
    """Added when another account is to be connected (Google: prompt=select_account)."""
    rotation: Rotation = "unknown"
    rotation_grace: timedelta | None = None
    """How long a replaced refresh token still works, when `rotation` is `grace`; None when that is not known."""
    sibling_refresh_tokens: bool = False
    """True when one refresh token may serve several grants of the same person and OAuth client."""
    testing_lifetime: timedelta | None = None
    """How long refresh tokens live while the application is being tested (Google: seven days)."""
    idle_lifetime: timedelta | None = None
    """How long a refresh token lives that nobody uses (Google: six months); None when that is not known."""
    deaths: Callable[[ProviderWords], Death | None] = field(default=lambda _words: None, repr=False)
    """Which refusal of a refresh means that the grant is over, and why; None when it does not."""
    revocation_group: Callable[[str], str] = field(default=lambda client_id: client_id, repr=False)
    """client_id -> what a revocation ends together (Google: every client of the Cloud project)."""

    @property
    def called(self) -> str:
        """What people call it."""
        return self.title or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """The business's application as registered at a provider.

    `client_secrets` is oldest to newest, the newest is used first. `scopes` are required, `optional_scopes` are asked
    too but a grant without them is active. `redirect_uri` is one per OAuthClient (RFC 9700 2.1, 4.4).
    """

    name: str
    provider: Provider
    client_id: str
    client_secrets: tuple[Secret, ...]
    redirect_uri: str
    scopes: tuple[str, ...]
    optional_scopes: tuple[str, ...] = ()
    kind: Literal["web", "installed"] = "web"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One owner's standing consent at one OAuthClient. Carries no secret.

    `scopes` is what was granted, `missing` what of the required scopes was not, `extra` what was granted unasked
    (earlier consents). `expires_at` is the access token's end, `ends_at` the refresh token's known hard end, if any,
    `consented_at` when the consent was given that its refresh token came with.
    """

    id: str
    owner: str
    client: str
    issuer: str
    subject: str
    email: str
    status: GrantStatus
    reason: Reason
    scopes: frozenset[str]
    missing: frozenset[str]
    extra: frozenset[str]
    expires_at: datetime | None
    ends_at: datetime | None
    consented_at: datetime
    created_at: datetime
    updated_at: datetime
    refreshed_at: datetime | None
    version: int

    @property
    def usable(self) -> bool:
        """True when tokens are handed out for it."""
        return self.status is GrantStatus.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """Where to send the browser, and what to keep in that browser's session until it comes back.

    `flow` binds the flow to the browser: keep it in the session or an HttpOnly cookie and pass it to `complete`.
    """

    url: str
    flow: str

    def __repr__(self) -> str:
        """Show the endpoint only: state and flow are worth stealing for ten minutes."""
        parts = urlsplit(self.url)
        return f"Redirect(url='{parts.scheme}://{parts.netloc}{parts.path}?…', flow=…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A bearer token that was valid for at least the asked `min_ttl` when it was handed out."""

    value: Secret
    expires_at: datetime
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """What `revoke` did.

    `at_provider`: `revoked`; `kept` because `siblings` other grants of the same person live there; `pending` because
    the provider could not be told: unreachable, or its OAuth client is not configured here (call revoke again);
    `unreadable` because the sealed token does not open, so only the person can end it there. In every case the grant is
    unusable here at once.
    """

    grant: Grant
    at_provider: Literal["revoked", "kept", "pending", "unreadable", "nothing_to_revoke"]
    siblings: int


# --- sealed rows: what the store keeps, and the keeper opens -------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SealContext:
    """What a ciphertext is bound to (associated data): it opens in this place and generation and nowhere else."""

    installation: str
    table: str
    row: str
    column: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A ciphertext and the wrapped data key that opens it. Both are safe to store."""

    key: bytes
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What is sealed in a grant's row."""

    refresh_token: Secret | None
    access_token: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRow:
    """A grant as stored: the public value, its sealed tokens (None once erased), and how a refresh of them stands.

    `lease` names who refreshes it now, "" for nobody. `sent_at` is when its refresh token was first sent without that
    the outcome is known, None when nothing is open; `sends` is how often it was. `refused_at` is when the provider
    first said that the grant is over while that was not believed yet.
    """

    grant: Grant
    generation: int
    sealed: Sealed | None
    lease: str = ""
    sent_at: datetime | None = None
    sends: int = 0
    refused_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRow:
    """A browser's attempt, as stored. `state_hash` and `browser_hash` are SHA-256 of 256-bit random values.

    `sealed` opens to the PKCE verifier and the nonce; None once used. `redirect_uri` is what the authorization request
    carried: the token request repeats it byte by byte (RFC 6749 4.1.3) whatever the configuration says meanwhile.
    `grant_id` is the grant that is consented again, or "". `outcome` is "" until the flow has ended.
    """

    state_hash: str
    browser_hash: str
    owner: str
    client: str
    redirect_uri: str
    sealed: Sealed | None
    expires_at: datetime
    grant_id: str = ""
    other_account: Literal["refuse", "add"] = "refuse"
    forced_consent: bool = False
    consumed_at: datetime | None = None
    outcome: str = ""
    result_grant_id: str = ""


# --- HTTP, as values -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request to a provider. repr shows method and URL only: headers and body hold secrets."""

    method: Literal["GET", "POST"]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A provider's answer, at most 1 MiB. Header names are lower-case. repr shows the status only."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


# --- the four seams ------------------------------------------------------------------------------------------------


class TokenSource(Protocol):
    """Whoever can hand out access tokens: a Keeper over a database, a Remote over HTTP."""

    def token(self, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> AccessToken:
        """Return an access token of the grant that lives at least `min_ttl` longer."""

    def report_rejected(self, grant_id: str, token: Secret) -> None:
        """Say that an API refused `token` (401) although it should be valid; the next `token()` brings another."""


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


class Store(Protocol):
    """The business's database. Every method is one short transaction; none is open while the provider is called."""

    def installation(self) -> str:
        """Return this database's random id; part of every seal."""

    def add_flow(self, flow: FlowRow) -> None:
        """Keep a new flow."""

    def flow(self, state_hash: str) -> FlowRow | None:
        """Return the flow with this hash of its state, or None."""

    def consume_flow(self, state_hash: str, *, at: datetime) -> bool:
        """Mark the flow as used and drop its sealed verifier; True for exactly one caller (one conditional UPDATE)."""

    def finish_flow(self, state_hash: str, *, outcome: str, grant_id: str = "") -> None:
        """Record how a consumed flow ended, so that a reload shows the same page."""

    def sweep_flows(self, *, expired_before: datetime, limit: int = 1000) -> int:
        """Delete flows that ended before then; returns how many."""

    def grant(self, grant_id: str) -> GrantRow | None:
        """Return the row, or None."""

    def grants(
        self,
        *,
        owner: str | None = None,
        client: str | None = None,
        clients: tuple[str, ...] | None = None,
        issuer: str | None = None,
        subject: str | None = None,
        statuses: tuple[GrantStatus, ...] | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[GrantRow]:
        """Return rows that match all that is given, ordered by id, those with an id greater than `after`."""

    def insert_grant(self, row: GrantRow) -> None:
        """Add a row; raises Conflict when a grant of (owner, client, issuer, subject) exists that is not revoked."""

    def save_grant(self, row: GrantRow, *, expected_version: int) -> None:
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
        expired: str = "",
        gone: str = "",
    ) -> bool:
        """Take the lease of a row of this version and write down that its refresh token is sent: one UPDATE.

        False when somebody else holds it. The lease named `expired` is taken over if its time is up by the database's
        clock, the one named `gone` in any case. `attempt` may begin again, before it sends once more.
        """

    def end_refresh(self, grant_id: str, *, attempt: str, sent_at: datetime | None, sends: int) -> bool:
        """Give the lease back and write down what stays open; False when it is not `attempt`'s any more."""

    def save_tokens(self, row: GrantRow, *, expected_version: int, attempt: str | None) -> None:
        """As `save_grant`, and no lease is left; raises Conflict too when `attempt` is given and not its holder."""

    def unresolved(self, *, clients: tuple[str, ...], limit: int = 100) -> list[GrantRow]:
        """Return active grants of these clients with a refresh whose outcome is not known, the oldest first."""

    def close(self) -> None:
        """Close pooled connections."""
