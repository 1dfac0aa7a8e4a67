"""When a token is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from grantkeeper.renewal import due

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


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
