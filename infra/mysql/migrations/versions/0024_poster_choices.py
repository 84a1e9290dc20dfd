"""Which poster candidate people chose for an episode."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    code = "utf8mb4_bin"
    op.create_table(
        "poster_choices",
        sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("episode_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column(
            "hash12", sa.String(12, collation=code), nullable=False, comment="the rendition whose candidate it is"
        ),
        sa.Column("number", sa.SmallInteger, nullable=False, comment="candidate, 0 the sharpest"),
        sa.Column("chosen_by", sa.String(64, collation=code), nullable=False, comment="staff id, or cli"),
        sa.Column("chosen_ms", sa.BigInteger, nullable=False, comment="milliseconds since 1970, UTC"),
        sa.ForeignKeyConstraint(["drama_id"], ["dramas.drama_id"], name="fk_poster_choices_drama"),
        comment="counts while the episode plays this rendition; else its sharpest candidate is shown",
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
