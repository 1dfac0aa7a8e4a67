"""SQLite: one file, several processes, and nothing lost at a power cut."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine

from ...errors import Misconfigured
from ..failures import RUN_INIT
from .urls import FORMS, POOLED, sqlite_file

BUSY_SECONDS: Final = 10.0
"""How long a writer waits for another one: far longer than any of our transactions."""


def sqlite_engine(url: URL) -> Engine:
    """Return the engine of a file.

    Raises:
        Misconfigured: the URL names none.
    """
    if url.host or url.database in {None, "", ":memory:"}:
        raise Misconfigured("The SQLite URL must name a file and nothing else.", advice=FORMS)
    path = sqlite_file(url)

    def connect() -> sqlite3.Connection:
        return _opened(path)

    return create_engine(URL.create("sqlite+pysqlite", database=str(path)), creator=connect, **POOLED)


def create_file(engine: Engine) -> None:
    """Create SQLite's file, readable by its owner only; a file that exists is not touched, not even opened.

    (Closing a second descriptor of an SQLite file drops the locks of this process: sqlite.org/howtocorrupt.html 2.2.
    SQLite gives its journals the file's mode.)

    Raises:
        Misconfigured: the folder is missing or cannot be written.
    """
    if engine.dialect.name != "sqlite":
        return
    path = sqlite_file(engine.url)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise Misconfigured(
            f"The database {path} cannot be created: {error.strerror}.", advice="Create its folder, or correct the URL."
        ) from None


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """Tell whether this SQLite keeps a WAL database whole under several processes (R-47).

    Source: sqlite.org/wal.html#walresetbug: wrong from 3.7.0 to 3.51.2; 3.52.0 was withdrawn.
    """
    return version >= (3, 51, 3) and version[:2] != (3, 52)


def journal_mode(version: tuple[int, int, int]) -> str:
    """Return SQLite's journal mode: WAL lets readers and a writer work at once, where it is safe."""
    return "wal" if wal_is_safe(version) else "delete"


def _opened(path: Path) -> sqlite3.Connection:
    _check_there(path)
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,  # the pool hands a connection from thread to thread, one at a time
    )
    try:
        _settle(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _check_there(path: Path) -> None:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise Misconfigured(f"There is no database {path}.", advice=RUN_INIT) from None
    except OSError as error:
        said = f"The database {path} cannot be opened: {error.strerror}."
        raise Misconfigured(said, advice="Correct the path, or the rights of its folder.") from None


def _settle(connection: sqlite3.Connection) -> None:
    mode = journal_mode(sqlite3.sqlite_version_info)
    (found,) = connection.execute("PRAGMA journal_mode").fetchone()
    if found != mode:
        connection.execute(f"PRAGMA journal_mode = {mode}")
    # FULL: with less, the last commits may be gone after a power cut, and a rotated refresh token with them.
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
