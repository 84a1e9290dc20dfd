"""Unlocks that were taken back, each once."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "refunds",
        sa.Column(
            "order_id",
            sa.String(64, collation="utf8mb4_bin"),
            primary_key=True,
            comment="twice is once; the ref of its ledger entries",
        ),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("drama_id", sa.BigInteger, nullable=False),
        sa.Column("episode_no", sa.Integer, nullable=False, comment="0: the whole drama"),
        sa.Column("paid", sa.BigInteger, nullable=False, comment="paid coins that the unlock had cost"),
        sa.Column("bonus", sa.BigInteger, nullable=False),
        sa.Column("why", sa.String(200), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("paid >= 0 AND bonus >= 0 AND paid + bonus > 0", name="ck_refunds_coins"),
        comment="unlocks that were taken back",
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
    # a statement of its own, whatever create_table looks like: it may have been broken off before it, or after it
    if "ix_refunds_unlock" not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("refunds")}:
        op.create_index("ix_refunds_unlock", "refunds", ["user_id", "drama_id", "episode_no"])
