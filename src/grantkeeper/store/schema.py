"""Bringing the schema up to date, and telling whether it is."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, column, insert, inspect, select, table
from sqlalchemy.exc import DBAPIError

from ..errors import DatabaseUnavailable, Misconfigured
from . import tables
from .engine.reader import patient
from .engine.writing import cause
from .failures import LOCK_TIMEOUT, RUN_INIT, error_code

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_ALEMBIC: Final = threading.Lock()
"""Alembic keeps its context in the module `alembic.context`: one migration at a time in a process."""
_EPOCH: Final = 1
"""The oldest revision whose code can use the tables of the newest: each since has only added to them."""
_TRIES: Final = 10
"""Who changes the tables beside another fails where it was overtaken, at each step at most once."""
_LOCK_SECONDS: Final = 5
_STEP_SECONDS: Final = 86400.0
"""How long one step may take: an index of a large table takes minutes, and would never be there if it were given up."""
_LOCK_NAME: Final = "CONCAT('grantkeeper ', SHA1(DATABASE()))"  # names are the server's, and at most 64 long
_WAIT_SECONDS: Final = 50
"""Whoever comes second waits for the first: longer than small tables take, and no longer than a person waits."""
_LOCK_NUMBER: Final = int.from_bytes(b"grantkee")  # of this database only
_UNDER_CHANGE: Final = "Another process changes the database's tables right now."
_VERSION: Final = table(tables.VERSION_TABLE, column("version_num"))


def check(connection: Connection) -> None:
    """Return when this code may use the schema: it is of the newest revision known here, or of the one after it.

    Of the one after it only if the database says so: while an upgrade is rolled out, old and new processes share it
    (R-63). `installation.epoch` is the oldest revision whose code the tables still carry.

    Raises:
        Misconfigured: there is none, it is older, or it is newer: then nothing is written (R-64).
    """
    found = revision(connection)
    if found == tables.REVISIONS[-1] or _carries_us(connection, found):
        return
    if not found:
        raise Misconfigured("The database has none of grantkeeper's tables.", advice=RUN_INIT)
    if found in tables.REVISIONS:
        raise Misconfigured(f"The database's tables are of an older version ({found}).", advice=RUN_INIT)
    raise Misconfigured(
        f"The database's tables are of a newer version ({found}) than this grantkeeper knows.",
        advice="Upgrade grantkeeper.",
    )


def _carries_us(connection: Connection, found: str) -> bool:
    """Tell whether the schema is one revision ahead and can do with this code; a revision is a number in digits."""
    ours = int(tables.REVISIONS[-1])
    if not found.isdecimal() or int(found) != ours + 1:
        return False
    oldest = connection.execute(select(tables.installation.c.epoch)).scalar()
    return oldest is not None and oldest <= ours


def revision(connection: Connection) -> str:
    """Return the schema's revision, or "" when there is none."""
    if not inspect(connection).has_table(tables.VERSION_TABLE):
        return ""
    return str(connection.execute(select(_VERSION.c.version_num)).scalar() or "")


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision, and give the database its id.

    Raises:
        Misconfigured: the schema is newer than this code, or tables of these names are there without a revision.
        DatabaseUnavailable: another process changes it right now.
    """
    from alembic.util import CommandError  # Alembic takes 0.4 s to import, and is needed only here

    for left in reversed(range(_TRIES)):
        try:
            return _upgrade(engine)
        except DBAPIError:  # another process made the same tables meanwhile: now there is less to do, or nothing
            if not left:
                raise
        except CommandError:  # the revision changed under it
            if not left:
                raise DatabaseUnavailable(_UNDER_CHANGE, advice="Try again.") from None
    return None


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with _ALEMBIC, _first(engine), engine.begin() as connection, _slowly(connection), _alone(connection):
        if _is_done(connection):
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if connection.execute(select(tables.installation.c.one)).first() is None:
            values = {"one": 1, "id": secrets.token_hex(16), "epoch": _EPOCH}
            connection.execute(insert(tables.installation).values(values))


@contextmanager
def _slowly(connection: Connection) -> Iterator[None]:
    """Let each step take its time, the commit excepted, which is over before the connection goes back to its pool."""
    with patient(connection.connection.driver_connection, _STEP_SECONDS):
        yield


@contextmanager
def _first(engine: Engine) -> Iterator[None]:
    """Keep other processes from beginning what this one is at, on PostgreSQL: an index is built once, by one.

    The lock is that of a transaction of a connection of its own, since the steps are several transactions; a proxy
    that pools transactions may be in front. A database without such locks goes without: who is overtaken tries again.
    """
    if engine.dialect.name != "postgresql":
        yield
        return
    with engine.connect() as connection:
        with _slowly(connection):
            try:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT_SECONDS}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})")
            except DBAPIError as error:
                if error_code(cause(error)) == LOCK_TIMEOUT:
                    raise DatabaseUnavailable(_UNDER_CHANGE, advice="Try again.") from None
                if error.connection_invalidated:
                    raise
        yield
        with suppress(DBAPIError):  # the connection is lost, and the lock with it
            connection.rollback()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keep other processes from changing the schema, and do not make readers queue behind a change that waits.

    A change of a PostgreSQL table waits for its readers, and later readers for the change: not for long. MySQL ends the
    transaction with each change, so that only a lock of its own kind holds until the end.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
    if connection.dialect.name != "mysql":
        yield
        return
    if connection.exec_driver_sql(f"SELECT GET_LOCK({_LOCK_NAME}, {_LOCK_SECONDS})").scalar() != 1:
        raise DatabaseUnavailable(_UNDER_CHANGE, advice="Try again.")
    try:
        yield
    finally:
        with suppress(DBAPIError):  # the connection is lost, and the lock with it
            connection.exec_driver_sql(f"SELECT RELEASE_LOCK({_LOCK_NAME})")


def _is_done(connection: Connection) -> bool:
    """Tell whether there is nothing to do for this code.

    Raises:
        Misconfigured: the tables are newer than that, or nobody knows their revision.
    """
    there = set(inspect(connection).get_table_names())  # one query: another process may be making them right now
    if tables.VERSION_TABLE in there:
        newer = revision(connection) not in {"", *tables.REVISIONS}
        if newer:
            check(connection)
        return newer
    strays = sorted(there & set(tables.metadata.tables))
    if strays:
        said = f"The database has tables without a revision: {', '.join(strays)}."
        raise Misconfigured(said, advice="Restore the database whole, or rename them.")
    return False
