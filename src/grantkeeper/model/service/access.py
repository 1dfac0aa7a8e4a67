"""Who may ask: programs by API key, people of the business as operators."""

from __future__ import annotations

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
    """A person of the business. (`issuer`, `subject`) is who it is once they signed in by OpenID Connect, else ""."""

    id: str
    email: str
    role: Role
    created_at: datetime
    created_by: str
    name: str = ""
    issuer: str = ""
    subject: str = ""
    disabled_at: datetime | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An operator's signed-in browser, as stored: the SHA-256 of its cookie."""

    token_hash: str
    operator_id: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


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

    def note_used(self, used: dict[str, datetime], reads: list[KeyUse]) -> None:
        """Add what was read since the last time."""

    def uses(self, *, key_id: str | None = None, grant_id: str | None = None, limit: int = 100) -> list[KeyUse]:
        """Return who read what, newest day first."""


class OperatorStore(Protocol):
    """Operators, their one-time links and sessions; a part of the Store."""

    def add(self, operator: Operator, *, beside: Beside) -> None:
        """Keep a new operator."""

    def get(self, operator_id: str) -> Operator | None:
        """Return an operator, or None."""

    def by_email(self, email: str) -> Operator | None:
        """Return the operator who was invited by this address and is not disabled, or None."""

    def by_identity(self, issuer: str, subject: str) -> Operator | None:
        """Return the operator who signs in as this person, or None."""

    def all(self) -> list[Operator]:
        """Return every operator, oldest first."""

    def save(self, operator: Operator, *, beside: Beside) -> None:
        """Replace an operator's row."""

    def invite(self, token_hash: str, operator_id: str, *, expires_at: datetime, beside: Beside) -> None:
        """Keep a one-time link."""

    def use_invite(self, token_hash: str, *, now: datetime) -> str | None:
        """Use a one-time link up; returns whose it was, to exactly one caller."""

    def peek_invite(self, token_hash: str, *, now: datetime) -> str | None:
        """Return whose a one-time link is that can still be used, or None."""

    def open_session(self, session: Session, *, beside: Beside) -> None:
        """Keep a new session."""

    def session(self, token_hash: str) -> Session | None:
        """Return a session, or None."""

    def touch_session(self, token_hash: str, *, at: datetime) -> None:
        """Note that a session was used."""

    def close_sessions(self, *, token_hash: str | None = None, operator_id: str | None = None) -> int:
        """End one session, or all of an operator."""

    def sweep(self, *, now: datetime) -> int:
        """Delete sessions and one-time links whose time is up."""
