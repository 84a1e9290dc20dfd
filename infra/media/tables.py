"""The tables of media jobs.  Times are milliseconds since 1970, UTC."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import VARBINARY

from infra.mysql.tables import CODE, OPTIONS, TEXT, metadata


def _code(length: int) -> sa.String:
    return sa.String(length, collation=CODE)


media_jobs = sa.Table(
    "media_jobs",
    metadata,
    sa.Column("job_id", sa.BigInteger, primary_key=True),
    sa.Column("kind", _code(16), nullable=False, comment="episode, drama, replacement"),
    sa.Column("drama_id", sa.BigInteger, nullable=False),
    sa.Column("episode_no", sa.Integer, nullable=False, comment="0: the drama"),
    sa.Column("source", _code(300), nullable=False, comment="key in storage, or a path"),
    sa.Column("title", sa.String(200, collation=TEXT), nullable=False),
    sa.Column("wechat", sa.Boolean, nullable=False, comment="also for the mini-program"),
    sa.Column("state", _code(16), nullable=False, comment="active, done, rejected, failed, cancelled"),
    sa.Column("active", sa.SmallInteger, comment="1 while the state is active, else null: one at a time by uniqueness"),
    sa.Column("content_hash", _code(64), nullable=False, comment="SHA-256 in hex; empty: not known yet"),
    sa.Column("rounds", sa.Integer, nullable=False, comment="how often a person has said: again"),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("drama_id", "episode_no", "active", name="uq_media_jobs_active"),
    sa.Index("ix_media_jobs_state", "state", "job_id"),
    sa.CheckConstraint("COALESCE(active, 0) = (state = 'active')", name="ck_media_jobs_active"),
    comment="a row's lock is the right to end a step of the job",
    **OPTIONS,
)

media_steps = sa.Table(
    "media_steps",
    metadata,
    sa.Column("job_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("step", _code(16), primary_key=True),
    sa.Column("state", _code(16), nullable=False, comment="waiting, ready, leased, done, failed, cancelled"),
    sa.Column("attempt", sa.Integer, nullable=False, comment="of this round, 1, 2, ...; 0: not begun"),
    sa.Column("due_ms", sa.BigInteger, comment="ready: not before; leased: until then; null: not to be leased"),
    sa.Column("owner", _code(64), nullable=False, comment="the worker of the latest lease"),
    sa.Column("token", sa.BigInteger, nullable=False, comment="of the latest lease: grows with each, and with a retry"),
    sa.Column("progress_permille", sa.SmallInteger, nullable=False),
    sa.Column("failure", _code(16), nullable=False, comment="mend, again, give_up; empty: none"),
    sa.Column("reason", _code(64), nullable=False),
    sa.Column("text", sa.String(500, collation=TEXT), nullable=False, comment="what a person should do"),
    sa.Column("facts", sa.JSON, nullable=False, comment="what later steps and later attempts need to know"),
    sa.Column("ready_ms", sa.BigInteger, comment="since when this attempt could begin"),
    sa.Column("first_ms", sa.BigInteger, comment="when the first attempt of this round began"),
    sa.Column("started_ms", sa.BigInteger, comment="when this attempt began"),
    sa.Column("finished_ms", sa.BigInteger),
    sa.Column("cpu_ms", sa.BigInteger, nullable=False, comment="of all attempts"),
    sa.ForeignKeyConstraint(["job_id"], ["media_jobs.job_id"], name="fk_media_steps_job"),
    sa.Index("ix_media_steps_due", "step", "due_ms"),
    **OPTIONS,
)

media_records = sa.Table(
    "media_records",
    metadata,
    sa.Column("record_id", sa.BigInteger, primary_key=True),
    sa.Column("job_id", sa.BigInteger, nullable=False),
    sa.Column("value", VARBINARY(8192), nullable=False, comment="the record of juliu.media"),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    comment="what waits to be sent; gone once it is",
    **OPTIONS,
)
