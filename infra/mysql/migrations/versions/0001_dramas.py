"""Dramas."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = "utf8mb4_unicode_520_ci"


def upgrade() -> None:
    op.create_table(
        "dramas",
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
        sa.UniqueConstraint("dense_index", name="uq_dramas_dense_index"),
        sa.Index("ix_dramas_revision", "revision"),
        sa.CheckConstraint("dense_index BETWEEN 1 AND 65535", name="ck_dramas_dense_index"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate=TEXT,
        if_not_exists=True,
    )
