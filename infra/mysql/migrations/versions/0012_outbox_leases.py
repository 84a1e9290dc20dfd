"""Which relay has which part of the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "outbox_leases",
        sa.Column("shard", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column(
            "owner",
            sa.String(64, collation="utf8mb4_bin"),
            nullable=False,
            comment="the relay that has it; empty: nobody yet",
        ),
        sa.Column("until_ms", sa.BigInteger, nullable=False, comment="by the clock of this server"),
        sa.Column("epoch", sa.BigInteger, nullable=False, comment="grows with each owner"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
