"""Run by Alembic with the connection and transaction of `store.schema.migrate`."""

from alembic import context

from grantkeeper.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    version_table=tables.VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
