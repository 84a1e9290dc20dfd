"""Every movement of coins, chained."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("entry_no", sa.BigInteger, primary_key=True, autoincrement=False, comment="1, 2, ... of this viewer"),
        sa.Column("pot", sa.String(8, collation="utf8mb4_bin"), nullable=False, comment="paid, bonus, debt"),
        sa.Column("amount", sa.BigInteger, nullable=False, comment="what the pot gains and the counter account loses"),
        sa.Column(
            "counter_account",
            sa.String(16, collation="utf8mb4_bin"),
            nullable=False,
            comment="sales, issued, promotion, refunds",
        ),
        sa.Column("prev_no", sa.BigInteger, comment="of the entry of this pot before it; null: the first"),
        sa.Column("follows_no", sa.BigInteger, nullable=False, comment="prev_no, 0 for null: one entry follows one"),
        sa.Column("balance_before", sa.BigInteger, nullable=False),
        sa.Column("balance_after", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(8, collation="utf8mb4_bin"), nullable=False, comment="credit, unlock, refund"),
        sa.Column(
            "ref", sa.String(64, collation="utf8mb4_bin"), nullable=False, comment="of the credit; empty for an unlock"
        ),
        sa.Column("drama_id", sa.BigInteger, nullable=False, comment="what it was spent on; 0: nothing"),
        sa.Column("episode_no", sa.Integer, nullable=False, comment="0: the whole drama, or nothing"),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("user_id", "pot", "entry_no", "balance_after", name="uq_ledger_entries_end"),
        sa.UniqueConstraint("user_id", "pot", "follows_no", name="uq_ledger_entries_follows"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.user_id"], name="fk_ledger_entries_account"),
        sa.ForeignKeyConstraint(
            ["user_id", "pot", "prev_no", "balance_before"],
            ["ledger_entries.user_id", "ledger_entries.pot", "ledger_entries.entry_no", "ledger_entries.balance_after"],
            name="fk_ledger_entries_before",
        ),
        sa.CheckConstraint("amount <> 0", name="ck_ledger_entries_amount"),
        sa.CheckConstraint(
            "balance_after = balance_before + amount AND balance_after >= 0", name="ck_ledger_entries_sum"
        ),
        sa.CheckConstraint(
            "COALESCE(prev_no, 0) = follows_no AND follows_no < entry_no AND (follows_no > 0 OR balance_before = 0)",
            name="ck_ledger_entries_before",
        ),
        comment="append-only, double entry",
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_520_ci",
        if_not_exists=True,
    )
