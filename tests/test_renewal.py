"""When to renew, and what a refusal means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from grantkeeper.errors import ProviderWords
from grantkeeper.model import Reason
from grantkeeper.providers import generic, google
from grantkeeper.renewal import OURS, Meaning, advice, due, meaning, why_it_ended

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WAIT = timedelta(seconds=30)


@dataclass(frozen=True)
class Refused:
    """A refusal as the protocol layer would describe it."""

    status: int
    words: ProviderWords | None
    retry_after: timedelta | None = None


def means(status: int, error: str | None, description: str = "", subtype: str = "") -> Meaning:
    """Return what a refusal by Google means; it asked to wait."""
    words = None if error is None else ProviderWords(error=error, description=description, subtype=subtype)
    return meaning(Refused(status, words, WAIT), google.PROVIDER.deaths)


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


@pytest.mark.parametrize(
    ("status", "error", "description", "subtype", "reason"),
    [
        (400, "invalid_grant", "Token has been expired or revoked.", "", Reason.REVOKED_OR_EXPIRED),
        (400, "invalid_grant", "Bad Request", "", Reason.REVOKED_OR_EXPIRED),
        (200, "invalid_grant", "", "", Reason.REVOKED_OR_EXPIRED),
        (401, "invalid_grant", "", "", Reason.REVOKED_OR_EXPIRED),
        (403, "invalid_grant", "", "", Reason.REVOKED_OR_EXPIRED),
        (400, "invalid_grant", "reauth related error", "invalid_rapt", Reason.REAUTHENTICATION),
        (400, "invalid_grant", "reauth related error", "rapt_required", Reason.REAUTHENTICATION),
        (400, "admin_policy_enforced", "", "", Reason.ADMIN_POLICY),
        (400, "invalid_grant", "Account has been deleted", "", Reason.ACCOUNT_GONE),
    ],
)
def test_these_answers_end_a_grant(status: int, error: str, description: str, subtype: str, reason: Reason) -> None:
    """R-30, O-55r: the provider's own words, in an answer that it gave on purpose."""
    assert means(status, error, description, subtype) == Meaning(kind="dead", reason=reason)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, None) for status in (200, 302, 400, 401, 403, 404, 408, 429, 500, 502, 503, 504)),
        *((status, "invalid_grant") for status in (429, 500, 502, 503)),
        *((status, "invalid_client") for status in (429, 500, 503)),
        *((status, "temporarily_unavailable") for status in (200, 400, 503)),
        *((status, "server_error") for status in (200, 400, 500)),
        *((status, "internal_failure") for status in (200, 400, 500)),
        (403, "rate_limit_exceeded"),
        (400, "slow_down"),
        (400, "something_new"),
        (400, "error"),
        (403, "access_denied"),
    ],
)
def test_these_answers_end_nothing(status: int, error: str | None) -> None:
    """R-30, R-32: HTML 403, WAF pages, 5xx, 429, words that nobody knows: wait, as long as was asked."""
    assert means(status, error) == Meaning(kind="transient", retry_after=WAIT)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((400, error) for error in sorted(OURS)),
        (401, "invalid_client"),
        (401, "deleted_client"),
        (401, "something_new"),
    ],
)
def test_these_answers_are_about_our_client(status: int, error: str) -> None:
    """R-30: a wrong client secret on 10 000 grants must not touch one of them."""
    assert means(status, error).kind == "ours"


def test_what_is_ours_is_in_no_providers_deaths() -> None:
    """R-30: whatever words come along."""
    for error in OURS:
        for table in (google.deaths, generic.deaths):
            assert table(ProviderWords(error=error, description="invalid_grant", subtype="invalid_rapt")) is None


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
