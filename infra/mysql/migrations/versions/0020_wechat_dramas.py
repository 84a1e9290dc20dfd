"""Dramas and episodes on WeChat's side."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

CODE, TEXT = "utf8mb4_bin", "utf8mb4_unicode_520_ci"
OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": TEXT,
    "if_not_exists": True,
}


def upgrade() -> None:
    op.create_table(
        "wechat_dramas",
        sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column(
            "record_number", sa.String(64, collation=CODE), nullable=False, comment="备案号, or that of the licence"
        ),
        sa.Column("ticked_by", sa.String(64, collation=CODE), nullable=False, comment="saw the number in the opening"),
        sa.Column("ticked_ms", sa.BigInteger, nullable=False, comment="0: nobody has; a changed number takes it away"),
        sa.Column("dossier", sa.JSON, nullable=False, comment="domain.media.wechat_drama.Dossier"),
        sa.Column("platform_id", sa.BigInteger, comment="the drama_id that WeChat gave; null: never submitted"),
        sa.Column(
            "audit",
            sa.SmallInteger,
            nullable=False,
            comment="0 not submitted, 1 pending, 2 rejected, 3 passed, 4 refill; only 3 plays",
        ),
        sa.Column("audit_note", sa.String(500, collation=TEXT), nullable=False, comment="what a person should do"),
        sa.Column("submitted_ms", sa.BigInteger, nullable=False, comment="0: never"),
        sa.Column("audited_ms", sa.BigInteger, nullable=False, comment="when it was last asked for"),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("platform_id", name="uq_wechat_dramas_platform"),
        sa.ForeignKeyConstraint(["drama_id"], ["dramas.drama_id"], name="fk_wechat_dramas_drama"),
        **OPTIONS,
    )
    op.create_table(
        "wechat_episodes",
        sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("episode_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("media_id", sa.BigInteger, nullable=False, comment="what is, or is to be, in the drama on WeChat"),
        sa.Column("next_media_id", sa.BigInteger, nullable=False, comment="what is to take its place; 0: nothing"),
        sa.Column(
            "title", sa.String(200, collation=TEXT), nullable=False, comment="that the newest was uploaded under"
        ),
        sa.Column("made_ms", sa.BigInteger, nullable=False, comment="when the job of the newest was submitted"),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("media_id", name="uq_wechat_episodes_media"),
        **OPTIONS,
    )
