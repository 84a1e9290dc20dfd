"""Dramas that must not be shown."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "takedowns",
        sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("taken_down_ms", sa.BigInteger, nullable=False, comment="milliseconds since 1970, UTC"),
        sa.ForeignKeyConstraint(["drama_id"], ["dramas.drama_id"], name="fk_takedowns_drama"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
