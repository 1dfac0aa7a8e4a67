"""Sealed rows: what the store keeps, and the keeper opens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .account import Picker
from .event import Event
from .grant import Grant
from .secret import Secret


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
    first said that the grant is over while that was not believed yet. `due_at` is when the worker is to look at it
    next, None to leave that as it is; it is written and never read.
    """

    grant: Grant
    generation: int
    sealed: Sealed | None
    lease: str = ""
    sent_at: datetime | None = None
    sends: int = 0
    refused_at: datetime | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What is kept beside a grant of the refresh token that it was taken over with, and the event that tells of it.

    `token` tells it from others and gives nothing away. `alone`: no other live grant may be made of it, because the
    provider may replace it.
    """

    token: str
    alone: bool
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRow:
    """A browser's attempt, as stored. `state_hash` and `browser_hash` are SHA-256 of 256-bit random values.

    `sealed` opens to the PKCE verifier and the nonce; None once used. `redirect_uri` is what the authorization request
    carried: the token request repeats it byte by byte (RFC 6749 4.1.3) whatever the configuration says meanwhile.
    `grant_id` is the grant that is consented again, or "". `outcome` is "" until the flow has ended. `picker` is how
    the person chooses accounts afterwards; None when nobody is asked and all are shared. `link_id` is the invitation
    that was followed, or "".
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
    picker: Picker | None = None
    link_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What a database says of itself: its random `id`, its count, where it was used (`place`), where it is (`here`).

    Both places are "" where that cannot be told.
    """

    id: str
    counted: int
    place: str
    here: str
