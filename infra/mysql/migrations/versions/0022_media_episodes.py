"""Which episodes' files are looked through when, and what of them is being deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_table(
        "media_episodes",
        sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("episode_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("look_ms", sa.BigInteger, nullable=False, comment="when its files are looked through next"),
        sa.Column("until_ms", sa.BigInteger, nullable=False, comment="somebody does it until then; 0: nobody"),
        sa.Column("token", sa.BigInteger, nullable=False, comment="of who does it: grows with each"),
        sa.Column("tidied", sa.BigInteger, nullable=False, comment="how often files were deleted"),
        sa.Column("going", sa.JSON, comment="what is being deleted: no job begins meanwhile; null: nothing"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
    # statements of their own: it may have been broken off between them
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("media_episodes")}
    if "ix_media_episodes_look" not in there:
        op.create_index("ix_media_episodes_look", "media_episodes", ["look_ms"])
    op.execute(
        "INSERT IGNORE INTO media_episodes (drama_id, episode_no, look_ms, until_ms, token, tidied, going)"
        " SELECT DISTINCT drama_id, episode_no, 0, 0, 0, 0, NULL FROM media_jobs WHERE episode_no > 0"
    )
