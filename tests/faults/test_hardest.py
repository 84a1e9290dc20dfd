"""Six of the hardest faults, at 20,000 events each: nothing lost, nothing double, every number right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from juliu.faults import arena as arenas
from juliu.faults.arena import Arena
from juliu.faults.matrix import faults
from juliu.faults.results import Run
from juliu.faults.run import play
from tests.servers import own_home

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
EVENTS, SEED = 20_000, 1
HARDEST = ("F2", "F4", "F6", "F21", "F25", "F29")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def arena() -> AsyncIterator[Arena]:
    """One for all of them: each begins an empty world in it."""
    with own_home("faults") as home:
        async with arenas.opened(home) as arena:
            yield arena


@pytest.mark.parametrize("name", HARDEST)
async def test_every_event_counts_once(arena: Arena, name: str, tmp_path: Path) -> None:
    found = await play(arena, faults()[name], Run(name, SEED, EVENTS, "test"), tmp_path, lambda _: None)
    assert found.problems == []
    assert (found.lost, found.double, found.counters_wrong) == (0, 0, 0)
    assert found.sent >= EVENTS
    assert found.ok
