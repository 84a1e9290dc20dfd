"""Episodes that have files of media jobs: the row is locked by who begins a job and by who decides to delete."""

from __future__ import annotations

import sqlalchemy as sa

from infra.mysql.tables import OPTIONS, metadata

media_episodes = sa.Table(
    "media_episodes",
    metadata,
    sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("episode_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("look_ms", sa.BigInteger, nullable=False, comment="when its files are looked through next"),
    sa.Column("until_ms", sa.BigInteger, nullable=False, comment="somebody does it until then; 0: nobody"),
    sa.Column("token", sa.BigInteger, nullable=False, comment="of who does it: grows with each"),
    sa.Column("tidied", sa.BigInteger, nullable=False, comment="how often files were deleted"),
    sa.Column("going", sa.JSON, comment="what is being deleted: no job begins meanwhile; null: nothing"),
    sa.Index("ix_media_episodes_look", "look_ms"),
    **OPTIONS,
)
