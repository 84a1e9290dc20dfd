"""Events on their way to the log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import VARBINARY

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False, comment="of the viewer's session `server`: 1, 2, ..."),
        sa.Column("shard", sa.SmallInteger, nullable=False, comment="user_id % 64"),
        sa.Column("value", VARBINARY(4096), nullable=False, comment="the record of juliu.events"),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("published_ms", sa.BigInteger, comment="when Kafka had it; null: not yet"),
        sa.UniqueConstraint("user_id", "seq", name="uq_outbox_user_seq"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
    # a statement of its own, whatever create_table looks like: it may have been broken off before it, or after it
    if "ix_outbox_shard" not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("outbox")}:
        op.create_index("ix_outbox_shard", "outbox", ["shard", "published_ms", "id"])
