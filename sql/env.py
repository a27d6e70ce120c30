"""Alembic's entry: runs the migrations on the URL that `shared.db.migrate` hands in."""

from alembic import context
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from shared.db.tables import metadata

url = context.config.attributes["database_url"]
options = {"target_metadata": metadata, "render_as_batch": make_url(url).get_backend_name() == "sqlite"}

if context.is_offline_mode():
    context.configure(url=url, literal_binds=True, dialect_opts={"paramstyle": "named"}, **options)
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()
