"""A scene for each rotation, over a copy of one empty database."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from grantkeeper.emulator import Emulator
from grantkeeper.store import SqlStore
from refresh.scene import Scene

NewScene = Callable[..., Scene]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all tables and no rows."""
    path = tmp_path_factory.mktemp("empty") / "empty.sqlite3"
    store = SqlStore(f"sqlite:///{path}")
    store.migrate()
    store.close()
    return path


@pytest.fixture
def new_scene(emulator: Emulator, empty_database: Path, tmp_path: Path) -> Iterator[NewScene]:
    """A function that makes the test's scene."""
    with ExitStack() as stack:

        def make(**how: object) -> Scene:
            path = tmp_path / "grants.sqlite3"
            shutil.copy(empty_database, path)
            return stack.enter_context(Scene(emulator, path, **how))  # type: ignore[arg-type]

        yield make


@pytest.fixture
def scene(new_scene: NewScene) -> Scene:
    """A provider that rotates strictly."""
    return new_scene()
