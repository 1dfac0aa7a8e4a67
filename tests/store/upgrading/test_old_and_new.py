"""While an upgrade is rolled out, processes of the old version and of the new one share a database."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config

from grantkeeper.errors import Misconfigured
from grantkeeper.model import GrantRow
from grantkeeper.store import SqlStore, rows, tables
from grantkeeper.store.engine import create_file, engine_for
from store.made import NOW, flow_row, grant_row, saved


class Old:
    """What the code of a revision does: statements that name the columns of that revision and no other."""

    def __init__(self, url: str) -> None:
        self.engine = engine_for(url)
        create_file(self.engine)
        self.metadata = sqlalchemy.MetaData()

    def migrate(self, revision: str) -> None:
        """Bring an empty database to a revision, as that version did, and look at its tables."""
        config = Config()
        config.set_main_option("script_location", str(Path(tables.__file__).parents[1] / "migrations"))
        with self.engine.execution_options(writing=True).begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
        with self.engine.execution_options(writing=True).begin() as connection:
            connection.execute(sqlalchemy.insert(tables.installation).values(one=1, id="1" * 32, epoch=1))
        self.metadata.reflect(self.engine)

    def table(self, name: str) -> sqlalchemy.Table:
        """Return a table as that version knows it."""
        return self.metadata.tables[tables.PREFIX + name]

    def known(self, table: str, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values that the version has columns for, as the driver takes them."""
        columns = self.table(table).c
        return {name: _given(columns[name], value) for name, value in values.items() if name in columns}

    def insert(self, table: str, values: dict[str, Any]) -> None:
        """Add a row."""
        with self.engine.execution_options(writing=True).begin() as connection:
            connection.execute(sqlalchemy.insert(self.table(table)).values(self.known(table, values)))

    def save(self, row: GrantRow) -> bool:
        """Save a grant as that version does, compare-and-swap."""
        grant = self.table("grant")
        values = self.known("grant", rows.grant_values(row))
        mine = (grant.c.id == values.pop("id")) & (grant.c.version == row.grant.version - 1)
        with self.engine.execution_options(writing=True).begin() as connection:
            return connection.execute(sqlalchemy.update(grant).where(mine).values(values)).rowcount == 1

    def read(self) -> list[dict[str, Any]]:
        """Return the grants with the columns of that version, texts as texts."""
        with self.engine.connect() as connection:
            found = connection.execute(sqlalchemy.select(self.table("grant"))).mappings().all()
        return [{name: _text(value, name) for name, value in row.items()} for row in found]


def _given(column: sqlalchemy.Column[Any], value: Any) -> Any:
    return value.encode() if isinstance(column.type, sqlalchemy.VARBINARY) and isinstance(value, str) else value


def _text(value: Any, name: str) -> Any:
    return value.decode() if isinstance(value, bytes) and name not in {"sealed", "data_key"} else value


@pytest.fixture
def old(database_url: str) -> Iterator[Old]:
    """The first version, on a database of its own time that holds a grant."""
    version = Old(database_url)
    version.migrate("0001")
    version.insert("grant", rows.grant_values(grant_row()))
    yield version
    version.engine.dispose()


def test_rows_of_the_first_version_are_read_after_the_upgrade(old: Old, database_url: str) -> None:
    """R-63: every member as it was written; the new ones say that nothing is open."""
    with closing(SqlStore(database_url)) as store:
        store.migrate()
        assert store.grants() == [grant_row()]
        assert store.installation() == "1" * 32
        assert store.begin_refresh("g1", version=1, attempt="a", at=NOW, lease=NOW - NOW)


def test_the_first_version_goes_on_beside_the_new_one(old: Old, database_url: str) -> None:
    """R-63, expand: its statements still work, and what it does not know stays as the new one left it."""
    with closing(SqlStore(database_url)) as store:
        store.migrate()
        store.begin_refresh("g1", version=1, attempt="new", at=NOW, lease=NOW - NOW)
        changed = saved(grant_row(), email="by-the-old@acme.example")
        assert old.save(changed)
        assert not old.save(changed)
        found = store.grant("g1")
        assert found == dataclasses.replace(changed, lease="new", sent_at=NOW, sends=1)
        old.insert("grant", rows.grant_values(grant_row(id="g2", subject="2")))
        old.insert("flow", rows.flow_values(flow_row()))
        assert store.grant("g2") == grant_row(id="g2", subject="2")
        assert store.flow(flow_row().state_hash) == flow_row()
        assert [row["email"] for row in old.read()] == ["by-the-old@acme.example", "ida@acme.example"]


def test_the_first_version_reads_and_writes_during_the_upgrade(old: Old, database_url: str) -> None:
    """R-63: no statement of a process that runs on fails while another one migrates, and no save is lost."""
    done, begun, failed = threading.Event(), threading.Event(), list[BaseException]()
    row = grant_row()

    def work() -> None:
        nonlocal row
        try:
            while not done.is_set():
                row = saved(row)
                assert old.save(row)
                assert [found["version"] for found in old.read()] == [row.grant.version]
                begun.set()
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)
            begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    with closing(SqlStore(database_url)) as store:
        try:
            store.migrate()
        finally:
            done.set()
            thread.join()
        assert failed == []
        assert store.grant("g1") == row


def as_if_one_version_ahead(store: SqlStore, oldest: int) -> str:
    """Leave the database as a newer version would that adds a column; returns its revision."""
    ahead = f"{int(tables.REVISIONS[-1]) + 1:04}"
    with store._writing.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE grantkeeper_grant ADD COLUMN newer INTEGER")
        connection.exec_driver_sql(f"UPDATE grantkeeper_installation SET epoch = {oldest}")
        connection.exec_driver_sql(f"UPDATE {tables.VERSION_TABLE} SET version_num = '{ahead}'")
    return ahead


def test_this_version_starts_on_tables_of_the_next_when_they_carry_it(store: SqlStore, database_url: str) -> None:
    """R-63: the database says so; migrating is left to the newer version and is no error."""
    store.insert_grant(grant_row())
    as_if_one_version_ahead(store, oldest=int(tables.REVISIONS[-1]))
    with closing(SqlStore(database_url)) as older:
        older.check()
        older.migrate()
        older.save_grant(saved(grant_row()), expected_version=1)
        assert older.grant("g1") == saved(grant_row())


def test_this_version_stops_on_tables_of_the_next_that_do_not_carry_it(store: SqlStore, database_url: str) -> None:
    """R-63, contract: once what it needs is gone, the database says so too."""
    ahead = as_if_one_version_ahead(store, oldest=int(tables.REVISIONS[-1]) + 1)
    with closing(SqlStore(database_url)) as older:
        for use in (older.check, older.migrate):
            with pytest.raises(Misconfigured, match=rf"newer version \({ahead}\)"):
                use()
