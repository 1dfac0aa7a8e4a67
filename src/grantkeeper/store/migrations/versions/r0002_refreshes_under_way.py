"""What is known of a refresh under way, and where the database lives. Only adds: the code of 0001 goes on."""

import sqlalchemy as sa

from grantkeeper.store.columns import INSTANT, LONG
from grantkeeper.store.migrations.steps import add_column, create_index

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; the lease's were there from the beginning."""
    add_column("grantkeeper_installation", sa.Column("counted", sa.BigInteger, nullable=False, server_default="0"))
    add_column("grantkeeper_installation", sa.Column("place", LONG))
    add_column("grantkeeper_grant", sa.Column("sent_at", INSTANT))
    add_column("grantkeeper_grant", sa.Column("sends", sa.SmallInteger, nullable=False, server_default="0"))
    add_column("grantkeeper_grant", sa.Column("refused_at", INSTANT))
    create_index("grantkeeper_grant_unresolved", "grantkeeper_grant", ["sent_at"])
