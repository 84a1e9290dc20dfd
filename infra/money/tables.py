"""The tables of money.  Amounts are whole coins; times are milliseconds since 1970, UTC.

That a balance is the sum of its movements is a constraint: each entry of a pot begins, by foreign key, at the balance
that the one before it ended with, no two entries follow one, and each ends where its amount leads.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import VARBINARY

from infra.mysql.tables import CODE, OPTIONS, metadata

SHARDS = 64  # of the outbox: user_id % SHARDS


def _code(length: int) -> sa.String:
    return sa.String(length, collation=CODE)


accounts = sa.Table(
    "accounts",
    metadata,
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
    **OPTIONS,
)

ledger_entries = sa.Table(
    "ledger_entries",
    metadata,
    sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entry_no", sa.BigInteger, primary_key=True, autoincrement=False, comment="1, 2, ... of this viewer"),
    sa.Column("pot", _code(8), nullable=False, comment="paid, bonus, debt"),
    sa.Column("amount", sa.BigInteger, nullable=False, comment="what the pot gains and the counter account loses"),
    sa.Column("counter_account", _code(16), nullable=False, comment="sales, issued, promotion, refunds"),
    sa.Column("prev_no", sa.BigInteger, comment="of the entry of this pot before it; null: the first"),
    sa.Column("follows_no", sa.BigInteger, nullable=False, comment="prev_no, 0 for null: one entry follows one"),
    sa.Column("balance_before", sa.BigInteger, nullable=False),
    sa.Column("balance_after", sa.BigInteger, nullable=False),
    sa.Column("kind", _code(8), nullable=False, comment="credit, unlock, refund"),
    sa.Column("ref", _code(64), nullable=False, comment="of the credit; empty for an unlock"),
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
    sa.CheckConstraint("balance_after = balance_before + amount AND balance_after >= 0", name="ck_ledger_entries_sum"),
    sa.CheckConstraint(
        "COALESCE(prev_no, 0) = follows_no AND follows_no < entry_no AND (follows_no > 0 OR balance_before = 0)",
        name="ck_ledger_entries_before",
    ),
    comment="append-only, double entry",
    **OPTIONS,
)

credits_ = sa.Table(
    "credits",
    metadata,
    sa.Column("ref", _code(64), primary_key=True, comment="twice is once"),
    sa.Column("user_id", sa.BigInteger, nullable=False),
    sa.Column("pot", _code(8), nullable=False),
    sa.Column("coins", sa.BigInteger, nullable=False),
    sa.Column("why", sa.String(200), nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.CheckConstraint("coins > 0", name="ck_credits_coins"),
    **OPTIONS,
)

refunds = sa.Table(
    "refunds",
    metadata,
    sa.Column("order_id", _code(64), primary_key=True, comment="twice is once; the ref of its ledger entries"),
    sa.Column("user_id", sa.BigInteger, nullable=False),
    sa.Column("drama_id", sa.BigInteger, nullable=False),
    sa.Column("episode_no", sa.Integer, nullable=False, comment="0: the whole drama"),
    sa.Column("paid", sa.BigInteger, nullable=False, comment="paid coins that the unlock had cost"),
    sa.Column("bonus", sa.BigInteger, nullable=False),
    sa.Column("why", sa.String(200), nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.CheckConstraint("paid >= 0 AND bonus >= 0 AND paid + bonus > 0", name="ck_refunds_coins"),
    sa.Index("ix_refunds_unlock", "user_id", "drama_id", "episode_no"),
    comment="unlocks that were taken back",
    **OPTIONS,
)

entitlements = sa.Table(
    "entitlements",
    metadata,
    sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("drama_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("episode_no", sa.Integer, primary_key=True, autoincrement=False, comment="0: the whole drama"),
    sa.Column("until_ms", sa.BigInteger, nullable=False, comment="0: for ever"),
    sa.Column("coins", sa.BigInteger, nullable=False, comment="what was paid for it"),
    sa.Column("price_version", _code(64), nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.CheckConstraint("coins >= 0 AND episode_no >= 0", name="ck_entitlements_coins"),
    **OPTIONS,
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("idempotency_key", _code(64), primary_key=True),
    sa.Column("body_hash", VARBINARY(32), nullable=False, comment="SHA-256 of route and body"),
    sa.Column("answer", sa.JSON, nullable=False, comment="of a success"),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Index("ix_idempotency_keys_at_ms", "at_ms"),
    **OPTIONS,
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("user_id", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False, comment="of the viewer's session `server`: 1, 2, ..."),
    sa.Column("shard", sa.SmallInteger, nullable=False, comment="user_id % 64"),
    sa.Column("value", VARBINARY(4096), nullable=False, comment="the record of juliu.events"),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("published_ms", sa.BigInteger, comment="when Kafka had it; null: not yet"),
    sa.UniqueConstraint("user_id", "seq", name="uq_outbox_user_seq"),
    sa.Index("ix_outbox_shard", "shard", "published_ms", "id"),
    **OPTIONS,
)

outbox_leases = sa.Table(
    "outbox_leases",
    metadata,
    sa.Column("shard", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("owner", _code(64), nullable=False, comment="the relay that has it; empty: nobody yet"),
    sa.Column("until_ms", sa.BigInteger, nullable=False, comment="by the clock of this server"),
    sa.Column("epoch", sa.BigInteger, nullable=False, comment="grows with each owner"),
    **OPTIONS,
)
