"""What is due: which grants to renew or to look at, and when next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from .beside import NOTHING, Beside

if TYPE_CHECKING:
    from ..rows import GrantRow


@dataclass(frozen=True, slots=True, kw_only=True)
class DueGrant:
    """A grant that was claimed, with what the worker decides by. `due_at` is None for one never scheduled.

    `used_at` is when somebody last asked for its token, to the hour; `checked_at` when it was last looked at on its
    daily turn; `warned_at` when its end was last announced.
    """

    row: GrantRow
    due_at: datetime | None
    used_at: datetime | None
    checked_at: datetime | None
    warned_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What a claim took; `unreadable` are ids of rows that somebody altered, which are claimed as well (R-52)."""

    grants: tuple[DueGrant, ...] = ()
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return how many grants were claimed."""
        return len(self.grants) + len(self.unreadable)


class WorkStore(Protocol):
    """Due times; a part of the Store. What they cost follows what is due, not what exists."""

    def claim(self, client: str, *, now: datetime, until: datetime, limit: int, used_since: datetime) -> Claimed:
        """Take active grants of this client that are due, each for one caller.

        Those first that were used on the days since `used_since`, the latest day first, then all others; among them
        the earliest first. They are due again at `until`, which gives a claim back whose process was killed. Costs
        follow `limit`, however many are due.
        """

    def schedule(
        self,
        seen: DueGrant,
        *,
        due_at: datetime,
        checked_at: datetime | None = None,
        warned_at: datetime | None = None,
        beside: Beside = NOTHING,
    ) -> bool:
        """Say when a claimed grant is due next; also when it was checked, or its end announced, unless None.

        False, and nothing is written, when somebody else has checked it or announced its end since it was claimed:
        so each is done once. When it was used since, its due time is left as that made it.
        """

    def unscheduled(self, client: str, *, limit: int) -> Claimed:
        """Return active grants of this client that were never scheduled: an older version wrote them. Takes none."""

    def first(self, due: Mapping[str, datetime]) -> int:
        """Say when grants are due that were never scheduled; others are left as they are. Returns how many were."""

    def put(self, due: Mapping[str, datetime]) -> None:
        """Say when these grants are due, whatever was said before: they are put off, or given back."""

    def note_used(self, used: Mapping[str, datetime], *, hasten: Mapping[str, datetime]) -> None:
        """Note when grants were last used. `hasten` brings due times forward to these, of those not used for a day."""

    def unchanged(self, versions: Mapping[str, int]) -> set[str]:
        """Return which of these grants are of these versions still. No version of a grant is lower than it was."""

    def waiting(self, clients: tuple[str, ...], *, now: datetime) -> tuple[int, datetime | None]:
        """Return how many grants are due, counted up to 10,000 a client, and since when the first is."""

    def mend(self, clients: tuple[str, ...], *, after: datetime) -> int:
        """Forget due times later than any can be, after a clock that was ahead; returns of how many grants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a POST with an idempotency key was answered with; `sealed` is None while it is under way."""

    fingerprint: str
    status: int | None
    key: bytes | None
    data: bytes | None
    expires_at: datetime | None


class IdempotencyStore(Protocol):
    """Answers to POSTs that may be sent again; a part of the Store."""

    def begin(self, key: str, *, fingerprint: str, now: datetime, expires_at: datetime) -> Answered | None:
        """Take the key; returns None to exactly one caller, else what is known of the first. An expired one is free."""

    def finish(self, key: str, *, status: int, sealed_key: bytes, sealed: bytes) -> None:
        """Keep the answer."""

    def give_up(self, key: str) -> None:
        """Free the key: nothing was done."""

    def sweep(self, *, now: datetime, limit: int = 1000) -> int:
        """Delete those whose time is up."""
