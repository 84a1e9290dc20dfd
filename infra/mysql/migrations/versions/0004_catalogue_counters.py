"""The catalogue's counters: dense indexes, revisions, bases."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "catalogue_counters",
        sa.Column("name", sa.String(32, collation="utf8mb4_bin"), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
        comment="the last number given of each kind; a row's lock is the right to give the next one",
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
