"""Answers that were given to a key."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import VARBINARY

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("idempotency_key", sa.String(64, collation="utf8mb4_bin"), primary_key=True),
        sa.Column("body_hash", VARBINARY(32), nullable=False, comment="SHA-256 of route and body"),
        sa.Column("answer", sa.JSON, nullable=False, comment="of a success"),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Index("ix_idempotency_keys_at_ms", "at_ms"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
