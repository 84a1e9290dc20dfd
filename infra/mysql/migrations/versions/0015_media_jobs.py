"""Media jobs: a file on its way to an episode that plays."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def _code(length: int) -> sa.String:
    return sa.String(length, collation="utf8mb4_bin")


def upgrade() -> None:
    op.create_table(
        "media_jobs",
        sa.Column("job_id", sa.BigInteger, primary_key=True),
        sa.Column("kind", _code(16), nullable=False, comment="episode, drama, replacement"),
        sa.Column("drama_id", sa.BigInteger, nullable=False),
        sa.Column("episode_no", sa.Integer, nullable=False, comment="0: the drama"),
        sa.Column("source", _code(300), nullable=False, comment="key in storage, or a path"),
        sa.Column("title", sa.String(200, collation="utf8mb4_unicode_520_ci"), nullable=False),
        sa.Column("wechat", sa.Boolean, nullable=False, comment="also for the mini-program"),
        sa.Column("state", _code(16), nullable=False, comment="active, done, rejected, failed, cancelled"),
        sa.Column(
            "active", sa.SmallInteger, comment="1 while the state is active, else null: one at a time by uniqueness"
        ),
        sa.Column("content_hash", _code(64), nullable=False, comment="SHA-256 in hex; empty: not known yet"),
        sa.Column("rounds", sa.Integer, nullable=False, comment="how often a person has said: again"),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("drama_id", "episode_no", "active", name="uq_media_jobs_active"),
        sa.CheckConstraint("COALESCE(active, 0) = (state = 'active')", name="ck_media_jobs_active"),
        comment="a row's lock is the right to end a step of the job",
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
    # a statement of its own, whatever create_table looks like: it may have been broken off before it, or after it
    if "ix_media_jobs_state" not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("media_jobs")}:
        op.create_index("ix_media_jobs_state", "media_jobs", ["state", "job_id"])
