"""Installation, grants and flows."""

import sqlalchemy as sa

from grantkeeper.store.columns import INSTANT, LONG, SEALED, exact
from grantkeeper.store.migrations.steps import create_index, create_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the first tables."""
    _create_installation()
    _create_grant()
    _create_flow()


def _create_installation() -> None:
    create_table(
        "grantkeeper_installation",
        sa.Column("one", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("id", exact(64, ascii_only=True), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
    )


def _create_grant() -> None:
    create_table(
        "grantkeeper_grant",
        sa.Column("id", exact(64, ascii_only=True), primary_key=True),
        sa.Column("owner", exact(255), nullable=False),
        sa.Column("client", exact(100), nullable=False),
        sa.Column("issuer", exact(255, ascii_only=True), nullable=False),
        sa.Column("subject", exact(255, ascii_only=True), nullable=False),
        sa.Column("email", exact(320), nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("scopes", LONG, nullable=False),
        sa.Column("missing", LONG, nullable=False),
        sa.Column("extra", LONG, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("ends_at", INSTANT),
        sa.Column("consented_at", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("refreshed_at", INSTANT),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("data_key", SEALED),
        sa.Column("sealed", SEALED),
        sa.Column("ended", exact(64, ascii_only=True), nullable=False),
        sa.Column("due_at", INSTANT),
        sa.Column("used_at", INSTANT),
        sa.Column("checked_at", INSTANT),
        sa.Column("lease_owner", sa.String(64)),
        sa.Column("lease_until", INSTANT),
        sa.UniqueConstraint("owner", "client", "issuer", "subject", "ended", name="grantkeeper_grant_identity"),
    )
    create_index("grantkeeper_grant_due", "grantkeeper_grant", ["due_at"])
    create_index("grantkeeper_grant_person", "grantkeeper_grant", ["issuer", "subject"])


def _create_flow() -> None:
    create_table(
        "grantkeeper_flow",
        sa.Column("state_hash", exact(64, ascii_only=True), primary_key=True),
        sa.Column("browser_hash", exact(64, ascii_only=True), nullable=False),
        sa.Column("owner", exact(255), nullable=False),
        sa.Column("client", exact(100), nullable=False),
        sa.Column("redirect_uri", LONG, nullable=False),
        sa.Column("data_key", SEALED),
        sa.Column("sealed", SEALED),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("grant_id", exact(64, ascii_only=True), nullable=False),
        sa.Column("other_account", sa.String(64), nullable=False),
        sa.Column("forced_consent", sa.Boolean, nullable=False),
        sa.Column("consumed_at", INSTANT),
        sa.Column("outcome", LONG, nullable=False),
        sa.Column("result_grant_id", exact(64, ascii_only=True), nullable=False),
    )
    create_index("grantkeeper_flow_end", "grantkeeper_flow", ["expires_at"])
