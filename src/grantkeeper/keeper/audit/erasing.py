"""The end of an owner's personal data (O-54r)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ...errors import InvalidInput
from ...model import AuditEntry, Erasure, GrantStatus, Revocation
from ...model.service.links import OPEN
from ..inputs import checked_owner
from ..links.linking import Linking
from ..parts import Parts
from .verifying import ERASE

PAGE: Final = 200


class EndOfOwner:
    """The verb erase of a keeper."""

    def __init__(self, parts: Parts, *, links: Linking, revoke: Callable[..., Revocation]) -> None:
        self._parts, self._links, self._revoke = parts, links, revoke
        self._store = parts.store

    def erase(self, owner: str, *, by: str) -> Erasure:
        """See `Keeper.erase`."""
        owner = checked_owner(owner)
        self._end_links(owner, by)
        revoked, pending = self._end_grants(owner, by)
        entry = AuditEntry(
            at=self._parts.now(),
            actor=by,
            action=ERASE,
            target=f"owner:{owner}",
            owner=owner,
            data={"revoked": revoked, "pending": len(pending)},
        )
        done = self._store.erasing.erase(owner, entry=entry, mac=self._parts.mac)
        return replace(done, revoked=revoked, pending=pending)

    def _end_links(self, owner: str, by: str) -> None:
        """Revoke what could still be followed; one that is used meanwhile leads to a grant, which is ended next."""
        while page := self._store.links.page(owner=owner, statuses=OPEN, limit=PAGE):
            for row in page:
                with suppress(InvalidInput):  # it was used this moment
                    self._links.revoke(row.link.id, by=by)

    def _end_grants(self, owner: str, by: str) -> tuple[int, tuple[str, ...]]:
        """End each grant, here and at the provider; one that is revoked and not told yet is told again."""
        revoked, pending, after = 0, [], ""
        while page := self._store.grants(owner=owner, after=after, limit=PAGE):
            for row in page:
                if row.grant.status is GrantStatus.REVOKED and row.sealed is None:
                    continue
                done = self._revoke(row.grant.id, by=by)
                revoked += 1
                if done.at_provider == "pending":
                    pending.append(row.grant.id)
            after = page[-1].grant.id
        return revoked, tuple(pending)
