"""When a token is due for renewal."""

from __future__ import annotations

from datetime import datetime, timedelta


def due(expires_at: datetime | None, *, now: datetime, min_ttl: timedelta) -> bool:
    """Return True when there is no access token, or it lives no longer than `min_ttl` from `now`."""
    return expires_at is None or expires_at - now <= min_ttl
