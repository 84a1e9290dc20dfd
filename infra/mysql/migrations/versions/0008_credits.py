"""Coins that came in, each once."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "credits",
        sa.Column("ref", sa.String(64, collation="utf8mb4_bin"), primary_key=True, comment="twice is once"),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("pot", sa.String(8, collation="utf8mb4_bin"), nullable=False),
        sa.Column("coins", sa.BigInteger, nullable=False),
        sa.Column("why", sa.String(200), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("coins > 0", name="ck_credits_coins"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
