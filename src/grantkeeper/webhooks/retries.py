"""What an answer means, and when a message is posted again (Standard Webhooks, "Deliverability and reliability")."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

from ..model import Delivery, Endpoint

Outcome = Literal["delivered", "gone", "throttled", "redirected", "refused"]

RETRIES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long after the first attempt, the second and so on the next is made: ten in a little more than three days, so
that a receiver which broke on a Friday evening has everything on Monday."""

JITTER: Final = 0.1
"""Each wait is longer by up to a tenth: what failed together is not tried again together."""

LEASE: Final = timedelta(minutes=2)
"""How long a delivery is one process's: longer than a post and what comes before it takes."""

LEASES: Final = (*(max(LEASE, wait) for wait in RETRIES), LEASE)
"""The same, of one that was taken never before, once, and so on. Where nobody writes down how an attempt went, because
whoever makes it dies of it, the next one comes when it would after a failure, and there are as many."""

GIVEN_UP: Final = timedelta(days=5)
"""How long a delivery may be due at most, and how long an endpoint may do nothing but fail before it is disabled."""

LET_GO: Final = timedelta(days=10)
"""How long one may be due that was never tried: no worker may have run for days."""

PROVEN: Final = timedelta(hours=12)
"""So old is a delivery at least whose failure disables its endpoint: when nothing happened for days, the one failure of
that time proves nothing."""

HOLD_AT_MOST: Final = timedelta(minutes=10)
_HOLD_SHARE: Final = 0.1
_HOLD_THROTTLED: Final = timedelta(seconds=30)

_THROTTLED: Final = frozenset({429, 502, 503, 504})
"""The receiver, or what stands before it, has too much to do."""
_GONE: Final = 410


def judged(status: int) -> Outcome:
    """Return what an HTTP status means: 2xx is the only success, a redirect is not followed, 410 disables (V-58)."""
    if 200 <= status < 300:
        return "delivered"
    if status == _GONE:
        return "gone"
    if status in _THROTTLED:
        return "throttled"
    return "redirected" if 300 <= status < 400 else "refused"


def after_failure(
    delivery: Delivery, *, now: datetime, retry_after: timedelta | None, fraction: float
) -> datetime | None:
    """Return when a delivery is tried again that has failed so many times as its `attempts` say; None: it is dead.

    `retry_after` is what the receiver asked for (RFC 9110 10.2.3), `fraction` a random number from 0 to 1.
    """
    if delivery.attempts > len(RETRIES):
        return None
    wait = RETRIES[delivery.attempts - 1] * (1 + JITTER * fraction)
    return now + max(wait, retry_after or timedelta())


def hold(endpoint: Endpoint, *, now: datetime, outcome: Outcome, retry_after: timedelta | None) -> datetime | None:
    """Return until when an endpoint that failed just now gets nothing more, whatever waits; None: it is not held.

    For a tenth of the time for which it has failed, so that one which is down is not hammered, and one that is back is
    noticed soon; for longer if it says that it has too much to do.
    """
    failing = now - endpoint.failing_since if endpoint.failing_since else timedelta()
    wait = min(failing * _HOLD_SHARE, HOLD_AT_MOST)
    if outcome == "throttled":
        wait = max(wait, retry_after or _HOLD_THROTTLED)
    return now + wait if wait > timedelta() else None


def is_over(endpoint: Endpoint, delivery: Delivery, *, now: datetime) -> bool:
    """Return True when an endpoint that failed again has done nothing else for so long that it is disabled."""
    since = endpoint.failing_since
    return since is not None and now - since >= GIVEN_UP and now - delivery.created_at >= PROVEN
