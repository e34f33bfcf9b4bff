"""Alembic's entry: runs the migrations on the connection that `upgrade` hands over."""

from alembic import context

from storage.relational.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite alters a table by making it anew.
    render_as_batch=connection.dialect.name == "sqlite",
    # The transaction belongs to the caller.
    transactional_ddl=False,
)
context.run_migrations()
