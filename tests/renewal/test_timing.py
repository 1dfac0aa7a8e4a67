"""When a token is due."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantkeeper.model import Grant
from grantkeeper.renewal import (
    DAY,
    announced_from,
    due,
    hastened,
    is_proven,
    is_unchecked,
    next_check,
    next_due,
    put_off,
    renew_at,
    used_lately,
)
from store.made import GRANT

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("left", "min_ttl", "is_due"),
    [
        (None, 300, True),
        (-1, 300, True),
        (0, 300, True),
        (299, 300, True),
        (300, 300, True),
        (301, 300, False),
        (1, 0, False),
        (0, 0, True),
    ],
)
def test_a_token_is_due_when_it_lives_no_longer_than_asked(left: int | None, min_ttl: int, is_due: bool) -> None:
    """R-08: the boundary, to the second."""
    expires_at = None if left is None else NOW + timedelta(seconds=left)
    assert due(expires_at, now=NOW, min_ttl=timedelta(seconds=min_ttl)) is is_due


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
LIVES = st.timedeltas(timedelta(), timedelta(days=90))
IDS = st.text(st.characters(codec="ascii", min_codepoint=48), min_size=1, max_size=32)


def a_grant(ident: str, began: datetime, life: timedelta | None, **more: Any) -> Grant:
    """Return an active grant that was refreshed then, whose token lives so long."""
    expires_at = None if life is None else began + life
    return dataclasses.replace(GRANT, id=ident, consented_at=began, refreshed_at=began, expires_at=expires_at, **more)


@given(IDS, MOMENTS, LIVES)
def test_a_token_is_renewed_ahead_of_its_end_with_a_share_of_its_life_left(
    ident: str, began: datetime, life: timedelta
) -> None:
    """R-50: between a fifth and three tenths; never after its end, unless it lives for less than a minute."""
    at = renew_at(a_grant(ident, began, life))

    assert at <= began + max(life, MINUTE)
    if life >= 2 * MINUTE:
        assert 0.2 <= (began + life - at) / life <= 0.3 + 1e-6


@given(IDS, MOMENTS, st.timedeltas(-MINUTE, 10 * MINUTE))
def test_a_short_lived_token_makes_no_hot_loop(ident: str, began: datetime, life: timedelta) -> None:
    """R-39: whoever renews whenever it is due refreshes a token of any life once a minute at most."""
    now, refreshes = began, 0
    while now < began + 60 * MINUTE:
        now, refreshes = renew_at(a_grant(ident, now, life)), refreshes + 1

    assert refreshes <= 60


@given(IDS, MOMENTS)
def test_a_grant_is_checked_once_a_day_at_a_time_of_its_own(ident: str, now: datetime) -> None:
    """However often it is asked for, and whichever way the clock was set."""
    at = next_check(ident, now=now)

    assert now < at <= now + DAY
    assert next_check(ident, now=at - timedelta(microseconds=1)) == at
    assert next_check(ident, now=at) == at + DAY
    assert is_unchecked(ident, at - timedelta(microseconds=1), now=at)
    assert not is_unchecked(ident, at, now=at)
    assert not is_unchecked(ident, now, now=at - timedelta(microseconds=1))


@given(MOMENTS)
@settings(max_examples=20)
def test_checks_are_spread_evenly_over_the_day(now: datetime) -> None:
    """No hour of the day has much more than its share, whatever ids look like."""
    hours = [0] * 24
    for number in range(2400):
        hours[int((next_check(f"grant-{number}", now=now) - now) / timedelta(hours=1)) % 24] += 1

    assert max(hours) < 150
    assert min(hours) > 60


@given(IDS, MOMENTS, st.none() | LIVES, st.none() | LIVES, st.booleans())
def test_a_grant_is_never_left_alone_for_more_than_a_day(
    ident: str, now: datetime, life: timedelta | None, left: timedelta | None, used: bool
) -> None:
    """Whatever is known of it; and one that is not used is not looked at before it has to be."""
    grant = a_grant(ident, now, life, ends_at=None if left is None else now + left)
    at = next_due(grant, now=now, used=used)

    assert at <= now + DAY
    if not used and left is None:
        assert at == next_check(ident, now=now)


@given(IDS, MOMENTS, st.timedeltas(timedelta(hours=-1), timedelta(hours=2)))
def test_a_grant_used_again_is_renewed_before_its_token_ends(ident: str, now: datetime, left: timedelta) -> None:
    """A caller who comes back is served ahead from then on; and not at once, for that it was just served."""
    at = hastened(ident, now + left, now=now)

    assert at > now
    assert at <= now + max(left, timedelta(minutes=1))


@pytest.mark.parametrize(
    ("ago", "used"),
    [(None, False), (0, True), (24, True), (25, True), (25.1, False), (-1, True), (-25, False), (10_000, False)],
)
def test_a_grant_counts_as_used_for_a_day(ago: float | None, used: bool) -> None:
    """Use is written down to the hour; a use in the far future was by a clock that was ahead."""
    assert used_lately(None if ago is None else NOW - timedelta(hours=ago), now=NOW) is used


@pytest.mark.parametrize(("life", "before"), [(7, 2), (30, 7), (365, 7), (1, 2 / 7), (0, 0)])
def test_an_end_is_announced_a_week_before_or_two_days_of_seven(life: int, before: float) -> None:
    """A person can be reached in that time."""
    grant = a_grant("g", NOW, timedelta(hours=1), ends_at=NOW + timedelta(days=life))

    announced = announced_from(grant)
    assert announced is not None
    assert grant.ends_at is not None
    assert abs(grant.ends_at - announced - timedelta(days=before)) < timedelta(seconds=1)
    assert announced_from(a_grant("g", NOW, timedelta(hours=1))) is None


@given(IDS, st.integers(1, 1000))
def test_what_fails_again_and_again_is_tried_more_and_more_rarely(key: str, times: int) -> None:
    """R-52: delays double up to most of a day, and differ from grant to grant."""
    delay = put_off(key, times)

    assert timedelta(minutes=1) <= delay <= timedelta(hours=22)
    assert put_off(key, min(times, 8) + 1) > put_off(key, min(times, 8))


@pytest.mark.parametrize(("hours", "proven"), [(0, True), (19, True), (20, False), (48, False), (-1, False)])
def test_a_refresh_proves_for_most_of_a_day_that_a_grant_lives(hours: int, proven: bool) -> None:
    """One in the future, by a clock that was ahead, proves nothing."""
    assert is_proven(a_grant("g", NOW - timedelta(hours=hours), timedelta(hours=1)), now=NOW) is proven
