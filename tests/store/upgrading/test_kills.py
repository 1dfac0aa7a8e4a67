"""A migration that ends in the middle is mended by the next one."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from databases import KINDS, fresh_database
from grantkeeper.store import SqlStore, tables
from store.made import grant_row

WRITES = ("CREATE", "ALTER", "INSERT", "UPDATE", "DELETE", "COMMIT")
EXIT = 7


def die_at(store: SqlStore, number: int) -> None:
    """Make this process end, without any clean-up, just before its `number`th change of the database."""
    changes = 0

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        nonlocal changes
        changes += statement.lstrip().startswith(WRITES)
        if changes == number:
            os._exit(EXIT)

    sqlalchemy.event.listen(store._engine, "before_cursor_execute", count)
    sqlalchemy.event.listen(store._engine, "commit", lambda _connection: count(None, None, "COMMIT"))


def killed_at(url: str, number: int) -> bool:
    """Migrate in a child that dies before its `number`th change; False when it had fewer to make."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            store = SqlStore(url)
            die_at(store, number)
            store.migrate()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, EXIT}
    return code == EXIT


def differences(store: SqlStore) -> list[Any]:
    """Return how the database's tables differ from those of the code."""
    options = {"version_table": tables.VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    with store._engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata))


def mended(url: str) -> None:
    """Show that migrating again makes the database whole."""
    with closing(SqlStore(url)) as store:
        store.migrate()
        store.check()
        assert len(store.installation()) == 32
        store.insert_grant(grant_row())
        assert store.grants() == [grant_row()]
        assert differences(store) == []


@pytest.mark.parametrize("number", [1, 3, 6, 13, 35])
def test_a_migration_killed_halfway_is_taken_up_again_on_mariadb(
    number: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """R-63: MySQL keeps each change of a schema by itself: what was made stays, the rest follows."""
    with fresh_database("mariadb", tmp_path, request) as url:
        assert killed_at(url, number)
        mended(url)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_migration_killed_at_any_step_is_mended(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """R-63: before each of its changes in turn, each time of an empty database."""
    number, killed = 0, True
    while killed:
        number += 1
        with fresh_database(kind, tmp_path, request) as url:
            killed = killed_at(url, number)
            mended(url)
    assert number > 50


@pytest.mark.parametrize("number", [2, 6])
def test_a_migration_that_fails_is_undone_or_taken_up(database_url: str, number: int) -> None:
    """R-63: the same without the end of the process: its connection is given back in order."""
    with closing(SqlStore(database_url)) as store:
        made = 0

        def fail(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            nonlocal made
            change = statement.lstrip().startswith(WRITES)
            made += change
            if change and made == number:
                raise ZeroDivisionError

        sqlalchemy.event.listen(store._engine, "before_cursor_execute", fail)
        with pytest.raises(ZeroDivisionError):
            store.migrate()
        if store._engine.dialect.name != "mysql":
            with store._engine.connect() as connection:
                assert sqlalchemy.inspect(connection).get_table_names() == []
        store.migrate()
        assert differences(store) == []
