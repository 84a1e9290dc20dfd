"""The API in process on real servers with a catalogue of DRAMAS dramas and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from infra.settings import Settings
from tests.catalogue_rig import Rig
from tests.served import DRAMAS, catalogued, made, served


@pytest.fixture
def settings(fresh: Settings) -> Settings:
    return made(fresh)


@pytest.fixture
def rig(settings: Settings, tmp_path: Path) -> Iterator[Rig]:
    with catalogued(settings, tmp_path, DRAMAS) as one:
        yield one


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """The API; `api.get` asks as nobody."""
    async with served(rig.settings) as client:
        yield client
