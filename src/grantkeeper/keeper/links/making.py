"""A link is made: everything is checked, its address is known to whoever made it only."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, get_args

from ...errors import InvalidInput, NotFound, check_word, printable
from ...model import (
    Confirm,
    Expectation,
    Grant,
    GrantStatus,
    Invitation,
    Link,
    LinkRow,
    LinkStatus,
    OAuthClient,
    Picker,
    Secret,
)
from ...model.service.links import OPEN
from ..consent.flows import OtherAccount
from ..consent.invited import sha256
from ..inputs import checked_owner
from ..parts import Parts
from .addresses import Addresses
from .asked import checked_language, checked_life, checked_message, expectation
from .rows import TABLE, LinkRows

TOKEN_BYTES: Final = 32
"""256 bits: nobody guesses an address, and its hash needs no salt (V-33, O-02)."""

CODE_DIGITS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What `Keeper.link` was asked for; see there."""

    expires_in: timedelta
    expect: str | Expectation | None
    confirm: Confirm
    return_to: str
    picker: Picker | None
    language: str
    message: str
    grant_id: str | None
    other_account: OtherAccount
    code: bool
    by: str


class Making:
    """The verb link of a keeper. Thread-safe."""

    def __init__(
        self, parts: Parts, rows: LinkRows, *, client: Callable[[str], OAuthClient], addresses: Addresses
    ) -> None:
        self._parts = parts
        self._rows = rows
        self._client = client
        self._addresses = addresses

    def make(self, owner: str, client: str, wish: Wish) -> Invitation:
        """Keep a new link and return it with its address."""
        link = self._checked(checked_owner(owner), self._web_client(client), wish)
        token = Secret(secrets.token_urlsafe(TOKEN_BYTES))
        code = Secret(f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}") if wish.code else None
        url = self._addresses.link(token.reveal())
        kept = Secret(f"{token.reveal()} {code.reveal()}") if code else token
        row = LinkRow(
            link=link,
            token_hash=sha256(token.reveal()),
            sealed=self._parts.vault.seal_secret(kept, table=TABLE, row=link.id, column="token"),
            code_tries=0 if code else None,
        )
        entry = self._rows.entry(link, "link.create", by=wish.by, confirm=link.confirm, grant_id=link.grant_id)
        self._parts.store.links.add(row, beside=self._parts.beside(entry))
        return Invitation(link=link, url=url, code=code)

    def again(self, link_id: str) -> Invitation:
        """Return the address of a link that can still be used; raises NotFound, InvalidInput."""
        row = self._rows.get(link_id)
        kept = self._rows.token(row) if row.link.status in OPEN and row.link.expires_at > self._parts.now() else None
        if kept is None:
            raise InvalidInput(
                f"Link {link_id} cannot be used any more, and its address is not kept.", advice="Make a new one."
            )
        token, code = kept
        return Invitation(link=row.link, url=self._addresses.link(token.reveal()), code=code)

    def _checked(self, owner: str, client: OAuthClient, wish: Wish) -> Link:
        check_word("confirm", wish.confirm, get_args(Confirm))
        check_word("other_account", wish.other_account, get_args(OtherAccount))
        if wish.picker is not None and not isinstance(wish.picker, Picker):
            raise InvalidInput("picker is a Picker, or None.")
        if wish.confirm == "proof" and not wish.return_to:
            raise InvalidInput(
                'confirm="proof" needs return_to.', advice="The person's browser brings the proof there."
            )
        grant = self._to_reconnect(owner, client, wish) if wish.grant_id else None
        now = self._parts.now()
        return Link(
            id=new_link_id(),
            owner=owner,
            client=client.name,
            status=LinkStatus.INVITED,
            confirm=wish.confirm,
            created_at=now,
            expires_at=now + checked_life(wish.expires_in),
            created_by=wish.by,
            expect=expectation(wish.expect),
            return_to=self._addresses.checked_return(wish.return_to) if wish.return_to else "",
            picker=wish.picker,
            language=checked_language(wish.language),
            other_account=wish.other_account,
            message=checked_message(wish.message),
            grant_id=grant.id if grant else "",
            reason=grant.reason.value if grant else "",
            asks_code=wish.code,
        )

    def _to_reconnect(self, owner: str, client: OAuthClient, wish: Wish) -> Grant:
        """Return the grant that is to be consented to again; somebody else's is as unknown as one that is none."""
        row = self._parts.store.grant(wish.grant_id or "")
        if row is None or (row.grant.owner, row.grant.client) != (owner, client.name):
            raise NotFound(f"{owner!r} has no grant {printable(wish.grant_id or '', 64)!r} at {client.name!r}.")
        if row.grant.status is GrantStatus.REVOKED:
            raise InvalidInput(
                f"Grant {row.grant.id} is revoked for good.", advice="Make the link without grant_id for a new one."
            )
        if wish.other_account == "add":
            raise InvalidInput('other_account="add" and grant_id contradict each other.', advice="Leave one out.")
        return row.grant

    def _web_client(self, name: str) -> OAuthClient:
        client = self._client(name)
        if client.kind != "web":
            raise InvalidInput(
                f"The OAuth client {client.name!r} is for installed programs: no link can lead through it.",
                advice="Register a web client whose redirect URI is the service's.",
            )
        return client


def new_link_id() -> str:
    """Return a random id of 128 bits in lower-case letters and digits."""
    return "ln_" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
