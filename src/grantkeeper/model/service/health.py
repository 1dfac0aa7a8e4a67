"""How OAuth clients do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .beside import Beside


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of an OAuth client's refreshes in an hour (hours since 1970, UTC)."""

    client: str
    hour: int
    refreshed: int = 0
    refused: int = 0
    trouble: int = 0
    ours: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientState:
    """Whether an OAuth client works, as far as any process knows. `why` is a breaker's reason, "" while it works."""

    client: str
    failing_since: datetime | None
    why: str
    changed_at: datetime


class HealthStore(Protocol):
    """Tallies and states; a part of the Store."""

    def add(self, tallies: Mapping[tuple[str, int], Tally]) -> None:
        """Add to what is counted."""

    def tallies(self, *, since_hour: int, client: str | None = None) -> list[Tally]:
        """Return what was counted from this hour on, by client and hour."""

    def states(self) -> list[ClientState]:
        """Return the states that are known."""

    def mark(
        self,
        client: str,
        *,
        failing: bool,
        why: str,
        at: datetime,
        beside: Beside,
        instead_of: Collection[str] = (),
        unconfirmed_since: datetime | None = None,
    ) -> bool:
        """Note that a client fails, or works again; True, and what is beside it written, if that was news.

        Of one that is known to fail it is noted that it still does. That it fails for another reason is news where
        this one takes the place of the one that is known, or that was not confirmed since a time.
        """

    def prune(self, *, before_hour: int) -> int:
        """Forget tallies of before."""
