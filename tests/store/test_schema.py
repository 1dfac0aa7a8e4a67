"""The schema: the migrations lead to what the code expects, and the code refuses any other."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateTable

from grantkeeper.errors import Misconfigured
from grantkeeper.store import SqlStore, tables
from grantkeeper.store.columns import BytewiseText, exact
from store.made import NOW, flow_row, grant_row, saved

MYSQL = mysql.dialect()
POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]


def set_revision(store: SqlStore, revision: str) -> None:
    """Write another revision into the version table."""
    with store._writing.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {tables.VERSION_TABLE} SET version_num = '{revision}'")


def test_migrations_lead_to_the_tables_of_the_code(store: SqlStore) -> None:
    """Alembic's own comparison finds no difference in tables, columns, types, nullability, indexes, constraints."""
    options = {"version_table": tables.VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []


def test_the_comparison_would_find_a_difference(store: SqlStore) -> None:
    """The test of the test: a column, an index and a type that differ are seen."""
    due = next(index for index in tables.grant.indexes if index.name == "grantkeeper_grant_work")
    with store._writing.begin() as connection:
        due.drop(connection)
        connection.exec_driver_sql("ALTER TABLE grantkeeper_flow ADD COLUMN stray INTEGER")
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": tables.VERSION_TABLE})
        assert {entry[0] for entry in compare_metadata(context, tables.metadata)} == {"add_index", "remove_column"}


def test_the_known_revisions_are_those_of_the_migrations() -> None:
    """The code need not import Alembic to know them."""
    folder = Path(tables.__file__).parents[1] / "migrations"
    script = ScriptDirectory(str(folder))
    found = [revision.revision for revision in script.walk_revisions()]
    assert tuple(reversed(found)) == tables.REVISIONS


def test_every_table_carries_the_prefix(store: SqlStore) -> None:
    """They may live beside the application's own tables."""
    with store._engine.connect() as connection:
        names = sqlalchemy.inspect(connection).get_table_names()
    assert sorted(names) == sorted([*tables.metadata.tables, tables.VERSION_TABLE])
    assert all(name.startswith("grantkeeper_") for name in names)


def test_an_empty_database_is_refused_with_what_to_do(database_url: str, tmp_path: Path) -> None:
    """No tables: every verb says `grantkeeper init`, and makes nothing."""
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).touch()
    store = SqlStore(database_url)
    uses = (
        store.check,
        store.installation,
        store.grants,
        lambda: store.grant("g1"),
        lambda: store.flow("x"),
        lambda: store.insert_grant(grant_row()),
        lambda: store.save_grant(saved(grant_row()), expected_version=1),
        lambda: store.add_flow(flow_row()),
        lambda: store.consume_flow("x", at=NOW),
        lambda: store.finish_flow("x", outcome="y"),
        lambda: store.sweep_flows(expired_before=NOW),
    )
    for use in uses:
        with pytest.raises(Misconfigured) as refused:
            use()
        assert "grantkeeper init" in refused.value.advice
    with store._engine.connect() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == []
    store.close()


@pytest.mark.parametrize("revision", ["9999", "0006", "x"])
def test_a_newer_schema_is_refused(store: SqlStore, database_url: str, revision: str) -> None:
    """R-64: neither read, nor written, nor migrated: it says to upgrade grantkeeper."""
    set_revision(store, revision)
    newer = SqlStore(database_url)
    for use in (newer.check, newer.installation, newer.migrate, lambda: newer.insert_grant(grant_row())):
        with pytest.raises(Misconfigured, match=rf"newer version \({revision}\)") as refused:
            use()
        assert "Upgrade grantkeeper" in refused.value.advice
    newer.close()
    set_revision(store, tables.REVISIONS[-1])
    assert store.grants() == []


def test_an_older_schema_is_refused_until_it_is_migrated(
    store: SqlStore, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the revision and the command."""
    monkeypatch.setattr(tables, "REVISIONS", ("0000", *tables.REVISIONS))
    set_revision(store, "0000")
    older = SqlStore(database_url)
    with pytest.raises(Misconfigured, match=r"older version \(0000\)") as refused:
        older.check()
    assert "grantkeeper init" in refused.value.advice
    older.close()


def test_tables_that_vanish_under_a_running_store_are_named(store: SqlStore) -> None:
    """Whoever drops them, or points the URL elsewhere, is told what is missing."""
    store.check()
    with store._writing.begin() as connection:
        connection.exec_driver_sql("DROP TABLE grantkeeper_grant")
    for use in (store.grants, lambda: store.grant("g1"), lambda: store.insert_grant(grant_row())):
        with pytest.raises(Misconfigured, match="none of grantkeeper's tables"):
            use()


def test_migrating_twice_changes_nothing(store: SqlStore) -> None:
    """`grantkeeper init` may be run at every deployment."""
    store.insert_grant(grant_row())
    store.migrate()
    assert store.grants() == [grant_row()]


def _migrate(url: str) -> str:
    store = SqlStore(url)
    try:
        store.migrate()
        return store.installation()
    finally:
        store.close()


def test_several_processes_may_migrate_at_once(database_url: str) -> None:
    """Replicas that start together agree on one schema and one installation."""
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as processes:
        assert len(set(processes.map(_migrate, [database_url] * 6))) == 1


def test_several_threads_may_migrate_at_once(database_url: str) -> None:
    """Alembic's context is global; ours is not."""
    start = threading.Barrier(4)

    def together(_number: int) -> str:
        start.wait()
        return _migrate(database_url)

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(together, range(4)))) == 1


def test_tables_in_the_way_stop_a_migration(store: SqlStore, database_url: str) -> None:
    """A database that was restored by halves is left as it is; the message names the tables."""
    with store._writing.begin() as connection:
        for name in {tables.VERSION_TABLE, *tables.metadata.tables} - {"grantkeeper_flow"}:
            connection.exec_driver_sql(f"DROP TABLE {name}")
    broken = SqlStore(database_url)
    with pytest.raises(Misconfigured, match=r"without a revision: grantkeeper_flow\."):
        broken.migrate()
    with store._engine.connect() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == ["grantkeeper_flow"]
    broken.close()


def test_using_a_store_does_not_import_alembic(tmp_path: Path) -> None:
    """It takes a third of a second, and only `migrate` needs it."""
    _migrate(f"sqlite:///{tmp_path}/a.sqlite3")
    script = f"""
import sys
from grantkeeper.store import SqlStore
store = SqlStore("sqlite:///{tmp_path}/a.sqlite3"); store.check(); store.grants(); store.close()
print("alembic" in sys.modules, "psycopg" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_identities_fit_mysql_s_index() -> None:
    """MySQL allows 3072 bytes in an index and has no text type that compares byte by byte on both of its kinds."""
    constraint = next(c for c in tables.grant.constraints if isinstance(c, sqlalchemy.UniqueConstraint))
    types = [column.type.dialect_impl(MYSQL) for column in constraint.columns]
    assert all(isinstance(each, BytewiseText) for each in types)
    assert sum(each.length or 0 for each in types if isinstance(each, BytewiseText)) <= 3072
    text = str(CreateTable(tables.grant).compile(dialect=MYSQL))
    assert "owner VARBINARY(1020) NOT NULL" in text
    assert "subject VARBINARY(255) NOT NULL" in text


def test_text_for_mysql_goes_there_and_back() -> None:
    """The bytes that MySQL keeps are those of UTF-8."""
    kind, dialect = BytewiseText(40), MYSQL
    assert kind.process_bind_param("Ñandú ", dialect) == "Ñandú ".encode()
    assert kind.process_result_value("Ñandú ".encode(), dialect) == "Ñandú "
    assert kind.process_bind_param(None, dialect) is None
    assert kind.process_result_value(None, dialect) is None


def test_text_in_postgresql_is_ordered_by_its_bytes() -> None:
    """Whatever locale the server has."""
    assert 'COLLATE "C"' in str(exact(10).compile(dialect=POSTGRESQL))
