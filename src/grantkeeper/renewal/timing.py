"""When a token is due for renewal, and a grant for a look."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from ..model import Grant

DAY: Final = timedelta(days=1)

NOTED_EVERY: Final = timedelta(hours=1)
"""Use is written down so often at most: a grant that is asked for each second costs one more UPDATE an hour."""

SHORTEST_LIFE: Final = timedelta(minutes=1)
"""Renewed ahead no sooner than this after the last refresh (R-39): a token that lives for seconds is no hot loop."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_SHARE: Final = 0.3
_LATEST_SHARE: Final = 0.2
"""What is left of a token's life when it is renewed ahead: of an hour, 12 to 18 minutes, more than any caller asks for
by default; spread, so that what was issued together is not renewed together (R-50)."""

_PROVEN_FOR: Final = timedelta(hours=20)
"""A refresh longer ago does not prove that a grant lives: less than a day, so that a check that comes a little early
renews, and a used grant's does not."""

_ANNOUNCED: Final = timedelta(days=7)
_ANNOUNCED_SHARE: Final = 2 / 7
"""How long before its end a grant is announced to end: a week, time enough to reach a person; of one that lives for a
week in all (Google's Testing) two days."""

_FIRST_DELAY: Final = timedelta(minutes=1)
_DOUBLINGS: Final = 10
"""What fails again and again is tried after 1, 2, 4, ... minutes, and once in 17 hours at least (R-52)."""


def due(expires_at: datetime | None, *, now: datetime, min_ttl: timedelta) -> bool:
    """Return True when there is no access token, or it lives no longer than `min_ttl` from `now`."""
    return expires_at is None or expires_at - now <= min_ttl


def next_due(grant: Grant, *, now: datetime, used: bool = True) -> datetime:
    """Return when the worker is to look at an active grant: to renew it if it is `used`, or for the daily check.

    Also when its end has to be announced. Never more than a day from now.
    """
    times = [next_check(grant.id, now=now)]
    if used and grant.expires_at is not None:
        times.append(renew_at(grant))
    announce = announced_from(grant)
    if announce is not None and announce > now:
        times.append(announce)
    return min(times)


def renew_at(grant: Grant) -> datetime:
    """Return when its access token is to be renewed ahead of its end; now long past when it has none."""
    if grant.expires_at is None:
        return _EPOCH
    began = grant.refreshed_at or grant.consented_at
    life = max(grant.expires_at - began, timedelta())
    return max(grant.expires_at - life * _share(f"{grant.id} {grant.expires_at}"), began + SHORTEST_LIFE)


def hastened(grant_id: str, expires_at: datetime, *, now: datetime) -> datetime:
    """Return when to renew the token of a grant that was not renewed ahead and is used again."""
    left = max(expires_at - now, SHORTEST_LIFE)
    return now + left * (1 - _share(f"{grant_id} {expires_at}"))


def used_lately(used_at: datetime | None, *, now: datetime) -> bool:
    """Tell whether a grant was used within the last day, as far as that is written down; so it is renewed ahead.

    A time of use in the future is that of a clock that was ahead, a day at most is believed.
    """
    return used_at is not None and -DAY <= now - used_at <= DAY + NOTED_EVERY


def next_check(grant_id: str, *, now: datetime) -> datetime:
    """Return the next time of day at which this grant is checked: its own, so that all are spread evenly."""
    into = (now - _EPOCH) % DAY
    at = DAY * _fraction(grant_id)
    return now - into + at + (DAY if at <= into else timedelta())


def is_unchecked(grant_id: str, checked_at: datetime | None, *, now: datetime) -> bool:
    """Tell whether a grant was not checked on its latest turn; one in the future was by a clock that was ahead."""
    return checked_at is None or checked_at > now or checked_at < next_check(grant_id, now=now) - DAY


def is_proven(grant: Grant, *, now: datetime) -> bool:
    """Tell whether a refresh showed within about a day that the grant lives."""
    return timedelta() <= now - (grant.refreshed_at or grant.consented_at) < _PROVEN_FOR


def announced_from(grant: Grant) -> datetime | None:
    """Return when the end of a grant, if one is known, is to be announced: a week before, sooner for a short life."""
    if grant.ends_at is None:
        return None
    life = max(grant.ends_at - grant.consented_at, timedelta())
    return grant.ends_at - min(_ANNOUNCED, life * _ANNOUNCED_SHARE)


def put_off(key: str, times: int) -> timedelta:
    """Return how long to leave alone what failed so many times, one or more, in a row; not all the same long."""
    return _FIRST_DELAY * (1 << min(times - 1, _DOUBLINGS)) * (1 + _fraction(f"{key} {times}") / 4)


def _share(text: str) -> float:
    return _LATEST_SHARE + (_EARLIEST_SHARE - _LATEST_SHARE) * _fraction(text)


def _fraction(text: str) -> float:
    """Return a number from 0 to below 1 that looks random and is the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56
