"""What a test of the catalogue on real servers holds; the fixture `rig` makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
import redis.asyncio
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from typer.testing import Result

from domain.catalogue import Catalogue
from infra.catalogue.importing import Report, import_file
from infra.catalogue.publish import Published, publish
from infra.catalogue.reader import read_catalogue
from infra.catalogue.shelf import RedisShelf
from infra.settings import Settings
from tests.catalogue import a_file

Juliu = Callable[..., Result]  # `juliu catalogue ...` against a test's own stores


@dataclass
class Rig:
    """An empty MySQL database, migrated, and an empty Redis database."""

    settings: Settings
    engine: Engine
    redis: redis.Redis
    shelf: RedisShelf
    folder: Path

    def imports(self, *lines: Any, dry_run: bool = False) -> Report:
        """Import a file of these lines."""
        return import_file(self.engine, a_file(self.folder / "catalogue.jsonl", *lines), dry_run=dry_run)

    def publishes(self, *lines: Any, **how: Any) -> Published:
        """Import these lines, if any, and publish."""
        if lines:
            self.imports(*lines)
        return publish(self.engine, self.shelf, **how)

    def read(self) -> Catalogue:
        """What a process that starts now would hold."""

        async def read() -> Catalogue:
            async with redis.asyncio.Redis.from_url(self.settings.redis_url) as client:
                return await read_catalogue(client)

        return asyncio.run(read())

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Ask or tell MySQL."""
        with self.engine.begin() as connection:
            done = connection.execute(sa.text(statement), values)
            return [tuple(row) for row in done] if done.returns_rows else []
