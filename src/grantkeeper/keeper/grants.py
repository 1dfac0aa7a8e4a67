"""A keeper's verbs that look at grants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ..errors import InvalidInput, NotFound, check_word, printable
from ..model import Grant, GrantRow, GrantStatus, OAuthClient, Store
from .consent.consents import LIVE, NAMED
from .inputs import checked_owner
from .revoking import Revoking

PAGE: Final = 200
MOST: Final = 1000


class GrantVerbs:
    """What a Keeper can tell of grants; in a file of its own because a Keeper can do much."""

    _store: Store
    _clients: dict[str, OAuthClient]
    _revoking: Revoking

    def get(self, grant_id: str) -> Grant:
        """Return the grant as stored; raises NotFound."""
        row = self._store.grant(grant_id)
        if row is None:
            raise NotFound(f"There is no grant {printable(grant_id, 64)!r}.", advice="`grantkeeper list` shows them.")
        return row.grant

    def find(self, owner: str, client: str, *, subject: str | None = None, email: str | None = None) -> Grant:
        """Return the owner's grant at this client, the one that is not revoked.

        Who consented by a link and waits to be confirmed is passed over while somebody else is confirmed: whoever got
        hold of a link must not make a nightly script fail.

        Raises:
            NotFound: there is none.
            InvalidInput: there are several; name one by `subject` or `email`, or go through `grants()`.
        """
        owner = checked_owner(owner)
        rows = self._pages(owner=owner, client=self.client(client).name, subject=subject, statuses=LIVE)
        found = [row.grant for row in rows if email is None or row.grant.email == email]
        found = [grant for grant in found if grant.confirmed] or found
        if not found:
            raise NotFound(f"{owner!r} has no grant at {client!r}.", advice="Send its owner through begin().")
        if len(found) > 1:
            names = ", ".join(f"{grant.person} ({grant.id})" for grant in found[:NAMED])
            more = ", …" if len(found) > NAMED else ""
            raise InvalidInput(
                f"{owner!r} has {len(found)} grants at {client!r}: {names}{more}.",
                advice="Name one by email or subject, or take one of grants().",
            )
        return found[0]

    def grants(
        self, owner: str | None = None, client: str | None = None, *, status: GrantStatus | None = None
    ) -> Iterator[Grant]:
        """Yield grants by id, those that match all that is given, revoked ones included; reads page by page."""
        owner = None if owner is None else checked_owner(owner)
        statuses = _checked(status)
        yield from (row.grant for row in self._pages(owner=owner, client=client, statuses=statuses))

    def siblings(self, grant_id: str) -> tuple[Grant, ...]:
        """Return the other live grants that revoking this one at the provider would end too; raises NotFound.

        Those that it may end are among them: where one of the two was imported and its person is not known
        (`Grant.identified`), nobody can tell whether they are the same person's. Of those it names about a thousand.
        """
        return tuple(row.grant for row in self._revoking.siblings(self.get(grant_id)))

    def client(self, name: str) -> OAuthClient:
        """Return the OAuthClient of this name; raises NotFound naming the configured ones."""
        found = self._clients.get(name)
        if found is None:
            known = ", ".join(self._clients) or "none"
            raise NotFound(f"There is no OAuth client {printable(name, 64)!r}.", advice=f"Configured are: {known}.")
        return found

    @property
    def clients(self) -> tuple[OAuthClient, ...]:
        """The configured OAuth clients."""
        return tuple(self._clients.values())

    def page(
        self,
        *,
        owner: str | None = None,
        client: str | None = None,
        email: str | None = None,
        status: GrantStatus | None = None,
        owners: Sequence[str] | None = None,
        clients: Sequence[str] | None = None,
        after: str = "",
        limit: int = PAGE,
    ) -> list[Grant]:
        """Return at most `limit` (1 to 1,000) grants that match all that is given, by id, those after the id `after`.

        `owners` and `clients` are those that the asker may see.
        """
        if not 1 <= limit <= MOST:
            raise InvalidInput("limit is 1 to 1,000.")
        rows = self._store.grants(
            owner=None if owner is None else checked_owner(owner),
            client=client,
            email=email,
            owners=None if owners is None else tuple(owners),
            clients=None if clients is None else tuple(clients),
            statuses=_checked(status),
            after=after,
            limit=limit,
        )
        return [row.grant for row in rows]

    def _pages(
        self,
        *,
        owner: str | None,
        client: str | None,
        statuses: tuple[GrantStatus, ...] | None,
        subject: str | None = None,
    ) -> Iterator[GrantRow]:
        after = ""
        while True:
            rows = self._store.grants(
                owner=owner, client=client, subject=subject, statuses=statuses, after=after, limit=PAGE
            )
            yield from rows
            if len(rows) < PAGE:
                return
            after = rows[-1].grant.id


def _checked(status: GrantStatus | None) -> tuple[GrantStatus, ...] | None:
    """Return the statuses that are wanted; a mistyped one would find nothing, and look like an answer."""
    if status is None:
        return None
    check_word("status", status, tuple(GrantStatus))
    return (status,)
