"""Alembic's entry: runs on the connection that infra.mysql.migrate (or a test) hands over."""

from alembic import context

from infra.media import (  # noqa: F401 - the same
    episode_tables,
    key_tables,
    playlist_tables,
    poster_tables,
    wechat_tables,
)
from infra.media import tables as media  # noqa: F401 - the same
from infra.money import tables as money  # noqa: F401 - its tables are part of metadata
from infra.mysql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
