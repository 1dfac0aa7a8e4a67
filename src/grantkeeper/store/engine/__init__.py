"""From a URL to an engine that behaves the same on every database: autocommit, and transactions begun aloud.

A statement outside a transaction is its own transaction, so that a read costs one round trip.
"""

from __future__ import annotations

import importlib.util
from typing import Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from ...errors import Misconfigured
from ..failures import SERVER_CANNOT_WRITE, error_code
from .sqlite import create_file, journal_mode, sqlite_engine, wal_is_safe
from .urls import CALL_SECONDS, FORMS, parsed, place, sqlite_file

__all__ = ["CALL_SECONDS", "create_file", "engine_for", "journal_mode", "place", "sqlite_file", "wal_is_safe"]

_SQLITE: Final = frozenset({"sqlite", "sqlite+pysqlite"})
_POSTGRESQL: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_MYSQL: Final = frozenset({"mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql"})


def engine_for(text: str, *, call_seconds: float = CALL_SECONDS) -> Engine:
    """Return the engine of a database URL; nothing is connected yet. `writing=True` as option begins transactions.

    A call to a server ends after `call_seconds`; SQLite's wait for each other.

    Raises:
        Misconfigured: the URL cannot be read, its kind is unknown or its driver is not installed.
    """
    url, bare = parsed(text), "?" not in text
    del text  # a traceback that shows local variables must not show its password; repr(URL) hides it
    if url is None:
        raise Misconfigured("The database URL cannot be read.", advice=FORMS)
    if url.drivername in _SQLITE:
        if not bare:  # looked for in the text: what SQLAlchemy cannot read behind it is dropped, with half a path
            raise Misconfigured("The SQLite URL must name a file and nothing else.", advice=FORMS)
        return _begun_aloud(sqlite_engine(url), "BEGIN IMMEDIATE")
    if url.drivername in _POSTGRESQL:
        _check_driver("psycopg", "PostgreSQL", "postgres")
        from .postgresql import postgresql_engine  # the driver is an extra, and 0.2 s to import

        return _begun_aloud(postgresql_engine(url, call_seconds), "BEGIN")
    if url.drivername in _MYSQL:
        _check_driver("pymysql", "MySQL", "mysql")
        from .mysql import mysql_engine

        return _begun_aloud(mysql_engine(url, call_seconds), "BEGIN")
    raise Misconfigured(f"The database URL begins with {url.drivername!r}, which is not known.", advice=FORMS)


def _check_driver(module: str, database: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        advice = f"Run `pip install 'grantkeeper[{extra}]'`."
        raise Misconfigured(f"The driver for {database} is not installed.", advice=advice)


def _begun_aloud(engine: Engine, begin: str) -> Engine:
    def on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writing"):
            connection.exec_driver_sql(begin)

    event.listen(engine, "begin", on_begin)
    event.listen(engine, "handle_error", _leave_a_server_that_cannot_write)
    return engine


def _leave_a_server_that_cannot_write(context: ExceptionContext) -> None:
    """Drop all connections to a server that became a standby: new ones may reach the new primary (R-42)."""
    if error_code(context.original_exception) in SERVER_CANNOT_WRITE:
        context.is_disconnect = True
