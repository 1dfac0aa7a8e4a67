"""A desk for each test."""

from __future__ import annotations

import pytest

from renewal.desk import Desk


@pytest.fixture
def desk() -> Desk:
    """Nothing is known yet."""
    return Desk()
