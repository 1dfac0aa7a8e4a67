"""Bringing the schema up to date, and telling whether it is."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, column, insert, inspect, select, table

from ..errors import Misconfigured
from . import tables
from .failures import RUN_INIT

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_ALEMBIC: Final = threading.Lock()
"""Alembic keeps its context in the module `alembic.context`: one migration at a time in a process."""
_VERSION: Final = table(tables.VERSION_TABLE, column("version_num"))


def check(connection: Connection) -> None:
    """Return when the schema is the one this code was written for.

    Raises:
        Misconfigured: there is none, it is older, or it is newer: then nothing is written (R-64).
    """
    found = revision(connection)
    if found == tables.REVISIONS[-1]:
        return
    if not found:
        raise Misconfigured("The database has none of grantkeeper's tables.", advice=RUN_INIT)
    if found in tables.REVISIONS:
        raise Misconfigured(f"The database's tables are of an older version ({found}).", advice=RUN_INIT)
    raise Misconfigured(
        f"The database's tables are of a newer version ({found}) than this grantkeeper knows.",
        advice="Upgrade grantkeeper.",
    )


def revision(connection: Connection) -> str:
    """Return the schema's revision, or "" when there is none."""
    if not inspect(connection).has_table(tables.VERSION_TABLE):
        return ""
    return str(connection.execute(select(_VERSION.c.version_num)).scalar() or "")


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision, in one transaction, and give the database its id.

    Raises:
        Misconfigured: the schema is newer than this code, or tables of these names are there without a revision.
    """
    from alembic import command  # 0.4 s to import, and needed only here
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with _ALEMBIC, engine.begin() as connection:
        _check_way_is_free(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if connection.execute(select(tables.installation.c.one)).first() is None:
            values = {"one": 1, "id": secrets.token_hex(16), "epoch": 1}
            connection.execute(insert(tables.installation).values(values))


def _check_way_is_free(connection: Connection) -> None:
    there = set(inspect(connection).get_table_names())  # one query: another process may be making them right now
    if tables.VERSION_TABLE in there:
        if revision(connection) not in {"", *tables.REVISIONS}:
            check(connection)
        return
    strays = sorted(there & set(tables.metadata.tables))
    if strays:
        said = f"The database has tables without a revision: {', '.join(strays)}."
        raise Misconfigured(said, advice="Restore the database whole, or rename them.")
