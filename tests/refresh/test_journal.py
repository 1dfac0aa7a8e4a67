"""The journal: entries outlive the process, a full disk and each other's damage, and nobody reads them."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from grantkeeper import DatabaseUnavailable
from grantkeeper.journal import SLOT, SLOTS, Journal
from refresh.scene import Scene

HEAD = 8
"""Bytes before an entry: what it is, and how long it is."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder that is not there yet."""
    return tmp_path / "var" / "state"


def files(folder: Path) -> list[Path]:
    """Return the journals of a folder."""
    return sorted(folder.glob("journal-*.sealed"))


def left(folder: Path) -> list[bytes]:
    """Return what processes that are gone left behind."""
    return [entry.payload for leftover in Journal(folder).leftovers() for entry in leftover.entries()]


def child(work: Callable[[], object], *, ends: bool = False) -> int:
    """Do some work in a forked process, which then waits; returns its id. With `ends` it is killed and gone."""
    done_here, done_there = os.pipe()
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            work()
            os.write(done_there, b"1")
            signal.pause()
        os._exit(1)
    os.close(done_there)
    assert os.read(done_here, 1) == b"1"
    os.close(done_here)
    if ends:
        kill(pid)
    return pid


def kill(pid: int) -> None:
    """Kill a child and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_only_its_owner_reads_it(folder: Path) -> None:
    """R-14: 0600 in a folder of 0700, whatever the umask says."""
    before = os.umask(0)
    try:
        journal = Journal(folder)
        journal.prepare()
    finally:
        os.umask(before)

    (path,) = files(folder)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [each.name for each in folder.iterdir()] == [path.name]
    journal.close()


def test_its_room_is_taken_beforehand(folder: Path) -> None:
    """R-14: real blocks, not a hole, and no more of them when entries come."""
    journal = Journal(folder)
    journal.prepare()
    (path,) = files(folder)
    before = path.stat()
    for number in range(SLOTS):
        journal.put(bytes([number]) * (SLOT - HEAD))

    after = path.stat()
    journal.close()
    assert before.st_blocks * 512 >= SLOT * SLOTS
    assert (after.st_size, after.st_blocks, after.st_ino) == (before.st_size, before.st_blocks, before.st_ino)


@contextmanager
def small_disk(place: Path) -> Iterator[Callable[[], None]]:
    """Make a disk of two journals' size there; yields what fills it up.

    Where nobody may mount one, no file may grow from then on.
    """
    place.mkdir(parents=True)
    size = f"size={2 * SLOT * SLOTS}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", place], check=False, capture_output=True)
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill() -> None:
        if mounted.returncode:
            resource.setrlimit(resource.RLIMIT_FSIZE, (SLOT * SLOTS, limits[1]))
            return
        with (place / "other").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))

    try:
        yield fill
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
        if not mounted.returncode:
            subprocess.run(["umount", "-l", place], check=True)


def test_it_works_on_a_disk_that_is_full(tmp_path: Path) -> None:
    """R-14: every slot can be written when nothing else can, and is read by the next process."""
    with small_disk(tmp_path / "disk") as fill:
        folder = tmp_path / "disk" / "state"
        written = [b"%d" % number * 5000 for number in range(SLOTS)]

        def work() -> None:
            journal = Journal(folder)
            journal.prepare()
            fill()
            for each in written:
                journal.put(each)

        child(work, ends=True)

        assert left(folder) == written


def test_a_disk_without_room_for_it_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    """R-14: `prepare` fails, leaves nothing behind, and works once there is room."""
    with small_disk(tmp_path / "disk") as fill:
        folder = tmp_path / "disk" / "state"
        folder.mkdir()
        fill()
        resource.setrlimit(resource.RLIMIT_FSIZE, (SLOT, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        journal = Journal(folder)
        for _ in range(3):
            with pytest.raises(OSError) as caught:
                journal.prepare()
            assert caught.value.errno in {errno.ENOSPC, errno.EFBIG}
        assert list(folder.iterdir()) == []


def test_only_who_is_gone_leaves_something_behind(folder: Path) -> None:
    """R-14: a living process saves its own entries; when it is killed, they are there, once for each who looks."""
    journal = Journal(folder)
    pid = child(lambda: journal.put(b"an answer"))
    assert left(folder) == []
    kill(pid)

    assert left(folder) == [b"an answer"]
    assert left(folder) == [b"an answer"]


def test_who_takes_up_what_was_left_is_alone_with_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-14: two processes that start at once do not both save it: the second waits, and is told if that is too long."""
    _leave(folder)
    monkeypatch.setattr("grantkeeper.journal._TURN_SECONDS", 0.01)
    for leftover in Journal(folder).leftovers():
        assert [entry.payload for entry in leftover.entries()] == [b"an answer"]
        with pytest.raises(TimeoutError):
            left(folder)
        leftover.remove()

    assert left(folder) == []
    assert files(folder) == []


def _leave(folder: Path, *payloads: bytes) -> Path:
    """Let a killed process leave entries; returns its file."""

    def work() -> None:
        journal = Journal(folder)
        for payload in payloads or (b"an answer",):
            journal.put(payload)
        _alive.append(journal)

    child(work, ends=True)
    (path,) = files(folder)
    return path


_alive: list[Journal] = []
"""Of children: a journal that nobody holds would be closed, and its lock with it."""


def test_an_entry_that_was_dropped_is_gone_from_the_disk(folder: Path) -> None:
    """R-14: freed slots are used again, and hold nothing of what was there."""
    path = _leave(folder, b"first", b"second", b"third")
    for leftover in Journal(folder).leftovers():
        leftover.drop(leftover.entries()[1])

    assert left(folder) == [b"first", b"third"]
    assert b"second" not in path.read_bytes()
    journal = Journal(folder)
    slots = [journal.put(each) for each in (b"a", b"b", b"c")]
    journal.drop(slots[1])
    assert journal.put(b"d") == slots[1]
    journal.close()


GARBLED: dict[str, bytes] = {
    "length beyond the slot": b"gkj1\xff\xff\xff\xff",
    "length of nothing": b"gkj1\0\0\0\0",
    "cut off": b"gkj1\0\0\x10\0",
    "no beginning": b"\xffkj1\0\0\0\x64",
}


@pytest.mark.parametrize("head", GARBLED.values(), ids=GARBLED)
def test_a_torn_entry_is_kept_and_stops_no_other(folder: Path, scene: Scene, head: bytes) -> None:
    """R-14: power went in the middle of a write: reported at each start, never erased, the others are served."""
    path = _leave(scene.folder / "state", b"x" * 100, b"{}")
    with path.open("r+b") as file:
        file.write(head)
    keeper = scene.keeper(journal=scene.journal())

    for _ in range(2):
        assert keeper.recover() == 0
        assert path.read_bytes()[:HEAD] == head
    assert len(left(scene.folder / "state")) == 2


def test_a_folder_with_strangers_in_it_is_read_all_the_same(folder: Path) -> None:
    """R-14: empty and foreign files, a folder, a file cut short: nothing raises, and what is whole is found."""
    _leave(folder)
    (folder / "journal-0.sealed").write_bytes(b"")
    (folder / "journal-1.sealed").write_bytes(b"gkj1")
    (folder / "journal-2.sealed").mkdir()
    (folder / "journal-3.sealed").symlink_to("/nowhere")
    (folder / "journal-4.txt").write_bytes(b"gkj1\0\0\0\1x")

    assert b"an answer" in left(folder)
    assert len(left(folder)) <= 2


@pytest.mark.parametrize("size", [SLOT - HEAD + 1, SLOT * SLOTS * 2])
def test_what_is_too_large_is_refused_and_takes_no_slot(folder: Path, size: int) -> None:
    """R-14: said, never cut off."""
    journal = Journal(folder)
    with pytest.raises(OSError, match="too large"):
        journal.put(b"x" * size)
    assert journal.put(b"x" * (SLOT - HEAD)) == 0
    journal.close()


def test_a_full_journal_says_so_and_keeps_what_it_has(folder: Path) -> None:
    """R-14: no entry is overwritten for another."""
    journal = Journal(folder)
    slots = [journal.put(b"%d" % number) for number in range(SLOTS)]
    with pytest.raises(OSError, match="full"):
        journal.put(b"one more")

    assert slots == list(range(SLOTS))
    journal.drop(7)
    assert journal.put(b"one more") == 7
    journal.close()


def test_threads_get_slots_of_their_own(folder: Path) -> None:
    """R-14: sixty-four refreshes may end at once."""
    journal = Journal(folder)
    slots: list[int] = []
    work = [threading.Thread(target=lambda: slots.append(journal.put(b"x" * 99))) for _ in range(SLOTS)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(10)

    assert sorted(slots) == list(range(SLOTS))
    journal.close()


def test_a_forked_child_has_a_journal_of_its_own(folder: Path) -> None:
    """R-14, R-67: it writes into its own file, its close leaves the parent's alone, and it is locked like any other."""
    journal = Journal(folder)
    journal.put(b"of the parent")
    (ours,) = files(folder)

    def work() -> None:
        journal.put(b"of the child")
        assert len(files(folder)) == 2

    child(work, ends=True)
    assert left(folder) == [b"of the child"]

    def close() -> None:
        journal.close()
        assert ours.exists()

    child(close, ends=True)
    assert b"of the parent" in ours.read_bytes()
    journal.close()
    assert ours.exists()


def test_closing_removes_what_is_empty_and_nothing_else(folder: Path) -> None:
    """R-14, R-57: a clean stop leaves no file; an entry stays for the next start; what was closed can be used."""
    empty, full = Journal(folder), Journal(folder)
    empty.prepare()
    full.put(b"an answer")
    empty.close()
    full.close()
    full.close()

    assert left(folder) == [b"an answer"]
    empty.put(b"another")
    assert len(files(folder)) == 2
    empty.drop(0)
    empty.close()
    assert len(files(folder)) == 1


def test_nothing_is_in_clear_on_the_disk(scene: Scene) -> None:
    """R-14, V-01: neither the old nor the new token, nor the access token, nor the id_token."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    scene.wire.after.append(lambda: setattr(scene.store, "unwritable", DatabaseUnavailable("It is away.")))
    token = keeper.token(grant)
    (path,) = files(scene.folder / "state")
    raw = path.read_bytes()

    with scene.emulator.lock:
        secrets = [*scene.emulator.state.refresh, *scene.emulator.state.access]
    answer = scene.emulator.requests("/token")[0].answer
    assert raw[:4] == b"gkj1"
    assert len(secrets) == 3
    assert token.value.reveal() in secrets
    for secret in [*(each.encode() for each in secrets), answer[20:60], b"eyJ"]:
        assert secret not in raw


def test_an_answer_of_another_generation_does_not_open(scene: Scene) -> None:
    """R-14, V-02: put back later, an entry is of no use: it is bound to the tokens that it followed."""
    grant = scene.grant()
    scene.wire.after.append(lambda: setattr(scene.store, "unwritable", DatabaseUnavailable("It is away.")))
    with scene.keeper(journal=scene.journal()) as keeper:
        keeper.token(grant)
    scene.store.unwritable = None
    (path,) = files(scene.folder / "state")
    raw = path.read_bytes()
    after = scene.keeper(store=scene.database(), journal=scene.journal())
    assert after.recover() == 1
    assert after.refresh(grant).value
    row = scene.row(grant)

    path.write_bytes(raw)
    assert after.recover() == 0
    assert scene.row(grant) == row
    assert raw.count(b'"generation":1') == 1
    path.write_bytes(raw.replace(b'"generation":1', b'"generation":3'))
    assert after.recover() == 0
    assert scene.row(grant) == row
    assert path.exists()


def test_an_entry_is_on_the_disk_when_it_is_said_to_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-14: a power cut after `put` returned loses nothing, nor does one after `drop` bring anything back."""
    synced: list[int] = []
    real = os.fsync

    def sync(file: int) -> None:
        synced.append(file)
        real(file)

    journal = Journal(folder)
    journal.prepare()
    monkeypatch.setattr(os, "fsync", sync)
    slot = journal.put(b"an answer")
    assert len(synced) == 1
    journal.drop(slot)
    assert len(synced) == 2
    journal.close()
