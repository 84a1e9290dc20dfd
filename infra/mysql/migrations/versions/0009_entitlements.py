"""What viewers have unlocked."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "entitlements",
        sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("episode_no", sa.Integer, primary_key=True, autoincrement=False, comment="0: the whole drama"),
        sa.Column("until_ms", sa.BigInteger, nullable=False, comment="0: for ever"),
        sa.Column("coins", sa.BigInteger, nullable=False, comment="what was paid for it"),
        sa.Column("price_version", sa.String(64, collation="utf8mb4_bin"), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("coins >= 0 AND episode_no >= 0", name="ck_entitlements_coins"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
