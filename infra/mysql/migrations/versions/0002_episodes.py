"""Episodes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "episodes",
        sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("episode_no", sa.Integer, primary_key=True, autoincrement=False, comment="1, 2, ... without gaps"),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column(
            "media_path",
            sa.String(300, collation="utf8mb4_bin"),
            nullable=False,
            comment="empty while there is no video",
        ),
        sa.ForeignKeyConstraint(["drama_id"], ["dramas.drama_id"], name="fk_episodes_drama"),
        sa.CheckConstraint("episode_no >= 1", name="ck_episodes_episode_no"),
        sa.CheckConstraint("duration_ms >= 1000", name="ck_episodes_duration_ms"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
