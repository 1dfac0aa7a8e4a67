"""Checks of the database: does it answer, is its schema ours, does SQLite keep what was written."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

from sqlalchemy import make_url

from grantkeeper import installation
from grantkeeper.errors import DatabaseUnavailable, Misconfigured, SealBroken
from grantkeeper.journal import Journal
from grantkeeper.store import SqlStore
from grantkeeper.store.engine import sqlite_file, wal_is_safe

from ..seals import broken_seals
from .files import check_permissions
from .finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from grantkeeper.seal import KeyRing


def check_database(url: str, ring: KeyRing | None, state_folder: Path) -> Iterator[Finding]:
    """Look whether the database answers, is the one of this place, and opens with this key ring."""
    try:
        store = SqlStore(url)
        try:
            store.check()
            look = installation.look(store, state_folder)
            broken = [] if ring is None else list(broken_seals(store, ring))
        finally:
            store.close()
    except (Misconfigured, DatabaseUnavailable, SealBroken) as error:
        yield problem("database", str(error.args[0]), error.advice)
        return
    yield ok("database", f"{url.partition(':')[0]}: it answers and its tables are of this version.")
    if look.found != "known":
        advice = "Run `grantkeeper resume`: it tells what is at risk before it goes on."
        yield problem("database", installation.said(look), advice)
    yield from check_state_folder(state_folder)
    for each in broken:
        yield problem("key", f"What is sealed does not open: {each.args[0]}", each.advice)
    if url.startswith("sqlite"):
        file = sqlite_file(make_url(url))
        yield check_journal(sqlite3.sqlite_version_info, journal_mode(file))
        yield from check_permissions("database", file)


def check_state_folder(folder: Path) -> Iterator[Finding]:
    """Say whether something can be kept in the state folder, and whether something was left there."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        advice = "Let this user write it, or name another one: it keeps what the database cannot take."
        yield warning("state folder", f"{folder} cannot be written.", advice)
    for path, count in _left_in(folder):
        advice = "Start a keeper that reaches the database: it saves them. Do not delete the file."
        yield warning("state folder", f"{path} holds {count} answer(s) that are in no database yet.", advice)
    if folder.exists():
        yield from check_permissions("state folder", folder)


def _left_in(folder: Path) -> list[tuple[Path, int]]:
    """Return the journals of processes that are gone, and how many answers each holds."""
    try:
        with closing(Journal(folder).leftovers()) as leftovers:
            found = [(left.path, len(left.entries())) for left in leftovers]
    except OSError:  # another process is saving them
        return []
    return [(path, count) for path, count in found if count]


def journal_mode(file: Path) -> str:
    """Return SQLite's journal mode of an existing file."""
    with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def check_journal(version: tuple[int, int, int], mode: str) -> Finding:
    """Say whether this SQLite keeps this journal whole (R-47: WAL was not safe before 3.51.3, nor in 3.52.0)."""
    text = f"SQLite {'.'.join(map(str, version))}, journal mode {mode}"
    if mode != "wal" or wal_is_safe(version):
        return ok("sqlite", f"{text}: safe with several processes.")
    advice = "Upgrade SQLite to 3.51.3 or newer (not 3.52.0), or stop what switches this file to WAL."
    return problem("sqlite", f"{text}: several processes can corrupt the file (sqlite.org/wal.html).", advice)
