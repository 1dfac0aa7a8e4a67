"""Accounts, looks for them, events, what is shared, what was imported. Only adds: the code of 0002 goes on."""

import sqlalchemy as sa

from grantkeeper.store.columns import COUNTER, INSTANT, LONG, exact
from grantkeeper.store.migrations.steps import add_column, create_index, create_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and add the columns that say how and what is shared."""
    add_column("grantkeeper_grant", sa.Column("sharing", LONG))
    add_column("grantkeeper_grant", sa.Column("imported", exact(64, ascii_only=True)))
    add_column("grantkeeper_grant", sa.Column("imported_once", exact(64, ascii_only=True)))
    create_index("grantkeeper_grant_imported", "grantkeeper_grant", ["imported"])
    create_index("grantkeeper_grant_imported_once", "grantkeeper_grant", ["imported_once", "ended"], unique=True)
    add_column("grantkeeper_flow", sa.Column("picker", LONG))
    _create_account()
    create_table(
        "grantkeeper_look",
        sa.Column("grant_id", exact(64, ascii_only=True), primary_key=True),
        sa.Column("kind", exact(64, ascii_only=True), primary_key=True),
        sa.Column("tried_at", INSTANT, nullable=False),
        sa.Column("looked_at", INSTANT),
        sa.Column("problem", LONG, nullable=False),
        sa.Column("advice", LONG, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    create_table(
        "grantkeeper_event",
        sa.Column("id", COUNTER, primary_key=True, autoincrement=True),
        sa.Column("kind", exact(64, ascii_only=True), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("grant_id", exact(64, ascii_only=True), nullable=False),
        sa.Column("owner", exact(255), nullable=False),
        sa.Column("client", exact(100), nullable=False),
        sa.Column("data", LONG, nullable=False),
        sqlite_autoincrement=True,
    )
    create_index("grantkeeper_event_grant", "grantkeeper_event", ["grant_id", "id"])


def _create_account() -> None:
    create_table(
        "grantkeeper_account",
        sa.Column("grant_id", exact(64, ascii_only=True), primary_key=True),
        sa.Column("kind", exact(64, ascii_only=True), primary_key=True),
        sa.Column("id", exact(500), primary_key=True),
        sa.Column("name", LONG, nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("manager", sa.Boolean, nullable=False),
        sa.Column("test", sa.Boolean, nullable=False),
        sa.Column("currency", sa.String(64), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("parents", LONG, nullable=False),
        sa.Column("ways", LONG, nullable=False),
        sa.Column("shared", sa.Boolean, nullable=False),
        sa.Column("found_at", INSTANT, nullable=False),
        sa.Column("lost_at", INSTANT),
    )
