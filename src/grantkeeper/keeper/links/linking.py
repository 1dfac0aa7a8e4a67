"""Invitations: listed, shown, withdrawn, ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from ...errors import Conflict, DatabaseUnavailable, GrantkeeperError, InvalidInput, check_word
from ...model import Invitation, Link, LinkRow, LinkStatus, OAuthClient
from ...model.event import LINK_EXPIRED
from ...model.service.links import OPEN
from ..consent.flows import Flows
from ..consent.invited import LATE, proof_of
from ..parts import Parts
from .addresses import Addresses
from .confirming import Confirming
from .following import Following
from .making import Making
from .rows import LinkRows, retried

log = logging.getLogger("grantkeeper")

PAGE_LIMIT: Final = 1000
BATCH: Final = 200
"""Links that are read at once to be ended: few enough to be held, many enough to be quick."""
_NAMED: Final = 1000
"""So many links that cannot be saved are named in the log, each once in the life of a process."""


class Linking:
    """The keeper's `links`. Thread-safe.

    `making`, `following` and `confirming` do the keeper's verbs link, follow and confirm.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        flows: Flows,
        client: Callable[[str], OAuthClient],
        pages_url: str,
        return_to: Iterable[str],
    ) -> None:
        self._store = parts.store
        self._now = parts.now
        self._flows = flows
        self._rows = LinkRows(parts)
        self._named: set[str] = set()
        self.making = Making(parts, self._rows, client=client, addresses=Addresses(pages_url, return_to))
        self.following = Following(parts, self._rows, client=client, flows=flows)
        self.confirming = Confirming(parts, self._rows)

    def get(self, link_id: str) -> Link:
        """Return the link as stored; raises NotFound."""
        return self._rows.get(link_id).link

    def show(self, token: str) -> Link:
        """Return the link at this address, for its page; changes nothing, however often it is fetched (V-32).

        Raises:
            NotFound: it is unknown, used up, expired or withdrawn; which of them, only `get` tells, by its status.
        """
        return self.following.usable(token).link

    def invitation(self, link_id: str) -> Invitation:
        """Return the address once more, and the code; raises NotFound, InvalidInput when it is of no use any more."""
        return self.making.again(link_id)

    def page(
        self,
        *,
        owner: str | None = None,
        client: str | None = None,
        statuses: Iterable[LinkStatus] | None = None,
        owners: Sequence[str] | None = None,
        clients: Sequence[str] | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[Link]:
        """Return links that match all that is given, newest first.

        `before` is (`created_at`, `id`) of the last one seen; `owners` and `clients` are what the asker may see, None
        for everything.
        """
        if not 1 <= limit <= PAGE_LIMIT:
            raise InvalidInput(f"limit is 1 to {PAGE_LIMIT}.")
        wanted = None if statuses is None else tuple(statuses)
        for each in wanted or ():
            check_word("status", each, tuple(LinkStatus))
        found = self._store.links.page(
            owner=owner,
            client=client,
            statuses=wanted,
            owners=owners,
            clients=clients,
            before=before,
            limit=limit,
        )
        return [row.link for row in found]

    def revoke(self, link_id: str, *, by: str = "program") -> Link:
        """Withdraw a link; also a flow that is at the provider by it is refused. Again is harmless.

        Raises:
            InvalidInput: it was used: what came of it is a grant, which can be revoked. NotFound.
        """
        return retried(lambda: self._revoked(link_id, by)).link

    def expire(self) -> int:
        """Note which links' time is up, with an event each; returns how many. For the worker.

        Ten minutes late, because somebody who began in time may still be at the provider.
        """
        over = self._now() - LATE
        ended, last, more = 0, None, True
        while more:
            due = self._store.links.over(now=over, after=last, limit=BATCH)
            ended += sum(map(self._expired, due))
            more = len(due) == BATCH
            last = (due[-1].link.expires_at, due[-1].link.id) if due else None
        return ended

    def of_flow(self, flow: str | None, ref: str) -> Link | None:
        """Return the link by which this browser began the flow with this hash of its state; None when by none."""
        found = self._flows.of(flow, ref)
        row = self._store.links.get(found.link_id) if found and found.link_id else None
        return row.link if row else None

    def proof(self, flow: str, link_id: str) -> str:
        """Return what the browser of this `Redirect.flow` brings to `return_to` to prove that it consented (V-31)."""
        return proof_of(flow, link_id)

    def _revoked(self, link_id: str, by: str) -> LinkRow:
        row = self._rows.get(link_id)
        link = row.link
        if link.status in (LinkStatus.REVOKED, LinkStatus.EXPIRED):
            return row
        if link.status not in OPEN:
            raise InvalidInput(
                f"Link {link.id} was used already.", advice=f"To end what came of it, revoke {link.result_grant_id}."
            )
        entry = self._rows.entry(link, "link.revoke", by=by)
        changed = replace(row, sealed=None)
        return self._rows.save(changed, entry, status=LinkStatus.REVOKED, revoked_at=self._now())

    def _expired(self, row: LinkRow) -> bool:
        """Note that one link's time is up, unless somebody got further with it meanwhile."""
        changed = replace(row, sealed=None)
        try:
            self._rows.save(changed, events=(self._rows.event(row.link, LINK_EXPIRED),), status=LinkStatus.EXPIRED)
        except Conflict:
            return False
        except DatabaseUnavailable:  # the next one would wait for it as long
            raise
        except (GrantkeeperError, OverflowError) as problem:  # somebody altered it: no reason to end no other
            self._name(row.link.id, problem)
            return False
        return True

    def _name(self, link_id: str, problem: Exception) -> None:
        if link_id not in self._named and len(self._named) < _NAMED:
            self._named.add(link_id)
            log.error("link %s is over, and that cannot be written down: %s", link_id, problem)
