"""The series of a drama; a juliu that does not know the column goes on writing dramas."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    if any(column["name"] == "series" for column in sa.inspect(op.get_bind()).get_columns("dramas")):
        return  # made by a migration that was killed before it could write so down; MySQL has no ADD IF NOT EXISTS
    series = sa.Column(
        "series",
        sa.String(64, collation="utf8mb4_unicode_520_ci"),
        nullable=False,
        server_default="",
        comment="name that the seasons and cuts of one story share; empty where there is none",
    )
    op.add_column("dramas", series)
