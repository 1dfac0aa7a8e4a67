"""Who is told of events, and how that goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, Protocol

from ..event import Event
from .beside import NOTHING, Beside

if TYPE_CHECKING:
    from ..rows import Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address that events are posted to (Standard Webhooks). `kinds` are those it wants; empty: all.

    `reason` says why it is disabled. `failing_since` is when deliveries began to fail without one that succeeded;
    until `held_until` none is tried. `delivered_at` is when one succeeded last, to the minute.
    """

    id: str
    url: str
    created_at: datetime
    created_by: str
    kinds: frozenset[str] = frozenset()
    description: str = ""
    status: Literal["enabled", "disabled"] = "enabled"
    reason: str = ""
    failing_since: datetime | None = None
    held_until: datetime | None = None
    delivered_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """An endpoint as stored; `sealed` opens to its secrets."""

    endpoint: Endpoint
    sealed: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one endpoint. `dead`: given up, or refused for good; it can be replayed.

    `due_at` is when it is tried next, or given back by who has claimed it; None once it has ended. `last_error` is a
    word of ours, `last_status` the HTTP status of the last answer, if there was one.
    """

    id: int
    endpoint_id: str
    event_id: int
    kind: str
    status: Literal["waiting", "delivered", "dead"]
    attempts: int
    due_at: datetime | None
    created_at: datetime
    delivered_at: datetime | None = None
    last_status: int | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A delivery that was claimed, with everything that it needs."""

    delivery: Delivery
    row: EndpointRow
    event: Event


class WebhookStore(Protocol):
    """Endpoints and deliveries; a part of the Store. Deliveries are made when events get their position."""

    def add(self, row: EndpointRow, *, beside: Beside) -> None:
        """Keep a new endpoint."""

    def get(self, endpoint_id: str) -> EndpointRow | None:
        """Return an endpoint, or None."""

    def all(self) -> list[EndpointRow]:
        """Return every endpoint that can be read, oldest first."""

    def unreadable(self) -> list[str]:
        """Return the ids of endpoints whose rows somebody altered."""

    def save(self, row: EndpointRow, *, expected_version: int, beside: Beside) -> None:
        """Replace an endpoint's row by compare-and-swap; raises Conflict."""

    def remove(self, endpoint_id: str, *, beside: Beside) -> bool:
        """Delete an endpoint and its deliveries; False when there is none."""

    def ready(self, *, now: datetime) -> list[EndpointRow]:
        """Return endpoints that are enabled, not held, and have something due; one look-up while nothing is."""

    def claim(self, row: EndpointRow, *, now: datetime, leases: Sequence[timedelta], limit: int) -> list[Due]:
        """Take deliveries of an endpoint that are due, the oldest first, each for one caller until its lease ends.

        That counts as an attempt: one that was taken n times gets the n-th lease, counted from 0, and is dead when
        there is none. What is returned has the count of before.
        """

    def put_back(self, claimed: Delivery, *, due_at: datetime) -> None:
        """Let a claimed delivery that nobody began to post be due then, and its claim no attempt."""

    def end(
        self,
        claimed: Delivery,
        now_is: Delivery,
        *,
        now: datetime,
        held_until: datetime | None = None,
        disable: str = "",
        beside: Beside = NOTHING,
    ) -> bool:
        """Write down how a claimed delivery went; False when it is somebody else's by now.

        One that was delivered is written down in any case. When it failed, its endpoint is held, and with `disable`
        also disabled for this reason, and what is beside it written.
        """

    def deliveries(
        self,
        *,
        endpoint_id: str | None = None,
        event_id: int | None = None,
        statuses: tuple[str, ...] | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, newest first, those with an id smaller than `before`."""

    def replay(self, *, endpoint_id: str, now: datetime, delivery_id: int | None = None, beside: Beside) -> int:
        """Let one delivery, or all dead ones of an endpoint, be tried again from the beginning; returns how many."""

    def give_up(self, *, before: datetime, now: datetime, error: str, limit: int) -> int:
        """Let deliveries that are due since before then be dead: nobody takes them; returns how many.

        One that is posted just now, or is to be tried again, is due later; one that was never tried is tried first,
        unless its endpoint is disabled.
        """

    def let_go(self, *, before: datetime, now: datetime, error: str, limit: int) -> int:
        """Let deliveries that are due since before then be dead, also those never tried; returns how many."""

    def mend(self, *, now: datetime, limit: int) -> int:
        """Let deliveries be due now that are due later than any can be: a clock was ahead; returns how many."""

    def prune(self, *, before: datetime, limit: int) -> int:
        """Delete deliveries that ended before then."""
