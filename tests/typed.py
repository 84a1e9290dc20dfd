"""What an operator types: a command of juliu against the databases of a test."""

from __future__ import annotations

import os
import subprocess
import sys

from infra.settings import Settings


def typed(settings: Settings, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`juliu WORDS`, to its end; `more` are environment variables."""
    ours = {"JULIU_CLICKHOUSE_DATABASE": settings.clickhouse_database, "JULIU_REDIS_URL": settings.redis_url}
    return subprocess.run(
        [sys.executable, "-m", "juliu", *words],
        env={**os.environ, **ours, **more}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
