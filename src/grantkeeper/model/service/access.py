"""Who may ask: programs by API key, people of the business as operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

from ..secret import Secret
from .beside import Beside

Role: TypeAlias = Literal["viewer", "operator", "admin"]
"""What an operator may do: look; also invite, confirm, refresh and disconnect; also keys, operators and webhooks."""


class Scope(StrEnum):
    """What an API key may do. `admin` includes all others, and is what keys, operators and webhooks need."""

    GRANTS_READ = "grants:read"
    GRANTS_WRITE = "grants:write"
    TOKENS_READ = "tokens:read"
    LINKS_WRITE = "links:write"
    EVENTS_READ = "events:read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A program's key, without its secret. `owners` and `clients` restrict it; None means any.

    `distinct_per_minute` is how many different grants' tokens it may read in a minute; None: the service's default.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    created_by: str
    owners: frozenset[str] | None = None
    clients: frozenset[str] | None = None
    distinct_per_minute: int | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def allows(self, scope: Scope) -> bool:
        """Tell whether it may do this."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def reaches(self, *, owner: str, client: str) -> bool:
        """Tell whether a grant of this owner at this OAuth client is within its restriction."""
        return (self.owners is None or owner in self.owners) and (self.clients is None or client in self.clients)

    @property
    def restricted(self) -> bool:
        """True when it is for some owners or clients only."""
        return self.owners is not None or self.clients is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key and its secret, which is shown once."""

    key: ApiKey
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """How often a key read a grant's token on a day (days since 1970, UTC)."""

    key_id: str
    grant_id: str
    day: int
    reads: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person of the business. (`issuer`, `subject`) is who it is once they signed in by OpenID Connect, else "".

    `hosted_domain` is the organisation whose account that was, where the provider names organisations, else "".
    The verbs give the role of now; `ruled_out` when the rule that let them in is gone, and they cannot come in.
    """

    id: str
    email: str
    role: Role
    created_at: datetime
    created_by: str
    name: str = ""
    issuer: str = ""
    subject: str = ""
    hosted_domain: str = ""
    disabled_at: datetime | None = None
    seen_at: datetime | None = None
    ruled_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An operator's signed-in browser, as stored: the SHA-256 of its cookie. It ends at `expires_at` in any case."""

    token_hash: str
    operator_id: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeLink:
    """An address by which an operator signs in once, as stored: the SHA-256 of its 256 random bits."""

    token_hash: str
    operator_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """An operator, and what their browser keeps in its cookie: it is nowhere else."""

    operator: Operator
    session: Secret


class KeyStore(Protocol):
    """API keys; a part of the Store."""

    def add(self, key: ApiKey, *, secret_hash: str, beside: Beside) -> None:
        """Keep a new key."""

    def get(self, key_id: str) -> tuple[ApiKey, str] | None:
        """Return a key and its secret's hash, or None."""

    def all(self) -> list[ApiKey]:
        """Return every key, the revoked ones too, oldest first."""

    def revoke(self, key_id: str, *, at: datetime, beside: Beside) -> bool:
        """End a key; False when it has ended already or is not there."""

    def note_used(self, used: Mapping[str, datetime], reads: Sequence[KeyUse]) -> None:
        """Add what was read since the last time; raises Conflict when somebody began the same day's count meanwhile."""

    def tell(self, beside: Beside) -> None:
        """Write what goes with no change of a key: an entry about what one tried."""

    def uses(self, *, key_id: str | None = None, grant_id: str | None = None, limit: int = 100) -> list[KeyUse]:
        """Return who read what, newest day first."""


class OperatorStore(Protocol):
    """Operators, their one-time links and sessions; a part of the Store.

    Every change has an audit entry, and who appends one is alone: so what a change was decided by still holds when it
    is made.
    """

    def add(self, operator: Operator, *, link: OneTimeLink | None = None, beside: Beside) -> None:
        """Keep a new operator; raises Conflict when somebody who is not disabled has this address or identity."""

    def get(self, operator_id: str) -> Operator | None:
        """Return an operator, or None."""

    def of(self, *, email: str = "", issuer: str = "", subject: str = "") -> list[Operator]:
        """Return who has this address or is this person, the disabled ones too, oldest first."""

    def all(self) -> list[Operator]:
        """Return every operator, oldest first."""

    def save(
        self,
        operator: Operator,
        *,
        expected: Operator,
        is_admin: Callable[[Operator], bool] | None = None,
        beside: Beside,
    ) -> bool:
        """Replace an operator's row, and end their sessions and links when that disables them.

        `is_admin` tells whether somebody whose row this is can act as an admin now: when the change would end the last
        who can, it is False, and nothing is changed. Raises Conflict when the row is not as expected any more.
        """

    def invite(self, link: OneTimeLink, *, beside: Beside) -> None:
        """Keep a one-time link; raises Conflict when its operator is disabled."""

    def invited(self, token_hash: str, *, now: datetime) -> Operator | None:
        """Return whose a one-time link is that can still be used, or None."""

    def redeem(self, token_hash: str, session: Session, *, instead_of: str = "", beside: Beside) -> bool:
        """Use a one-time link of the session's operator up and keep the session; False when it cannot be used."""

    def open_session(self, session: Session, *, instead_of: str = "", beside: Beside) -> bool:
        """Keep a session in place of the one with the hash `instead_of`; False when its operator is disabled."""

    def session(self, token_hash: str) -> tuple[Session, Operator] | None:
        """Return a session and its operator, who is not disabled; or None."""

    def touch_session(self, token_hash: str, *, at: datetime) -> None:
        """Note that a session was used."""

    def close_sessions(self, *, operator_id: str, token_hash: str | None = None, beside: Beside) -> None:
        """End one session of an operator, or all."""

    def sweep(self, *, now: datetime) -> int:
        """Delete sessions and one-time links whose time is up."""
