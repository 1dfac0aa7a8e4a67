"""Why a grant ended, and what people are told to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from grantkeeper.model import Reason, Rotation
from grantkeeper.providers import google
from grantkeeper.renewal import advice, why_it_ended

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_every_reason_has_advice_for_people(reason: Reason) -> None:
    """O-55r: each its own text; none for no reason."""
    text = advice(reason)
    assert (text == "") == (reason is Reason.NONE)
    assert text == "" or (text.endswith(".") and text[0].isupper() and len(text) < 250)
    assert [other for other in Reason if advice(other) == text] == [reason]


WEEK = timedelta(days=7)


@pytest.mark.parametrize(
    ("reason", "lived", "ended_ago", "testing", "why"),
    [
        (Reason.REVOKED_OR_EXPIRED, WEEK, timedelta(0), WEEK, Reason.TESTING_EXPIRED),
        (Reason.REVOKED_OR_EXPIRED, WEEK - timedelta(seconds=1), timedelta(days=30), WEEK, Reason.TESTING_EXPIRED),
        (Reason.REVOKED_OR_EXPIRED, timedelta(days=30), timedelta(0), WEEK, Reason.TIME_LIMIT_REACHED),
        (Reason.REVOKED_OR_EXPIRED, WEEK, timedelta(0), None, Reason.TIME_LIMIT_REACHED),
        (Reason.REVOKED_OR_EXPIRED, WEEK, -timedelta(days=1), WEEK, Reason.REVOKED_OR_EXPIRED),
        (Reason.REVOKED_OR_EXPIRED, WEEK, -timedelta(minutes=4), WEEK, Reason.TESTING_EXPIRED),
        (Reason.REVOKED_OR_EXPIRED, None, timedelta(0), WEEK, Reason.REVOKED_OR_EXPIRED),
        (Reason.REAUTHENTICATION, WEEK, timedelta(0), WEEK, Reason.REAUTHENTICATION),
    ],
)
def test_a_known_end_explains_itself(
    reason: Reason, lived: timedelta | None, ended_ago: timedelta, testing: timedelta | None, why: Reason
) -> None:
    """O-55r: seven days of Testing, or a time limit; before the end it was something else."""
    ends_at = None if lived is None else NOW - ended_ago
    consented_at = NOW - ended_ago - (lived or WEEK)
    found = why_it_ended(reason, ends_at=ends_at, consented_at=consented_at, testing_lifetime=testing, now=NOW)
    assert found is why


HALF_A_YEAR = timedelta(days=181)
DAY = timedelta(days=1)


@pytest.mark.parametrize("rotation", ["grace", "strict", "unknown"])
def test_a_token_that_died_after_a_lost_answer_was_not_revoked(rotation: Rotation) -> None:
    """R-13: its successor is in the answer that we did not get; "revoked by the user" would be a lie."""
    assert ended(unresolved=True, rotation=rotation) is Reason.ROTATION_REPLY_LOST


@pytest.mark.parametrize(
    ("unresolved", "rotation"),
    [(False, "none"), (False, "grace"), (False, "strict"), (False, "unknown"), (True, "none")],
)
def test_without_a_lost_answer_or_without_rotation_nothing_was_lost(unresolved: bool, rotation: Rotation) -> None:
    """R-13: a provider that replaces no token cannot have replaced it in a lost answer."""
    assert ended(unresolved=unresolved, rotation=rotation) is Reason.REVOKED_OR_EXPIRED


@pytest.mark.parametrize("reason", [each for each in Reason if each is not Reason.REVOKED_OR_EXPIRED])
def test_a_reason_that_the_provider_gave_stands(reason: Reason) -> None:
    """R-13, O-55r: whatever else is known: lost answer, known end, no use."""
    assert ended(reason, unresolved=True, rotation="strict", ends_at=NOW, used_ago=2 * HALF_A_YEAR) is reason


def test_a_known_end_explains_more_than_a_lost_answer() -> None:
    """R-13: the token would be over by now, had the answer come or not."""
    assert ended(unresolved=True, rotation="strict", ends_at=NOW) is Reason.TIME_LIMIT_REACHED
    assert ended(unresolved=True, rotation="strict", ends_at=NOW + DAY) is Reason.ROTATION_REPLY_LOST


@pytest.mark.parametrize(
    ("used_ago", "consented_ago", "idle_lifetime", "why"),
    [
        (HALF_A_YEAR, 2 * HALF_A_YEAR, HALF_A_YEAR, Reason.UNUSED),
        (HALF_A_YEAR - timedelta(seconds=1), 2 * HALF_A_YEAR, HALF_A_YEAR, Reason.REVOKED_OR_EXPIRED),
        (None, HALF_A_YEAR, HALF_A_YEAR, Reason.UNUSED),
        (None, DAY, HALF_A_YEAR, Reason.REVOKED_OR_EXPIRED),
        (HALF_A_YEAR, DAY, HALF_A_YEAR, Reason.REVOKED_OR_EXPIRED),
        (HALF_A_YEAR, 2 * HALF_A_YEAR, None, Reason.REVOKED_OR_EXPIRED),
        (-DAY, 2 * HALF_A_YEAR, HALF_A_YEAR, Reason.REVOKED_OR_EXPIRED),
    ],
    ids=["idle", "a second less", "never used", "fresh", "consented again", "no such rule", "clock set back"],
)
def test_six_idle_months_are_told_from_the_last_use(
    used_ago: timedelta | None, consented_ago: timedelta, idle_lifetime: timedelta | None, why: Reason
) -> None:
    """O-55r: from the last refresh or the consent, whichever is later, by the provider's own limit."""
    assert ended(used_ago=used_ago, consented_ago=consented_ago, idle_lifetime=idle_lifetime) is why


def test_google_ends_what_was_not_used_for_six_months() -> None:
    """O-55r: no six calendar months are shorter than its limit, so that nothing is called unused too early."""
    assert google.PROVIDER.idle_lifetime == HALF_A_YEAR
    halves = [(1, 7), (2, 8), (3, 9), (4, 10), (5, 11), (6, 12)]
    for year in (2027, 2028):
        for early, late in halves:
            first, second = datetime(year, early, 1, tzinfo=UTC), datetime(year, late, 1, tzinfo=UTC)
            assert second - first >= HALF_A_YEAR
            assert first.replace(year=year + 1) - second >= HALF_A_YEAR


def ended(
    reason: Reason = Reason.REVOKED_OR_EXPIRED,
    *,
    unresolved: bool = False,
    rotation: Rotation = "none",
    ends_at: datetime | None = None,
    used_ago: timedelta | None = DAY,
    consented_ago: timedelta = timedelta(days=30),
    idle_lifetime: timedelta | None = HALF_A_YEAR,
) -> Reason:
    """Return why it ended; unless told otherwise: used yesterday, consented a month ago, no known end."""
    return why_it_ended(
        reason,
        ends_at=ends_at,
        consented_at=NOW - consented_ago,
        testing_lifetime=WEEK,
        now=NOW,
        unresolved=unresolved,
        rotation=rotation,
        used_at=None if used_ago is None else NOW - used_ago,
        idle_lifetime=idle_lifetime,
    )
