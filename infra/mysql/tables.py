"""The tables of the catalogue.  Text compares as people read it, codes byte by byte; no feature of one server only.

utf8mb4_unicode_520_ci is in both servers and tells rare Han and emoji apart, which unicode_ci and general_ci do not.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

TEXT = "utf8mb4_unicode_520_ci"
CODE = "utf8mb4_bin"
OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": TEXT}

RELEASE = "when it may be watched first, Unix ms, not before those before it; null: with these, or at once"
SERIES = "name that the seasons and cuts of one story share; empty where there is none"

metadata = sa.MetaData()

dramas = sa.Table(
    "dramas",
    metadata,
    sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("dense_index", sa.Integer, nullable=False, comment="1..65535, given once, never to another drama"),
    sa.Column("title", sa.String(200, collation=TEXT), nullable=False),
    sa.Column("category", sa.String(64, collation=TEXT), nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("cast_names", sa.JSON, nullable=False),
    sa.Column("region", sa.String(32, collation=TEXT), nullable=False),
    sa.Column("min_age", sa.SmallInteger, nullable=False),
    sa.Column("free_first", sa.Integer, nullable=False, comment="episodes 1..free_first cost nothing"),
    sa.Column("price_coins", sa.Integer, nullable=False, comment="of each later episode"),
    sa.Column("published", sa.Boolean, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False, comment="of the catalogue when this drama last changed"),
    sa.Column("series", sa.String(64, collation=TEXT), nullable=False, server_default="", comment=SERIES),
    sa.UniqueConstraint("dense_index", name="uq_dramas_dense_index"),
    sa.Index("ix_dramas_revision", "revision"),
    sa.CheckConstraint("dense_index BETWEEN 1 AND 65535", name="ck_dramas_dense_index"),
    **OPTIONS,
)

episodes = sa.Table(
    "episodes",
    metadata,
    sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("episode_no", sa.Integer, primary_key=True, autoincrement=False, comment="1, 2, ... without gaps"),
    sa.Column("duration_ms", sa.Integer, nullable=False),
    sa.Column("media_path", sa.String(300, collation=CODE), nullable=False, comment="empty while there is no video"),
    sa.Column("release_ms", sa.BigInteger, comment=RELEASE),
    sa.ForeignKeyConstraint(["drama_id"], ["dramas.drama_id"], name="fk_episodes_drama"),
    sa.CheckConstraint("episode_no >= 1", name="ck_episodes_episode_no"),
    sa.CheckConstraint("duration_ms >= 1000", name="ck_episodes_duration_ms"),
    **OPTIONS,
)

takedowns = sa.Table(
    "takedowns",
    metadata,
    sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("taken_down_ms", sa.BigInteger, nullable=False, comment="milliseconds since 1970, UTC"),
    sa.ForeignKeyConstraint(["drama_id"], ["dramas.drama_id"], name="fk_takedowns_drama"),
    **OPTIONS,
)

catalogue_counters = sa.Table(
    "catalogue_counters",
    metadata,
    sa.Column("name", sa.String(32, collation=CODE), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
    comment="the last number given of each kind; a row's lock is the right to give the next one",
    **OPTIONS,
)
