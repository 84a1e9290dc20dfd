"""Which poster candidate people chose for an episode."""

from __future__ import annotations

import sqlalchemy as sa

from infra.mysql.tables import CODE, OPTIONS, metadata

poster_choices = sa.Table(
    "poster_choices",
    metadata,
    sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("episode_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hash12", sa.String(12, collation=CODE), nullable=False, comment="the rendition whose candidate it is"),
    sa.Column("number", sa.SmallInteger, nullable=False, comment="candidate, 0 the sharpest"),
    sa.Column("chosen_by", sa.String(64, collation=CODE), nullable=False, comment="staff id, or cli"),
    sa.Column("chosen_ms", sa.BigInteger, nullable=False, comment="milliseconds since 1970, UTC"),
    sa.ForeignKeyConstraint(["drama_id"], ["dramas.drama_id"], name="fk_poster_choices_drama"),
    comment="counts while the episode plays this rendition; else its sharpest candidate is shown",
    **OPTIONS,
)
