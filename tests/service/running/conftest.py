"""The service as a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.replicas import Replica, replica_alone


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Replica]:
    """The service as a process, over SQLite."""
    with replica_alone(tmp_path) as replica:
        yield replica
