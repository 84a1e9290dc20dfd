"""The keys of encrypted renditions, sealed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import VARBINARY

revision = "0018"
down_revision = "0017"

CODE = "utf8mb4_bin"


def upgrade() -> None:
    op.create_table(
        "media_keys",
        sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("episode_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hash12", sa.String(12, collation=CODE), primary_key=True, comment="names the rendition"),
        sa.Column("rung", sa.String(8, collation=CODE), primary_key=True, comment="720p"),
        sa.Column(
            "sealed", VARBINARY(64), nullable=False, comment="nonce and AES-GCM of the key; opens in this row alone"
        ),
        sa.Column("made_ms", sa.BigInteger, nullable=False, comment="milliseconds since 1970, UTC"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
