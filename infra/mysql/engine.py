"""Connections to MySQL: one pool a process, every wait bounded, READ COMMITTED, UTC, strict."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from infra.settings import Settings

SESSION = (
    "SET SESSION time_zone='+00:00', innodb_lock_wait_timeout={lock_wait_s}, group_concat_max_len=4194304, sql_mode='"
    "STRICT_TRANS_TABLES,ONLY_FULL_GROUP_BY,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
)


def engine_of(settings: Settings, *, pool: int = 5, answer_s: int = 30) -> Engine:
    """An engine with at most 2 * `pool` connections, whose statements may take `answer_s`; connects when first used."""
    return sa.create_engine(
        sa.make_url(settings.mysql_url.get_secret_value()),
        isolation_level="READ COMMITTED",
        pool_size=pool,
        max_overflow=pool,
        pool_timeout=5,
        pool_recycle=1_800,
        pool_pre_ping=True,
        hide_parameters=True,  # an error names the statement, not the viewer's data
        connect_args={
            "charset": "utf8mb4",
            "connect_timeout": 5,
            "read_timeout": answer_s,
            "write_timeout": answer_s,
            "init_command": SESSION.format(lock_wait_s=max(1, min(15, answer_s // 2))),  # told before answer_s is over
        },
    )
