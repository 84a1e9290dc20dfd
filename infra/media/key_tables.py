"""The content keys of encrypted renditions, as they lie in MySQL: sealed, so that a copy of the table opens nothing."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import VARBINARY

from infra.mysql.tables import CODE, OPTIONS, metadata

media_keys = sa.Table(
    "media_keys",
    metadata,
    sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("episode_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hash12", sa.String(12, collation=CODE), primary_key=True, comment="names the rendition"),
    sa.Column("rung", sa.String(8, collation=CODE), primary_key=True, comment="720p"),
    sa.Column("sealed", VARBINARY(64), nullable=False, comment="nonce and AES-GCM of the key; opens in this row alone"),
    sa.Column("made_ms", sa.BigInteger, nullable=False, comment="milliseconds since 1970, UTC"),
    **OPTIONS,
)
