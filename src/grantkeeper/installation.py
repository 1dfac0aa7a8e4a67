"""Is this database the one that this deployment worked with last? A copy or a backup must not refresh by itself.

Two databases that refresh the same grants end each other's, where the provider replaces refresh tokens (R-61); a backup
holds tokens that were replaced since (R-60). Noticed are, at the start of a keeper with a state folder:

- a copy: the database lives in another place than it says of itself (PostgreSQL: system identifier and database,
  SQLite: the file's inode; MySQL and MariaDB have nothing that stays the same after a failover);
- a restored backup: the database counts less than the state folder has seen. It counts on while rotated tokens are
  saved, every few seconds.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias

from .errors import GrantkeeperError, Misconfigured
from .forks import in_child
from .model import Installation, Store
from .model.event import beyond

COUNT_EVERY: Final = timedelta(seconds=5)
"""How often the database counts on while rotated tokens are saved: a backup older than this is noticed. The count is
one row that every process writes, so not at each save."""

Found: TypeAlias = Literal["known", "copied", "restored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a database looks like from here. `seen` is the highest count that the state folder knows of."""

    installation: Installation
    found: Found
    seen: int


def look(store: Store, folder: Path) -> Look:
    """Compare the database with what it says of itself and what the state folder remembers; changes nothing."""
    here = store.identity()
    seen = _seen(_file(folder, here.id))
    found: Found = "known"
    if here.place and here.here and here.place != here.here:
        found = "copied"
    elif here.counted < seen:
        found = "restored"
    return Look(installation=here, found=found, seen=seen)


def check(store: Store, folder: Path) -> None:
    """Return when the database is the one that was here before, or is new; remember it.

    Raises:
        Misconfigured: it is a copy or a backup; says what to do.
    """
    seen = look(store, folder)
    if seen.found != "known":
        raise Misconfigured(said(seen), advice="Run `grantkeeper resume`: it tells what is at risk before it goes on.")
    if not seen.installation.place and seen.installation.here:
        store.settle(place=seen.installation.here, counted=seen.installation.counted)
    _remember(folder, seen.installation.id, seen.installation.counted)


def said(seen: Look) -> str:
    """Return in a sentence or two what was found; "" when all is as it was."""
    if seen.found == "copied":
        return (
            "This database was copied or moved: it does not live where it was used last. Two copies that refresh the "
            "same grants end each other's."
        )
    if seen.found == "restored":
        return (
            "This database is an older state than was used here: a backup was restored. Refresh tokens that were "
            "replaced since are not in it."
        )
    return ""


def resume(store: Store, folder: Path, *, at_risk: tuple[str, ...], now: datetime, restored: bool = False) -> int:
    """Accept the database as it is, and go on from there; returns how many grants are to be proved.

    `at_risk` names the OAuth clients whose provider replaces refresh tokens: each of their grants is sent once more, as
    after an answer that was lost, and one that is refused is `rotation_reply_lost`.

    `restored` says that it is a backup though that does not show, as where no refresh token was replaced since.

    Ids and positions of events go on from a number that none had before: those that this state of the database would
    give next may be known to readers and receivers of webhooks, as other events'.
    """
    seen = look(store, folder)
    doubted = 0
    if seen.found != "known" or restored:
        doubted = store.doubt(at_risk, at=now)
        store.events.settle()
        store.events.skip_to(beyond(now))
    counted = max(seen.installation.counted, seen.seen) + 1
    store.settle(place=seen.installation.here, counted=counted)
    _remember(folder, seen.installation.id, counted)
    return doubted


class Count:
    """Lets the database count on while rotated tokens are saved. Thread-safe; failing it stops nothing."""

    def __init__(self, store: Store, folder: Path, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._folder = folder
        self._now = now
        self._lock = threading.Lock()
        self._last: datetime | None = None
        self._id = ""
        in_child(self._forked)

    def _forked(self) -> None:
        self._lock = threading.Lock()

    def rotated(self) -> None:
        """Count on, if that was not done a moment ago."""
        now = self._now()
        with self._lock:
            if self._last is not None and timedelta() <= now - self._last < COUNT_EVERY:
                return
            self._last = now
        try:
            self._id = self._id or self._store.installation()
            _remember(self._folder, self._id, self._store.count_on())
        except (OSError, GrantkeeperError):
            self._last = None  # the next one tries again


def _file(folder: Path, installation: str) -> Path:
    return folder / f"installation-{installation}"


def _seen(file: Path) -> int:
    """Return the count that was remembered; 0 when there is none, or the file was cut short by a power cut."""
    try:
        written = file.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return 0
    return int(written) if written.isdecimal() and len(written) < 20 else 0


def _remember(folder: Path, installation: str, counted: int) -> None:
    """Remember the count; a folder that cannot be written keeps nobody from starting: `doctor` says so."""
    file = _file(folder, installation)
    fresh = file.with_name(f"{file.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text(str(max(counted, _seen(file))), "ascii")
        fresh.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
