"""A file for answers that the database could not take: sealed entries in slots that were allocated beforehand (R-14).

Each process has a file of its own in the state folder, locked while the process lives. A file whose process is gone is
a leftover: whoever starts next puts its entries into the database. An entry survives a kill and a power cut, and needs
no room on a disk that is full.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from .forks import in_child

if sys.platform != "win32":  # whose locks are others: there is no journal there
    import fcntl

SLOT: Final = 32 * 1024
"""Room for one answer: access and refresh tokens have up to 2 kB each (Google), id_tokens about 1 kB."""

SLOTS: Final = 64
"""As many as the refreshes that AsyncKeeper has under way at once."""

_TURN_SECONDS: Final = 20.0
"""How long to wait for another process that saves what was left: 64 answers take a second or two."""

_LOOK_SECONDS: Final = 0.02

_HEAD: Final = b"gkj1"
_HEAD_LENGTH: Final = len(_HEAD) + 4
_PATTERN: Final = "journal-*.sealed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a process that is gone left behind. `file` names where; `drop` is called once it is in the database."""

    payload: bytes
    slot: int
    file: Path


class Journal:
    """The journal of one process. Thread-safe; a forked child gets a file of its own.

    Args:
        folder: the state folder, made when it is needed, for its owner only.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._path = folder
        self._pid = 0
        self._used: set[int] = set()
        in_child(self._forked)

    def _forked(self) -> None:
        """Let go of the parent's file: its lock would outlive the parent, and nobody take what it leaves."""
        self._lock = threading.Lock()
        if self._file is not None:
            self._file.close()
        self._file, self._path, self._pid, self._used = None, self._folder, 0, set()

    def prepare(self) -> None:
        """Allocate this process's file, if that was not done; raises OSError when it cannot be done."""
        with self._lock:
            if self._pid != os.getpid():
                self._allocate()

    def put(self, payload: bytes) -> int:
        """Write an entry, safe on the disk when this returns its slot; raises OSError when it cannot be kept."""
        if _HEAD_LENGTH + len(payload) > SLOT:
            raise OSError(f"an answer of {len(payload)} bytes is too large for the journal")
        self.prepare()
        with self._lock:
            slot = next((number for number in range(SLOTS) if number not in self._used), None)
            if slot is None:
                raise OSError("the journal is full")
            self._write(slot, _HEAD + len(payload).to_bytes(4, "big") + payload)
            self._used.add(slot)
        return slot

    def drop(self, slot: int) -> None:
        """Free an entry's slot: what it held is in the database, or of no use any more."""
        with self._lock:
            self._write(slot, bytes(SLOT))
            self._used.discard(slot)

    def leftovers(self) -> Generator[Leftover, None, None]:
        """Yield the files of processes that are gone, each locked until the next one is asked for.

        One process at a time looks at them: who comes second finds what the first one has not taken. A file that is
        locked all the same is a living process's own.

        Raises:
            TimeoutError: another process has been looking at them for too long.
        """
        if not any(self._folder.glob(_PATTERN)):
            return
        with self._turn():
            for path in sorted(self._folder.glob(_PATTERN)):
                if path == self._path:
                    continue
                with contextlib.suppress(OSError), path.open("r+b", buffering=0) as file:
                    if not _locked(file) or not path.exists():
                        continue
                    yield Leftover(path, file)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other process looks at what was left."""
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            until = time.monotonic() + _TURN_SECONDS
            while not _locked(file):
                if time.monotonic() > until:
                    raise TimeoutError("another process has been reading the journals for too long")
                time.sleep(_LOOK_SECONDS)  # a lock on a file has no event to wait for
            yield

    def close(self) -> None:
        """Let go of the file; it is removed unless it holds entries that the database has not taken."""
        with self._lock:
            if self._file is None or self._pid != os.getpid():
                return
            self._pid = 0  # a process that closed its journal and goes on makes itself another
            if not self._used:
                self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def _allocate(self) -> None:
        if sys.platform == "win32":
            raise OSError("there is no journal on Windows")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = secrets.token_hex(8)
        fresh, path = self._folder / f"new-{name}", self._folder / f"journal-{name}.sealed"
        file = os.fdopen(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "r+b", buffering=0)
        try:
            _fill(file)
            if not _locked(file):
                raise OSError("this system cannot lock files")  # noqa: TRY301 - as any other error
            fresh.rename(path)  # with its lock already: nobody takes it for a leftover
            _sync_folder(self._folder)
        except OSError:
            file.close()
            fresh.unlink(missing_ok=True)
            raise
        self._file, self._path, self._pid, self._used = file, path, os.getpid(), set()

    def _write(self, slot: int, content: bytes) -> None:
        if self._file is None:
            raise OSError("the journal is closed")
        os.pwrite(self._file.fileno(), content, slot * SLOT)
        os.fsync(self._file.fileno())


class Leftover:
    """The journal file of a process that is gone, locked by this one."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self._file = file

    def entries(self) -> list[Entry]:
        """Return what it holds."""
        found = []
        for slot in range(SLOTS):
            head = os.pread(self._file.fileno(), _HEAD_LENGTH, slot * SLOT)
            if not any(head):
                continue
            # What does not begin as an entry was one: the reader finds it damaged, and keeps the file.
            length = min(int.from_bytes(head[len(_HEAD) :], "big"), SLOT) if head.startswith(_HEAD) else 0
            payload = os.pread(self._file.fileno(), length, slot * SLOT + _HEAD_LENGTH)
            found.append(Entry(payload=payload, slot=slot, file=self.path))
        return found

    def drop(self, entry: Entry) -> None:
        """Erase an entry that the database has taken."""
        os.pwrite(self._file.fileno(), bytes(SLOT), entry.slot * SLOT)
        os.fsync(self._file.fileno())

    def remove(self) -> None:
        """Remove the file, which holds nothing any more."""
        self.path.unlink(missing_ok=True)


def _fill(file: IO[bytes]) -> None:
    """Give the file its room on the disk: what is written to it later needs none."""
    if sys.platform == "linux":
        os.posix_fallocate(file.fileno(), 0, SLOT * SLOTS)
    else:
        file.write(bytes(SLOT * SLOTS))


def _locked(file: IO[bytes]) -> bool:
    """Lock a file for as long as it is open; False when a living process has it."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Make a new name last (fsync(2): the file's own does not)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
