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
    """A grant that was claimed, with what the worker decides by. `due_at` is None for one never scheduled."""

    row: GrantRow
    due_at: datetime | None
    used_at: datetime | None
    checked_at: datetime | None
    warned_at: datetime | None


class WorkStore(Protocol):
    """Due times; a part of the Store. What they cost follows what is due, not what exists."""

    def claim(self, *, now: datetime, until: datetime, limit: int, clients: tuple[str, ...]) -> list[DueGrant]:
        """Take active grants that are due or were never scheduled, each for one caller, until then; earliest first."""

    def schedule(
        self,
        grant_id: str,
        *,
        due_at: datetime,
        checked_at: datetime | None = None,
        warned_at: datetime | None = None,
        beside: Beside = NOTHING,
    ) -> None:
        """Say when the grant is due next; also when it was checked, or its owner warned, unless None."""

    def note_used(self, used: Mapping[str, datetime], *, hasten: Mapping[str, datetime]) -> None:
        """Note when grants were last used; `hasten` brings their due times forward to these."""

    def waiting(self, *, now: datetime) -> tuple[int, datetime | None]:
        """Return how many grants are due, counted up to 10,000, and since when the first is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a POST with an idempotency key was answered with; `sealed` is None while it is under way."""

    fingerprint: str
    status: int | None
    key: bytes | None
    data: bytes | None


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
