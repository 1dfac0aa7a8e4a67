"""R-43, R-48: SQLite on a disk that is full, read-only or damaged."""

from __future__ import annotations

import dataclasses
import os
import resource
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import PoolProxiedConnection

from grantkeeper.errors import DatabaseUnavailable, Misconfigured
from grantkeeper.model import Sealed
from grantkeeper.store import SqlStore
from store.made import NOW, flow_row, grant_row, saved

REFRESHED = dataclasses.replace(saved(grant_row(), refreshed_at=NOW), sealed=Sealed(key=b"k", data=b"new\0" * 300))


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallDisk:
    """A folder whose disk can be filled to the last byte, and freed."""

    folder: Path
    fill: Callable[[], None]
    free: Callable[[], None]


@contextmanager
def mounted(folder: Path) -> Iterator[SmallDisk]:
    """Yield a file system of its own of 512 kB; needs root's rights."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(folder)], check=True, capture_output=True)
    ballast = folder / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(4096))

    try:
        yield SmallDisk(folder=folder, fill=fill, free=ballast.unlink)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def limited(folder: Path) -> Iterator[SmallDisk]:
    """Yield a folder where files of this process cannot grow while it is `full`: the next best, for anybody."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))

    def free() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    try:
        yield SmallDisk(folder=folder, fill=fill, free=free)
    finally:
        free()


@pytest.fixture(params=["mounted", "limited"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk: a real one where one can be mounted, and a limit everywhere."""
    with ExitStack() as stack:
        if request.param == "mounted":
            with suppress(subprocess.CalledProcessError):  # not allowed here
                yield stack.enter_context(mounted(tmp_path))
                return
        yield stack.enter_context(limited(tmp_path))


@contextmanager
def full(disk: SmallDisk) -> Iterator[None]:
    """Fill the disk for the block."""
    disk.fill()
    try:
        yield
    finally:
        disk.free()


def test_a_full_disk_loses_nothing(disk: SmallDisk) -> None:
    """R-43: every change says so and none is made by half; reads go on; with room again all goes on, unaided."""
    with closing(SqlStore(f"sqlite:///{disk.folder}/a.sqlite3")) as store:
        store.migrate()
        store.insert_grant(grant_row())
        changes: list[Callable[[], object]] = [
            lambda: store.begin_refresh("g1", version=1, attempt="a", at=NOW, lease=timedelta(minutes=1)),
            lambda: store.save_tokens(REFRESHED, expected_version=1, attempt=None),
            lambda: store.add_flow(flow_row()),
        ]
        with full(disk):
            for change in changes:
                with pytest.raises(DatabaseUnavailable, match="disk"):
                    change()
            assert store.grant("g1") == store.grants()[0] == grant_row()
        for change in changes:
            change()
        assert store.grant("g1") == REFRESHED
        assert store.flow(flow_row().state_hash) == flow_row()
    with closing(sqlite3.connect(disk.folder / "a.sqlite3")) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_full_disk_stops_a_migration_without_a_trace(disk: SmallDisk) -> None:
    """R-63: an upgrade that found no room is made when there is some."""
    with closing(SqlStore(f"sqlite:///{disk.folder}/a.sqlite3")) as store:
        with full(disk), pytest.raises(DatabaseUnavailable, match="disk"):
            store.migrate()
        store.migrate()
        store.check()


def in_child_as(user: int, work: Callable[[], bool]) -> bool:
    """Return what `work` answers in a forked child of this user, whom file modes stop; root they do not."""
    child = os.fork()
    if child == 0:
        answer = False
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            answer = work()
        finally:
            os._exit(0 if answer else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_read_only_file_is_read_and_not_written() -> None:
    """R-43: SQLITE_READONLY: a person has to give the right; until then tokens are served."""
    with tempfile.TemporaryDirectory(prefix="gk-") as name:
        folder = Path(name)
        with closing(SqlStore(f"sqlite:///{folder}/a.sqlite3")) as store:
            store.migrate()
            store.insert_grant(grant_row())
        (folder / "a.sqlite3").chmod(0o444)
        folder.chmod(0o555)

        def use() -> bool:
            with closing(SqlStore(f"sqlite:///{folder}/a.sqlite3")) as theirs:
                assert theirs.grant("g1") == grant_row()
                try:
                    theirs.save_grant(saved(grant_row()), expected_version=1)
                except Misconfigured as refused:
                    return "cannot be written" in str(refused) and "rights" in refused.advice
            return False

        try:
            assert in_child_as(65534, use)
        finally:
            folder.chmod(0o700)


def damaged(path: Path) -> bytes:
    """Overwrite all but the first page; returns what was there."""
    before = path.read_bytes()
    path.write_bytes(before[:4096] + b"\xa5" * (len(before) - 4096))
    return before


@pytest.mark.parametrize("noticed", ["grant", "grants", "save_grant"])
def test_nothing_is_written_to_a_database_that_was_found_damaged(tmp_path: Path, noticed: str) -> None:
    """R-43: whoever notices it, this process writes no more, even if the next page looks whole; a new one may."""
    path = tmp_path / "a.sqlite3"
    with closing(SqlStore(f"sqlite:///{path}")) as store:
        store.migrate()
        store.insert_grant(grant_row())
        uses: dict[str, Callable[[], object]] = {
            "grant": lambda: store.grant("g1"),
            "grants": store.grants,
            "save_grant": lambda: store.save_grant(saved(grant_row()), expected_version=1),
        }
        store.close()
        before = damaged(path)
        with pytest.raises(Misconfigured, match="damaged"):
            uses[noticed]()
        store.close()
        path.write_bytes(before)
        for change in (uses["save_grant"], lambda: store.add_flow(flow_row())):
            with pytest.raises(Misconfigured, match="damaged") as refused:
                change()
            assert "restore a backup" in refused.value.advice
        assert store.grant("g1") == grant_row()
        assert path.read_bytes() == before
    with closing(SqlStore(f"sqlite:///{path}")) as restarted:
        restarted.save_grant(saved(grant_row()), expected_version=1)


def test_a_file_that_is_no_database_is_not_written(tmp_path: Path) -> None:
    """R-43: SQLITE_NOTADB: a text that took the database's place stays as it is."""
    path = tmp_path / "a.sqlite3"
    with closing(SqlStore(f"sqlite:///{path}")) as store:
        store.migrate()
        store.close()
        path.write_bytes(b"this is no database " * 1000)
        for _ in range(2):
            with pytest.raises(Misconfigured):
                store.insert_grant(grant_row())
    assert path.read_bytes() == b"this is no database " * 1000


def test_trouble_at_the_very_commit_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-40, R-43: SQLite commits by deleting its journal; when making that last fails, the change is there."""
    with closing(SqlStore(f"sqlite:///{tmp_path}/a.sqlite3", pause=lambda _seconds: None)) as store:
        store.migrate()
        real = store._engine.dialect.do_commit

        def commit(connection: PoolProxiedConnection) -> None:
            real(connection)
            store._engine.dialect.do_commit = real  # type: ignore[method-assign]
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_DIR_FSYNC"
            raise error

        monkeypatch.setattr(store._engine.dialect, "do_commit", commit)
        store.insert_grant(grant_row())
        assert store.grants() == [grant_row()]
