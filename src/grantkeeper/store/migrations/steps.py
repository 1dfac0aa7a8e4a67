"""The steps of migrations. What is there already is not made again.

MySQL commits each change of a schema by itself, PostgreSQL where `let_others_in` says so: a migration that was killed
there goes on where it stopped (R-63). On SQLite a migration is one transaction and finds nothing half done.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from grantkeeper.store.columns import TABLE

_ANY_GRANT: Final = sa.text("SELECT 1 FROM grantkeeper_grant LIMIT 1")


def create_table(name: str, *items: sa.Column[Any] | sa.Constraint, **options: bool) -> None:
    """Create a table."""
    if not sa.inspect(op.get_bind()).has_table(name):
        op.create_table(name, *items, **TABLE, **options)


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column; code that does not know it goes on when it may be NULL or has a default of the server's."""
    if column.name not in {each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)


def create_index(name: str, table: str, columns: list[str], *, unique: bool = False) -> None:
    """Create an index."""
    if name not in {each["name"] for each in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, columns, unique=unique)


def drop_index(name: str, table: str) -> None:
    """Drop an index; code that does not know so goes on, only slower."""
    if name in {each["name"] for each in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.drop_index(name, table)


def let_others_in() -> None:
    """End PostgreSQL's transaction, and its locks with it, and begin another; a new database has nobody to let in."""
    bind = op.get_bind()
    if bind.dialect.name != "postgresql" or bind.execute(_ANY_GRANT).first() is None:
        return
    limit = bind.exec_driver_sql("SHOW lock_timeout").scalar()
    for statement in ("COMMIT", "BEGIN", f"SET LOCAL lock_timeout = '{limit}'"):
        bind.exec_driver_sql(statement)
