"""An invitation to grant, which can be e-mailed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from ..account import Picker
from ..secret import Secret

if TYPE_CHECKING:
    from ..rows import Sealed
    from .beside import Beside

Confirm: TypeAlias = Literal["ask", "proof", "auto"]
"""Who says that the right person consented: `ask`, an operator or a program of the business; `proof`, a program of the
business that shows what the person's own browser brought back to it; `auto`, nobody."""


LANGUAGES: Final = ("en", "de", "fr", "es", "ja")
"""Languages in which an invitation's pages can be shown."""


class LinkStatus(StrEnum):
    """Where an invitation stands.

    invited -> opened -> consented -> confirmed; a failed attempt may be tried again until it has expired.
    """

    INVITED = "invited"
    OPENED = "opened"
    """The page's button was pressed; that the page was fetched changes nothing."""
    FAILED = "failed"
    CONSENTED = "consented"
    """The grant waits for the business to confirm who consented."""
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    REVOKED = "revoked"


OPEN: tuple[LinkStatus, ...] = (LinkStatus.INVITED, LinkStatus.OPENED, LinkStatus.FAILED)
"""What an invitation may still be used in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Who is invited: an e-mail address (compared without case), a hosted domain, or the provider's subject."""

    kind: Literal["email", "hosted_domain", "subject"]
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An invitation for one owner at one OAuthClient; carries no secret.

    `grant_id` is the grant that is to be consented to again, with the `reason` why, both "" for a new one;
    `result_grant_id` what came of it. `message` is the business's own words to the person. `language` is "" when the
    browser chooses. `other_account` as for `Keeper.begin`. `failure` says for people how the last
    attempt ended, "" when none failed. `asks_code`: whoever follows it has to know the code that was told them.
    """

    id: str
    owner: str
    client: str
    status: LinkStatus
    confirm: Confirm
    created_at: datetime
    expires_at: datetime
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
    opened_at: datetime | None = None
    consented_at: datetime | None = None
    confirmed_at: datetime | None = None
    failed_at: datetime | None = None
    revoked_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A link and the address to send; repr hides the address.

    `code` is what to tell the person by another way than the address, when the link asks for one.
    """

    link: Link
    url: str
    code: Secret | None = None

    def __repr__(self) -> str:
        """Show which link it is; whoever has its address can use it up."""
        return f"Invitation(link={self.link.id!r}, url=…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A link as stored. `token_hash` is SHA-256 of the 256 random bits in its address, `sealed` opens to them.

    It also opens to the code, where one is asked for: of six digits no hash could be kept (V-10).
    `proof_hash` is that of what the person's browser brings back to the business, "" when there is none (any more);
    it is good until `proof_until`. `proof_tries` and `code_tries` count what was wrong; the latter is None when no
    code is asked for.
    """

    link: Link
    token_hash: str
    sealed: Sealed | None
    proof_hash: str = ""
    proof_until: datetime | None = None
    proof_tries: int = 0
    code_tries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSave:
    """A link's row that replaces the one of `expected_version`; `row.link.version` is one more."""

    row: LinkRow
    expected_version: int


class LinkStore(Protocol):
    """Links; a part of the Store."""

    def add(self, row: LinkRow, *, beside: Beside) -> None:
        """Keep a new link."""

    def get(self, link_id: str) -> LinkRow | None:
        """Return the link, or None."""

    def by_token(self, token_hash: str) -> LinkRow | None:
        """Return the link whose address this is, or None."""

    def by_result(self, grant_id: str) -> list[LinkRow]:
        """Return the links that led to this grant, the one that was used last first; at most 20."""

    def page(
        self,
        *,
        owner: str | None = None,
        client: str | None = None,
        statuses: tuple[LinkStatus, ...] | None = None,
        owners: Sequence[str] | None = None,
        clients: Sequence[str] | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[LinkRow]:
        """Return links that match all that is given, newest first, those created before (time, id)."""

    def over(self, *, now: datetime, after: tuple[datetime, str] | None = None, limit: int) -> list[LinkRow]:
        """Return links that are open and whose time is up, by when that was, those after (time, id)."""

    def save(self, change: LinkSave, *, beside: Beside) -> None:
        """Replace the row if its version is still the expected one; raises Conflict if not."""
