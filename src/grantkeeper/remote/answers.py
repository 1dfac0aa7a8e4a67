"""What the service answers, read strictly: each value of the right type and complete, or nothing of it is used.

Members that a later version added are passed over. Texts are as the service's database has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from ..model import (
    AccessToken,
    Account,
    Event,
    Expectation,
    Grant,
    GrantStatus,
    Invitation,
    Link,
    LinkStatus,
    Look,
    Picker,
    Reason,
    Response,
    Revocation,
    Secret,
    Way,
)
from ..model.service.links import Confirm

T = TypeVar("T")
Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""RFC 3339, with its offset from UTC: a time without one would be read as another in another place."""


_HEADER: Final = re.compile(r"[\x21-\x7e]{1,8192}")


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what is read."""


class TokenAnswer(_Answer, frozen=True, kw_only=True):
    """An access token; never printed with its value."""

    access_token: Secret
    expires_at: Moment
    scopes: frozenset[str]

    def value(self) -> AccessToken:
        """Return the model's value; raises ValueError for a token that no header can carry (RFC 6750 2.1)."""
        if not _HEADER.fullmatch(self.access_token.reveal()):
            raise ValueError
        return AccessToken(**{"value": self.access_token} | _members(self, leave_out="access_token"))


class GrantAnswer(_Answer, frozen=True, kw_only=True):
    """A grant."""

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
    expires_at: Moment | None
    ends_at: Moment | None
    consented_at: Moment
    created_at: Moment
    updated_at: Moment
    refreshed_at: Moment | None
    version: int
    confirmed: bool

    def value(self) -> Grant:
        """Return the model's value."""
        return Grant(**_members(self))


class AccountAnswer(_Answer, frozen=True, kw_only=True):
    """An account."""

    grant_id: str
    kind: str
    id: str
    name: str
    status: str
    enabled: bool
    manager: bool
    test: bool
    currency: str
    time_zone: str
    parents: tuple[str, ...]
    ways: tuple[Way, ...]
    shared: bool
    found_at: Moment
    lost_at: Moment | None

    def value(self) -> Account:
        """Return the model's value."""
        return Account(**_members(self))


class LookAnswer(_Answer, frozen=True, kw_only=True):
    """When a kind of account was looked for."""

    grant_id: str
    kind: str
    tried_at: Moment
    looked_at: Moment | None
    problem: str
    advice: str
    version: int

    def value(self) -> Look:
        """Return the model's value."""
        return Look(**_members(self))


class EventAnswer(_Answer, frozen=True, kw_only=True):
    """Something that happened."""

    id: int
    position: int
    kind: str
    at: Moment
    grant_id: str
    owner: str
    client: str
    data: dict[str, Any]

    def value(self) -> Event:
        """Return the model's value."""
        return Event(**_members(self))


class LinkAnswer(_Answer, frozen=True, kw_only=True):
    """An invitation."""

    id: str
    owner: str
    client: str
    status: LinkStatus
    confirm: Confirm
    created_at: Moment
    expires_at: Moment
    created_by: str
    expect: Expectation | None = None
    return_to: str = ""
    picker: Picker | None = None
    language: str = ""
    other_account: Literal["refuse", "add"] = "refuse"
    message: str = ""
    grant_id: str = ""
    reason: str = ""
    result_grant_id: str = ""
    failure: str = ""
    asks_code: bool = False
    opened_at: Moment | None = None
    consented_at: Moment | None = None
    confirmed_at: Moment | None = None
    failed_at: Moment | None = None
    revoked_at: Moment | None = None
    version: int = 1

    def value(self) -> Link:
        """Return the model's value."""
        return Link(**_members(self))


class InvitationAnswer(_Answer, frozen=True, kw_only=True):
    """An invitation and its address."""

    link: LinkAnswer
    url: str
    code: Secret | None = None

    def __repr__(self) -> str:
        """Show which link it is; whoever has its address can use it up."""
        return f"InvitationAnswer(link={self.link.id!r}, url=…)"

    def value(self) -> Invitation:
        """Return the model's value."""
        return Invitation(link=self.link.value(), url=self.url, code=self.code)


class RevocationAnswer(_Answer, frozen=True, kw_only=True):
    """What `revoke` did."""

    grant: GrantAnswer
    at_provider: Literal["revoked", "kept", "pending", "unreadable", "nothing_to_revoke"]
    siblings: int

    def value(self) -> Revocation:
        """Return the model's value."""
        return Revocation(grant=self.grant.value(), at_provider=self.at_provider, siblings=self.siblings)


class Page(_Answer, Generic[T], frozen=True, kw_only=True):
    """A page of a list; `next` is where it goes on, None at its end."""

    items: tuple[T, ...]
    next: str | None = None


def _members(answer: _Answer, *, leave_out: str = "") -> dict[str, Any]:
    """Return the members as they are, times in UTC."""
    found = {name: getattr(answer, name) for name in answer.__struct_fields__ if name != leave_out}
    return {name: each.astimezone(UTC) if isinstance(each, datetime) else each for name, each in found.items()}


def _hidden(kind: type, value: object) -> object:
    """Return a text as the Secret that it is; msgspec asks for what it does not know itself."""
    if kind is Secret and isinstance(value, str) and value:
        return Secret(value)
    msg = "not a text"
    raise ValueError(msg)


def reader(kind: type[T]) -> Callable[[Response], T]:
    """Return what reads a JSON answer as this type; it raises msgspec's errors, which may quote the answer."""
    decoder = msgspec.json.Decoder(kind, dec_hook=_hidden)
    return lambda response: decoder.decode(response.body)
