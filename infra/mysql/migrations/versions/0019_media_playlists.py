"""Playlists of renditions whose segments only object storage has."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMBLOB

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "media_playlists",
        sa.Column(
            "storage_key", sa.String(300, collation="utf8mb4_bin"), primary_key=True, comment="domain.media.names"
        ),
        sa.Column("text", MEDIUMBLOB, nullable=False, comment="UTF-8, at most 256 KB"),
        sa.Column("made_ms", sa.BigInteger, nullable=False, comment="milliseconds since 1970, UTC"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
