"""Playlists of renditions whose segments only object storage has."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import MEDIUMBLOB

from infra.mysql.tables import CODE, OPTIONS, metadata

media_playlists = sa.Table(
    "media_playlists",
    metadata,
    sa.Column("storage_key", sa.String(300, collation=CODE), primary_key=True, comment="domain.media.names"),
    sa.Column("text", MEDIUMBLOB, nullable=False, comment="UTF-8, at most 256 KB"),
    sa.Column("made_ms", sa.BigInteger, nullable=False, comment="milliseconds since 1970, UTC"),
    **OPTIONS,
)
