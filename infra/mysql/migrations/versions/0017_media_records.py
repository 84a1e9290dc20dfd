"""What steps came to, on its way to the log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import VARBINARY

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "media_records",
        sa.Column("record_id", sa.BigInteger, primary_key=True),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("value", VARBINARY(8192), nullable=False, comment="the record of juliu.media"),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        comment="what waits to be sent; gone once it is",
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
