"""From a URL to an engine that behaves the same on every database: autocommit, and transactions begun aloud.

A statement outside a transaction is its own transaction, so that a read costs one round trip.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import Misconfigured
from .failures import RUN_INIT

BUSY_SECONDS: Final = 10.0
"""How long a writer waits for another one: far longer than any of our transactions."""

CONNECT_SECONDS: Final = 5
POOL_SECONDS: Final = 10.0

# Control characters end a value on its way to the driver; half a surrogate pair, which an environment variable with
# bytes of another encoding holds, cannot be encoded, and the error would show the whole of it.
_UNUSABLE: Final = re.compile("[\0-\x1f\x7f\ud800-\udfff]")
_FORMS: Final = "Use sqlite:///file, sqlite:////absolute/file or postgresql://user@host/database."
_SQLITE: Final = frozenset({"sqlite", "sqlite+pysqlite"})
_POSTGRESQL: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_COMMON: Final[dict[str, Any]] = {
    "isolation_level": "AUTOCOMMIT",
    "hide_parameters": True,
    "pool_timeout": POOL_SECONDS,
    "pool_use_lifo": True,
}


def engine_for(text: str) -> Engine:
    """Return the engine of a database URL; nothing is connected yet. `writing=True` as option begins transactions.

    Raises:
        Misconfigured: the URL cannot be read, its kind is unknown or its driver is not installed.
    """
    url, bare = _parsed(text), "?" not in text
    del text  # a traceback that shows local variables must not show its password; repr(URL) hides it
    if url is None:
        raise Misconfigured("The database URL cannot be read.", advice=_FORMS)
    if url.drivername in _SQLITE:
        if not bare:  # looked for in the text: what SQLAlchemy cannot read behind it is dropped, with half a path
            raise Misconfigured("The SQLite URL must name a file and nothing else.", advice=_FORMS)
        return _begun_aloud(_sqlite(url), "BEGIN IMMEDIATE")
    if url.drivername in _POSTGRESQL:
        return _begun_aloud(_postgresql(url), "BEGIN")
    raise Misconfigured(f"The database URL begins with {url.drivername!r}, which is not known.", advice=_FORMS)


def _parsed(text: str) -> URL | None:
    """Return the URL, or None when it cannot be read, or holds what no driver can pass on, percent-encoded or not."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        return None
    parts = (text, url.username, url.password, url.host, url.database)
    return None if any(_UNUSABLE.search(part or "") for part in parts) else url


def place(url: URL) -> str:
    """Return how messages name a database: the file, or host, port and name; never the user or the password."""
    if url.get_backend_name() == "sqlite":
        return str(sqlite_file(url))
    host = url.host or str(url.query.get("host", "on this machine"))
    return f"{url.database or ''} at {host}{f':{url.port}' if url.port else ''}".lstrip()


def sqlite_file(url: URL) -> Path:
    """Return the file that an SQLite URL names."""
    return Path(url.database or "")


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


def _begun_aloud(engine: Engine, begin: str) -> Engine:
    def on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writing"):
            connection.exec_driver_sql(begin)

    event.listen(engine, "begin", on_begin)
    return engine


def _sqlite(url: URL) -> Engine:
    if url.host or url.database in {None, "", ":memory:"}:
        raise Misconfigured("The SQLite URL must name a file and nothing else.", advice=_FORMS)
    path = sqlite_file(url)

    def connect() -> sqlite3.Connection:
        return _opened(path)

    return create_engine(URL.create("sqlite+pysqlite", database=str(path)), creator=connect, **_COMMON)


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


def _postgresql(url: URL) -> Engine:
    if importlib.util.find_spec("psycopg") is None:
        raise Misconfigured(
            "The driver for PostgreSQL is not installed.", advice="Run `pip install 'grantkeeper[postgres]'`."
        )
    # Behind a transaction-pooling proxy a statement that was prepared on one server may be executed on another, where
    # its name means something else: nothing is prepared.
    arguments: dict[str, Any] = {"prepare_threshold": None}
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_SECONDS
    with suppress(ArgumentError):
        return create_engine(url.set(drivername="postgresql+psycopg"), connect_args=arguments, **_COMMON)
    # Said out here, so that the driver's frames, which hold the password, are not part of it.
    raise Misconfigured("The database URL's options cannot be read.", advice=_FORMS)
