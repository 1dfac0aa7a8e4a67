"""When a token is due for renewal, and a grant for a look."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from ..model import Grant

DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_SHARE: Final = 0.3
_LATEST_SHARE: Final = 0.2
"""What is left of a token's life when it is renewed ahead: of an hour, 12 to 18 minutes, more than any caller asks for
by default; spread, so that what was issued together is not renewed together (R-50)."""


def due(expires_at: datetime | None, *, now: datetime, min_ttl: timedelta) -> bool:
    """Return True when there is no access token, or it lives no longer than `min_ttl` from `now`."""
    return expires_at is None or expires_at - now <= min_ttl


def next_due(grant: Grant, *, now: datetime, used: bool = True) -> datetime:
    """Return when the worker is to look at an active grant: to renew it if it is `used`, or for the daily check."""
    check = next_check(grant.id, now=now)
    return min(renew_at(grant), check) if used and grant.expires_at is not None else check


def renew_at(grant: Grant) -> datetime:
    """Return when its access token is to be renewed ahead of its end; now long past when it has none."""
    if grant.expires_at is None:
        return _EPOCH
    began = grant.refreshed_at or grant.consented_at
    share = _LATEST_SHARE + (_EARLIEST_SHARE - _LATEST_SHARE) * _fraction(f"{grant.id} {grant.expires_at}")
    return grant.expires_at - max(grant.expires_at - began, timedelta()) * share


def next_check(grant_id: str, *, now: datetime) -> datetime:
    """Return the next time of day at which this grant is checked: its own, so that all are spread evenly."""
    into = (now - _EPOCH) % DAY
    at = DAY * _fraction(grant_id)
    return now - into + at + (DAY if at <= into else timedelta())


def _fraction(text: str) -> float:
    """Return a number from 0 to below 1 that looks random and is the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56
