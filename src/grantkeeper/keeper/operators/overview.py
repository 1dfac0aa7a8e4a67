"""What operators look at: pages of grants, and all that is known of one. Nothing here asks a provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...errors import NotFound, check_word, printable
from ...model import Account, AuditEntry, ClientState, Event, GrantStatus, Link, ListedGrant, Tally
from ..parts import Parts

PAGE: Final = 50
"""Grants on one page."""
MOST_COUNTED: Final = 100
"""Grants that wait are counted up to here: that there are many is what matters."""
LATEST: Final = 50
"""Events, and audit entries, of one grant that are shown."""
_EVENTS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A grant and what belongs to it, the latest first; `link` is the newest one that led to it."""

    listed: ListedGrant
    accounts: tuple[Account, ...]
    events: tuple[Event, ...]
    audit: tuple[AuditEntry, ...]
    link: Link | None


class Overview:
    """The keeper's `overview`. Thread-safe; changes nothing."""

    def __init__(self, parts: Parts) -> None:
        self._store = parts.store
        self.now = parts.now

    def page(
        self,
        *,
        owner: str = "",
        email: str = "",
        client: str | None = None,
        statuses: Sequence[GrantStatus] | None = None,
        after: str = "",
        limit: int = PAGE,
    ) -> list[ListedGrant]:
        """Return grants that match all that is given, those after the grant with the id `after`.

        `owner` is what their owner begins with: then they are ordered by owner, else by id. `email` is exact.
        """
        for each in statuses or ():
            check_word("status", each, tuple(GrantStatus))
        return self._store.overview.page(
            owner=owner, email=email, client=client, statuses=statuses, after=after, limit=limit
        )

    def known(self, grant_id: str) -> Known:
        """Return all that is known of a grant; raises NotFound."""
        listed = self._store.overview.get(grant_id)
        if listed is None:
            raise NotFound(f"There is no grant {printable(grant_id, 64)!r}.")
        audit = self._store.audit.read(target=f"grant:{grant_id}", newest_first=True, limit=LATEST)
        links = self._store.links.by_result(grant_id)
        return Known(
            listed=listed,
            accounts=tuple(self._store.accounts.of(grant_id)),
            events=self._latest(grant_id),
            audit=tuple(each.entry for each in audit),
            link=links[0].link if links else None,
        )

    def waiting(self) -> dict[GrantStatus, int]:
        """Return how many grants wait for the business, or for their owner; each counted up to MOST_COUNTED."""
        statuses = (GrantStatus.PENDING, GrantStatus.CONSENT_REQUIRED)
        return {status: self._store.overview.count(status, most=MOST_COUNTED) for status in statuses}

    def health(self, *, since_hour: int) -> tuple[list[Tally], list[ClientState]]:
        """Return what became of refreshes from this hour on (since 1970), and how OAuth clients stand."""
        return self._store.health.tallies(since_hour=since_hour), self._store.health.states()

    def _latest(self, grant_id: str) -> tuple[Event, ...]:
        latest: list[Event] = []
        more = True
        while more:
            after = latest[-1].position if latest else 0
            found = self._store.events.read(grant_id=grant_id, after=after, limit=_EVENTS)
            more = len(found) == _EVENTS
            latest = [*latest, *found][-LATEST:]
        return tuple(reversed(latest))
