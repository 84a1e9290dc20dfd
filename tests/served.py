"""The API in process on real servers with a catalogue and nothing else, for tests of what viewers are served."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import redis
from pydantic import SecretStr

from infra import namespaces
from infra.catalogue.shelf import RedisShelf
from infra.clickhouse.migrate import migrate as migrate_clickhouse
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate as migrate_mysql
from infra.settings import Settings
from ingest_api.app import create_app
from tests.builders import SECRET
from tests.catalogue import a_line
from tests.catalogue_rig import Rig
from tests.watch_rows import DRAMA_OF

DRAMAS = 40  # of a catalogue that says nothing else


def made(fresh: Settings) -> Settings:
    """Settings under which everything is made, with nothing in it."""
    ours = fresh.model_copy(update={"jwt_secret": SecretStr(SECRET)})
    migrate_mysql(ours)
    migrate_clickhouse(ours)
    namespaces.create(ours)
    return ours


@contextmanager
def catalogued(settings: Settings, folder: Path, dramas: int) -> Iterator[Rig]:
    """A catalogue of `dramas` in eight categories; ids and dense indexes differ by DRAMA_OF."""
    with redis.Redis.from_url(settings.redis_url) as client:
        rig = Rig(settings, engine_of(settings), client, RedisShelf.of(settings), folder)
        rig.publishes(*(a_line(DRAMA_OF + index, category=f"c{index % 8}") for index in range(1, dramas + 1)))
        yield rig
        rig.engine.dispose()
        rig.shelf.close()


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the API as nobody."""
    app = create_app(settings)
    caller = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")
    async with app.router.lifespan_context(app), caller as client:
        yield client
