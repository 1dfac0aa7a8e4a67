"""The end of an owner's personal data (O-54r)."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from ...errors import InvalidInput, SealBroken
from ...model import AuditEntry, Erasure, Event, Grant, GrantStatus, Reason
from ...model.event import GRANT_REVOKED
from ...model.service.links import OPEN
from ..inputs import checked_owner
from ..links.linking import Linking
from ..parts import Parts
from ..revoking import Revoking
from .verifying import ERASE

log = logging.getLogger("grantkeeper")

PAGE: Final = 200
_DISCONNECTED: Final = {"reason": str(Reason.DISCONNECTED)}


class EndOfOwner:
    """The verb erase of a keeper."""

    def __init__(self, parts: Parts, *, links: Linking, revoking: Revoking) -> None:
        self._parts, self._links, self._revoking = parts, links, revoking
        self._store = parts.store

    def erase(self, owner: str, *, by: str) -> Erasure:
        """See `Keeper.erase`."""
        owner = checked_owner(owner)
        self._end_links(owner, by)
        ended = self._end_grants(owner, by)
        entry = AuditEntry(
            at=self._parts.now(),
            actor=by,
            action=ERASE,
            target=f"owner:{owner}",
            owner=owner,
            data=ended.counted,
        )
        done = self._store.erasing.erase(owner, entry=entry, mac=self._parts.mac)
        return replace(done, revoked=ended.revoked, pending=tuple(ended.pending), untold=tuple(ended.untold))

    def _end_links(self, owner: str, by: str) -> None:
        """Revoke what could still be followed; one that is used meanwhile leads to a grant, which is ended next."""
        before = None
        while page := self._store.links.page(owner=owner, statuses=OPEN, before=before, limit=PAGE):
            for row in page:
                # It was used this moment; or somebody altered it, and `ErasureStore.erase` ends it.
                with suppress(InvalidInput, SealBroken, OverflowError):
                    self._links.revoke(row.link.id, by=by)
            before = page[-1].link.created_at, page[-1].link.id

    def _end_grants(self, owner: str, by: str) -> _Ended:
        """End each grant, here and at the provider; one that is revoked and not told yet is told again."""
        ended, after = _Ended(), ""
        while page := self._store.erasing.grants(owner, after=after, limit=PAGE):
            for grant_id in page:
                try:
                    self._end_if_alive(grant_id, ended, by)
                except (
                    SealBroken,
                    InvalidInput,
                ) as problem:  # altered, or too long to save: the others go on
                    log.error("the provider of grant %s is not told of its end: %s", grant_id, problem)  # noqa: TRY400 - a traceback adds nothing
                    self._give_up(grant_id, owner, by)
                    ended.untold.append(grant_id)
            after = page[-1]
        return ended

    def _end_if_alive(self, grant_id: str, ended: _Ended, by: str) -> None:
        row = self._store.grant(grant_id)
        if row is not None and (row.grant.status is not GrantStatus.REVOKED or row.sealed is not None):
            self._end(row.grant, ended, by)
            ended.revoked += 1

    def _give_up(self, grant_id: str, owner: str, by: str) -> None:
        """Drop the tokens of a grant whose row, or another's that a revocation may end, cannot be read."""
        with suppress(SealBroken):
            self._revoking.give_up(grant_id)
            row = self._store.grant(grant_id)
            if row is None or row.grant.status is GrantStatus.REVOKED:
                return
        at = self._parts.now()
        event = Event(kind=GRANT_REVOKED, at=at, grant_id=grant_id, owner=owner, client="", data=_DISCONNECTED)
        target = f"grant:{grant_id}"
        entry = AuditEntry(
            at=at, actor=by, action="grant.revoke", target=target, owner=owner, data={"unreadable": True}
        )
        self._store.erasing.end(grant_id, owner=owner, at=at, beside=self._parts.beside(entry, events=(event,)))

    def _end(self, grant: Grant, ended: _Ended, by: str) -> None:
        told = self._revoking.revoke(grant.id, "keep", by=by).at_provider
        if told == "unreadable":
            ended.untold.append(grant.id)
        if told != "pending":
            return
        if grant.client in self._parts.clients:
            ended.pending.append(grant.id)
            return
        # Nobody here can ever tell the provider: what would be kept for that is the person's address for ever.
        self._revoking.give_up(grant.id)
        log.warning("grant %s is erased and its provider not told: %s is not configured", grant.id, grant.client)
        ended.untold.append(grant.id)


@dataclass(slots=True)
class _Ended:
    """What became of an owner's grants: see `Erasure`."""

    revoked: int = 0
    pending: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)

    @property
    def counted(self) -> dict[str, int]:
        """What the audit log says of it."""
        told = {"revoked": self.revoked, "pending": len(self.pending)}
        return told | ({"untold": len(self.untold)} if self.untold else {})
