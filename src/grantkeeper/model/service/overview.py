"""Grants as operators look at them: filtered, a page at a time, with what is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..grant import Grant, GrantStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedGrant:
    """A grant, when it is looked at next, and when it was used and checked last."""

    grant: Grant
    due_at: datetime | None = None
    used_at: datetime | None = None
    checked_at: datetime | None = None


class OverviewStore(Protocol):
    """Pages of grants whose cost follows their length, not how many grants there are; a part of the Store."""

    def page(
        self,
        *,
        owner: str = "",
        email: str = "",
        client: str | None = None,
        statuses: Sequence[GrantStatus] | None = None,
        after: str = "",
        limit: int = 50,
    ) -> list[ListedGrant]:
        """Return grants that match all that is given, those after the grant with the id `after`.

        `owner` is what their owner begins with: then they are ordered by owner, else by id.
        """

    def get(self, grant_id: str) -> ListedGrant | None:
        """Return one grant, or None."""

    def count(self, status: GrantStatus, *, most: int) -> int:
        """Return how many grants stand so, counted up to `most`."""
