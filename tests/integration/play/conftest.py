"""The API in process on real servers, and a catalogue of the one drama that the test's module describes (`line`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from pydantic import SecretStr

from infra import namespaces
from infra.catalogue.shelf import RedisShelf
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate as migrate_mysql
from infra.settings import Settings
from tests.builders import SECRET, TICKET_SECRET
from tests.catalogue_rig import Rig
from tests.served import served

SEALING = "seals-keys-0123456789-abcdefghijklm"


@pytest.fixture
def settings(fresh: Settings, tmp_path: Path) -> Settings:
    """MySQL migrated, namespaces made, a folder for videos."""
    secrets = {"jwt_secret": SECRET, "ticket_secret": TICKET_SECRET, "media_key_secret": SEALING}
    ours = {name: SecretStr(value) for name, value in secrets.items()} | {"media_root": str(tmp_path / "media")}
    made = fresh.model_copy(update=ours)
    migrate_mysql(made)
    namespaces.create(made)
    return made


@pytest.fixture
def rig(settings: Settings, tmp_path: Path, line: dict[str, Any]) -> Iterator[Rig]:
    """The drama, published."""
    with redis.Redis.from_url(settings.redis_url) as client:
        made = Rig(settings, engine_of(settings), client, RedisShelf.of(settings), tmp_path)
        made.publishes(line)
        yield made
        made.engine.dispose()
        made.shelf.close()


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """Asks as nobody."""
    async with served(rig.settings) as client:
        yield client
