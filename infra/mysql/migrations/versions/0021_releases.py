"""When an episode is released; a juliu that does not know the column goes on writing episodes."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    if any(column["name"] == "release_ms" for column in sa.inspect(op.get_bind()).get_columns("episodes")):
        return  # made by a migration that was killed before it could write so down; MySQL has no ADD IF NOT EXISTS
    release_ms = sa.Column(
        "release_ms",
        sa.BigInteger,
        comment="when it may be watched first, Unix ms, not before those before it; null: with these, or at once",
    )
    op.add_column("episodes", release_ms)
