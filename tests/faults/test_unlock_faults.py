"""Viewers buy while the API, the relay and MySQL are killed: every coin is accounted for, everywhere.

    UNLOCK_KILLS=100 .venv/bin/pytest tests/faults/test_unlock_faults.py

kills the API and the relay a hundred times each and MySQL ten times, under 10,000 operations; without it, a tenth.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.settings import Settings
from tests import unlock_arena
from tests.servers import own_home
from tests.unlock_arena import PRICE, VIEWERS, Arena, Buyers

KILLS = int(os.environ.get("UNLOCK_KILLS", "10"))
OPERATIONS = 100 * KILLS
AT_ONCE = 8
MYSQL_EVERY = 10  # kills of the API and the relay

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300 + 30 * KILLS)]


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    with own_home("unlock") as home, unlock_arena.running(
        home, tmp_path / "catalogue.jsonl", lambda: Settings(_env_file=home.local_env)  # type: ignore[call-arg]
    ) as one:  # fmt: skip
        yield one


async def kill(arena: Arena, buyers: Buyers, seed: int) -> None:
    """At random points of the buying: the API and the relay KILLS times each, MySQL a tenth as often."""
    rnd = random.Random(seed)
    points = sorted(rnd.sample(range(OPERATIONS), KILLS))
    for n, point in enumerate(points):
        while buyers.done < point:  # noqa: ASYNC110 - a count, not an event
            await asyncio.sleep(rnd.random() * 0.05)
        victims = ["api", "relay"] if rnd.random() < 0.5 else ["relay", "api"]
        for victim in victims + (["mysql"] if n % MYSQL_EVERY == MYSQL_EVERY // 2 else []):
            arena.kill(victim)
            await asyncio.sleep(rnd.random() * 0.2)


async def test_whoever_is_killed_every_coin_is_accounted_for(arena: Arena) -> None:
    for user_id in VIEWERS:
        arena.wallet.credit(user_id, 20 * PRICE, "to begin with", f"begin-{user_id}")
    with arena.client() as client:
        buyers = Buyers(arena, client, seed=1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(buyers.buy(OPERATIONS, AT_ONCE))
            tasks.create_task(kill(arena, buyers, seed=2))
    assert buyers.answered
    assert dict(buyers.answered) == arena.entitled()
    assert arena.assert_one_account() == sum(map(len, buyers.answered.values()))
