"""What is known of a refresh under way, and where the database lives. Only adds: the code of 0001 goes on."""

import sqlalchemy as sa
from alembic import op

from grantkeeper.store.columns import INSTANT, LONG

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; the lease's were there from the beginning."""
    op.add_column("grantkeeper_installation", sa.Column("place", LONG))
    op.add_column("grantkeeper_grant", sa.Column("sent_at", INSTANT))
    op.add_column("grantkeeper_grant", sa.Column("sends", sa.SmallInteger, nullable=False, server_default="0"))
    op.add_column("grantkeeper_grant", sa.Column("refused_at", INSTANT))
    op.create_index("grantkeeper_grant_unresolved", "grantkeeper_grant", ["sent_at"])
