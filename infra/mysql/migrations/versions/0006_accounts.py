"""Viewers' coins."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("paid", sa.BigInteger, nullable=False, comment="coins bought"),
        sa.Column("bonus", sa.BigInteger, nullable=False, comment="coins given, spent first"),
        sa.Column("debt", sa.BigInteger, nullable=False, comment="what a refund took back after it was spent"),
        sa.Column("entry_no", sa.BigInteger, nullable=False, comment="of the latest ledger entry; 0: none"),
        sa.Column("paid_no", sa.BigInteger, nullable=False, comment="of the latest entry of each pot; 0: none"),
        sa.Column("bonus_no", sa.BigInteger, nullable=False),
        sa.Column("debt_no", sa.BigInteger, nullable=False),
        sa.Column("server_seq", sa.BigInteger, nullable=False, comment="of the latest event in the outbox; 0: none"),
        sa.Column("opened_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("paid >= 0 AND bonus >= 0 AND debt >= 0", name="ck_accounts_balance"),
        comment="a row's lock is the right to move this viewer's coins",
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
