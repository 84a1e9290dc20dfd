"""A catalogue of a test's own: an empty MySQL database, migrated, and an empty Redis database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner, Result

from infra.catalogue.shelf import RedisShelf
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from juliu.commands.catalogue import app
from tests.catalogue_rig import Juliu, Rig


@pytest.fixture
def rig(fresh: Settings, tmp_path: Path) -> Iterator[Rig]:
    migrate(fresh)
    engine, shelf = engine_of(fresh, pool=10), RedisShelf.of(fresh)
    with redis.Redis.from_url(fresh.redis_url) as client:
        yield Rig(fresh, engine, client, shelf, tmp_path)
    shelf.close()
    engine.dispose()


@pytest.fixture
def juliu(rig: Rig) -> Juliu:
    """Run `juliu catalogue ...` against this test's own stores."""

    def run(*words: str, **environment: str) -> Result:
        settings = {
            "JULIU_MYSQL_URL": rig.settings.mysql_url.get_secret_value(),
            "JULIU_REDIS_URL": rig.settings.redis_url,
        }
        return CliRunner().invoke(app, list(words), env=settings | environment)

    return run
