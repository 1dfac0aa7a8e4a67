"""What a database says of itself, and where it is."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Engine, Executable, bindparam, case, func, select, update
from sqlalchemy.exc import DBAPIError

from ..model import GrantStatus
from . import rows, tables
from .engine.urls import sqlite_file

_INSTALLATION: Final = tables.installation.columns
_GRANT: Final = tables.grant.columns

SELECT: Final = select(_INSTALLATION.id, _INSTALLATION.counted, _INSTALLATION.place)
_SO_FAR: Final = bindparam("so_far", type_=BigInteger)
SETTLE: Final = update(tables.installation).values(
    place=bindparam("now_at"), counted=case((_INSTALLATION.counted < _SO_FAR, _SO_FAR), else_=_INSTALLATION.counted)
)
"""Never counts back: another process may have counted on meanwhile."""
COUNTS: Final = (
    select(_GRANT.client, func.count().label("grants"))
    .where(_GRANT.status == str(GrantStatus.ACTIVE))
    .group_by(_GRANT.client)
)
_COUNT: Final = update(tables.installation).values(counted=_INSTALLATION.counted + 1)
_COUNTED: Final = select(_INSTALLATION.counted)

# The system identifier is one cluster's and its replicas' for ever (PostgreSQL, pg_control_system); a copy by dump and
# restore has another, or another database of the same server.
_HERE: Final = (
    "SELECT 'postgresql ' || (SELECT system_identifier FROM pg_control_system())"
    " || ' ' || (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def here(engine: Engine) -> str:
    """Return what names the place where this database is; "" where nothing does."""
    if engine.dialect.name == "sqlite":
        return f"sqlite inode {sqlite_file(engine.url).stat().st_ino}"
    if engine.dialect.name != "postgresql":
        return ""
    try:
        with engine.connect() as connection:
            return str(connection.exec_driver_sql(_HERE).scalar_one())
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return ""  # a hosted server that keeps it to itself, or one that only speaks PostgreSQL's protocol


def count_on(connection: Connection) -> int:
    """Let the database count on, and return what it has counted; in a transaction."""
    connection.execute(_COUNT)
    return int(connection.execute(_COUNTED).scalar_one())


def doubt(clients: tuple[str, ...]) -> Executable:
    """Return the statement that puts every active grant of these clients in doubt; it has a parameter `at`."""
    wanted: tuple[Any, ...] = (
        _GRANT.status == str(GrantStatus.ACTIVE),
        _GRANT.client.in_([rows.searchable(name) for name in clients]),
        _GRANT.sent_at.is_(None),
    )
    return update(tables.grant).where(*wanted).values(sent_at=bindparam("at", type_=BigInteger), sends=1)
