"""What was given, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal
from urllib.parse import urlsplit

from ..errors import ProviderWords
from .secret import Secret

DEFAULT_MIN_TTL: Final = timedelta(minutes=5)
"""How long a token handed out lives at least. google-auth refuses tokens with less than 3 min 45 s left
(google.auth.credentials REFRESH_THRESHOLD, 2.62)."""

UNIDENTIFIED: Final = "unidentified:"
"""What the subject of a grant begins with whose person is not known: its refresh token was taken over from a file and
its scopes do not say who it is. The rest names the token. With the next consent the person becomes known."""


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
    NOT_CONFIRMED = "not_confirmed"
    """Somebody consented by a link, and the business has not said yet that it was the right person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One owner's standing consent at one OAuthClient. Carries no secret.

    `scopes` is what was granted, `missing` what of the required scopes was not, `extra` what was granted unasked
    (earlier consents). `expires_at` is the access token's end, `ends_at` the refresh token's known hard end, if any,
    `consented_at` when the consent was given that its refresh token came with. `confirmed` is False while the business
    has not said that the right person consented.
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
    confirmed: bool = True

    @property
    def usable(self) -> bool:
        """True when tokens are handed out for it."""
        return self.status is GrantStatus.ACTIVE

    @property
    def identified(self) -> bool:
        """True when it is known who consented; False for a taken-over refresh token that does not say so."""
        return not self.subject.startswith(UNIDENTIFIED)

    @property
    def person(self) -> str:
        """Who consented, for people to read: the e-mail address, else the subject."""
        return (self.email or self.subject) if self.identified else "not known yet"


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

    `siblings` counts the other grants that live there of the same person, or, where an import's person is not known,
    may be (`Keeper.siblings`). `at_provider`: `revoked`; `kept` because there are siblings; `pending` because the
    provider could not be told: unreachable, or its OAuth client is not configured here (call revoke again);
    `unreadable` because the sealed token does not open, so only the person can end it there. In every case the grant is
    unusable here at once.
    """

    grant: Grant
    at_provider: Literal["revoked", "kept", "pending", "unreadable", "nothing_to_revoke"]
    siblings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What a refresh token turned out to be that people already have.

    `alive` tells whether the provider takes it; if not, `reason` says why as far as that can be told, `advice` what to
    do, and `words` what the provider said. `missing` is what of the required scopes it lacks: it lives, and the person
    has to consent again all the same. `email` and `subject` are "" when its scopes do not say whose it is.
    """

    alive: bool
    reason: Reason = Reason.NONE
    advice: str = ""
    words: ProviderWords | None = None
    scopes: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    ends_at: datetime | None = None
    subject: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What became of a refresh token that people already had: its grant, and whether that was `known` before."""

    grant: Grant
    known: bool
