"""The steps of media jobs, and who works at them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def _code(length: int) -> sa.String:
    return sa.String(length, collation="utf8mb4_bin")


def upgrade() -> None:
    op.create_table(
        "media_steps",
        sa.Column("job_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("step", _code(16), primary_key=True),
        sa.Column("state", _code(16), nullable=False, comment="waiting, ready, leased, done, failed, cancelled"),
        sa.Column("attempt", sa.Integer, nullable=False, comment="of this round, 1, 2, ...; 0: not begun"),
        sa.Column("due_ms", sa.BigInteger, comment="ready: not before; leased: until then; null: not to be leased"),
        sa.Column("owner", _code(64), nullable=False, comment="the worker of the latest lease"),
        sa.Column(
            "token", sa.BigInteger, nullable=False, comment="of the latest lease: grows with each, and with a retry"
        ),
        sa.Column("progress_permille", sa.SmallInteger, nullable=False),
        sa.Column("failure", _code(16), nullable=False, comment="mend, again, give_up; empty: none"),
        sa.Column("reason", _code(64), nullable=False),
        sa.Column(
            "text",
            sa.String(500, collation="utf8mb4_unicode_520_ci"),
            nullable=False,
            comment="what a person should do",
        ),
        sa.Column("facts", sa.JSON, nullable=False, comment="what later steps and later attempts need to know"),
        sa.Column("ready_ms", sa.BigInteger, comment="since when this attempt could begin"),
        sa.Column("first_ms", sa.BigInteger, comment="when the first attempt of this round began"),
        sa.Column("started_ms", sa.BigInteger, comment="when this attempt began"),
        sa.Column("finished_ms", sa.BigInteger),
        sa.Column("cpu_ms", sa.BigInteger, nullable=False, comment="of all attempts"),
        sa.ForeignKeyConstraint(["job_id"], ["media_jobs.job_id"], name="fk_media_steps_job"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
    # a statement of its own, whatever create_table looks like: it may have been broken off before it, or after it
    if "ix_media_steps_due" not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("media_steps")}:
        op.create_index("ix_media_steps_due", "media_steps", ["step", "due_ms"])
