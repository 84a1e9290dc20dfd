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
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
    # a statement of its own, whatever create_table looks like: it may have been broken off before it, or after it
    if "ix_idempotency_keys_at_ms" not in {
        index["name"] for index in sa.inspect(op.get_bind()).get_indexes("idempotency_keys")
    }:
        op.create_index("ix_idempotency_keys_at_ms", "idempotency_keys", ["at_ms"])
