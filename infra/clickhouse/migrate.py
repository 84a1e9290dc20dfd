"""Bring the schema of ClickHouse up to date: numbered files, one statement each, written down once applied."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from clickhouse_migrations.clickhouse_cluster import ClickhouseCluster

from infra.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(settings: Settings) -> list[int]:
    """Apply what is pending, making the database first; the versions that were applied.  Safe to repeat.

    A file that was edited after it was applied is refused (MigrationException): write a new one.
    """
    applied = _cluster(settings).migrate(
        settings.clickhouse_database,
        MIGRATIONS,
        multi_statement=False,
        migration_log_format="compact",
        variables={"ENGINE_PREFIX": settings.clickhouse_engine_prefix},
    )
    return [migration.version for migration in applied]


def _cluster(settings: Settings) -> ClickhouseCluster:
    url = urlsplit(settings.clickhouse_url)
    secure = url.scheme == "https"
    prefix = settings.clickhouse_engine_prefix
    return ClickhouseCluster(
        db_host=url.hostname or "127.0.0.1",
        db_port=str(url.port or (8443 if secure else 8123)),
        db_user=settings.clickhouse_user,
        db_password=settings.clickhouse_password.get_secret_value(),
        db_name=settings.clickhouse_database,
        secure=secure,
        driver="clickhouse-connect",
        migrations_table_engine=f"{prefix}MergeTree" if prefix else None,
    )
