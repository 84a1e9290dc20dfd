"""Money under fire: a stack of its own, viewers who buy, processes that are killed, and the account at the end.

The servers are kept by `juliu up`; the API, the relay and both workers are this file's own children, so that they may
die as often as it takes.  What a viewer was answered, what MySQL has, and what was told to the log, ClickHouse and
Redis must be one and the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import redis
from sqlalchemy.engine import Engine

from domain import counters, keys
from domain.pricing import terms
from infra.local import stack as local_stack
from infra.local import state
from infra.local.home import Home
from infra.money.wallet import Wallet
from infra.mysql.engine import engine_of
from infra.settings import Settings
from ingest_api.auth import Scope, issue
from juliu.load import sql
from juliu.load.client import Client
from tests.catalogue import a_file, a_line
from tests.fold_worker import free_port
from tests.redis_server import until

DRAMAS, EPISODES, FREE, PRICE = range(1, 6), 20, 3, 10
VIEWERS = range(1, 101)
ON_THE_WAY_S = 120.0  # of what is told to the stores, on a machine that is busy with starting processes
PROCESSES = {
    "api": ("api",), "relay": ("relay",),
    "counters": ("stream", "counters"), "store": ("stream", "store"),
}  # fmt: skip
VERSION = terms(FREE, PRICE, EPISODES).version
SOLD_SQL = (
    "SELECT drama_id, count(), uniqExact(user_id, session_id, seq), uniqExact(user_id, episode_no),"
    " sum(paid_coins + bonus_coins) FROM events WHERE event_type = 'unlocked' GROUP BY drama_id"
)


class Arena:
    """Begin it with `running`.  `settings` point at its servers."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self.home, self.settings = home, settings
        self.engine: Engine = engine_of(settings)
        self.wallet = Wallet(self.engine, lambda: int(time.time() * 1000))
        self._ports = {name: free_port() for name in PROCESSES}
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start a process anew."""
        port = {"JULIU_API_PORT" if name == "api" else "JULIU_METRICS_PORT": str(self._ports[name])}
        environment = os.environ | {"JULIU_HOME": str(self.home.path), **port}
        with (self.home.path / f"{name}.txt").open("ab") as out:
            command = [sys.executable, "-m", "juliu", *PROCESSES[name]]
            self._children[name] = subprocess.Popen(command, env=environment, stdout=out, stderr=out)

    def kill(self, name: str) -> None:
        """kill -9, and start it again; `mysql` is started again by its supervisor."""
        if name == "mysql":
            known = state.read(self.home)
            process = known.programs["mysql"].process if known else None
            if process and process.alive():
                os.kill(process.pid, signal.SIGKILL)
            return
        self._children[name].kill()
        self._children[name].wait()
        self.start(name)

    def port(self, name: str) -> int:
        """Where a process listens."""
        return self._ports[name]

    def pid(self, name: str) -> int:
        """Of a process as it runs now."""
        return self._children[name].pid

    def stop(self) -> None:
        """End the processes."""
        for child in self._children.values():
            child.terminate()
        for child in self._children.values():
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.engine.dispose()

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Speaks to the API as any viewer, and asks again where it was not answered."""
        secret, now_s = self.settings.jwt_secret.get_secret_value(), int(time.time())
        with closing(
            Client("127.0.0.1", self._ports["api"], lambda user: issue(secret, user, Scope.VIEWER, now_s, 1))
        ) as one:
            yield one

    # -- the account -------------------------------------------------------------------------------------------------

    def checked(self) -> dict[str, Any]:
        """What `juliu ledger check --json` finds; it must find nothing wrong."""
        environment = os.environ | {"JULIU_HOME": str(self.home.path)}
        command = [sys.executable, "-m", "juliu", "ledger", "check", "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def entitled(self) -> dict[tuple[int, int], set[int]]:
        """(viewer, drama) -> episodes that are paid for."""
        found: dict[tuple[int, int], set[int]] = defaultdict(set)
        with self.engine.connect() as connection:
            for user_id, drama_id, episode_no in connection.exec_driver_sql(
                "SELECT user_id, drama_id, episode_no FROM entitlements"
            ):
                found[user_id, drama_id].add(episode_no)
        return dict(found)

    def in_redis(self) -> dict[int, int]:
        """Unlocks by drama, as everybody is shown them."""
        with redis.Redis.from_url(self.settings.redis_url) as client:
            rows: dict[bytes, bytes] = client.hgetall(keys.COUNTERS)  # type: ignore[assignment]
        found = {int(drama_id): counters.decode(row)["unlocks"] for drama_id, row in rows.items()}
        return {drama_id: unlocks for drama_id, unlocks in found.items() if unlocks}

    def in_clickhouse(self) -> dict[int, tuple[int, ...]]:
        """By drama: rows, identities, (viewer, episode)s, coins."""
        (rows,) = sql.ask(self.settings, SOLD_SQL)
        return {int(drama_id): tuple(map(int, numbers)) for drama_id, *numbers in rows.rows}

    def assert_one_account(self) -> int:
        """Entitlements in MySQL = rows in ClickHouse, each once = counters in Redis; how many there are."""
        self.checked()
        sold: dict[int, int] = defaultdict(int)
        for (_, drama_id), episodes in self.entitled().items():
            sold[drama_id] += len(episodes)
        wanted = {drama_id: (n, n, n, n * PRICE) for drama_id, n in sold.items()}
        until(lambda: self.in_clickhouse() == wanted, ON_THE_WAY_S, f"ClickHouse has {wanted}")
        until(lambda: self.in_redis() == dict(sold), ON_THE_WAY_S, f"Redis has {dict(sold)}")
        return sum(sold.values())


@contextmanager
def running(home: Home, catalogue: Path, settings_of: Callable[[], Settings]) -> Iterator[Arena]:
    """Servers, tables, five dramas and the four processes, until the end of the block."""
    local_stack.up(home, lambda _: None, processes=False)
    lines = [
        a_line(drama_id, EPISODES, free_first=FREE, price_coins=PRICE, title=f"drama {drama_id}") for drama_id in DRAMAS
    ]
    environment = os.environ | {"JULIU_HOME": str(home.path)}
    for arguments in (["migrate"], ["catalogue", "import", str(a_file(catalogue, *lines))]):
        command = [sys.executable, "-m", "juliu", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    arena = Arena(home, settings_of())
    try:
        for name in PROCESSES:
            arena.start(name)
        yield arena
    finally:
        arena.stop()


class Buyers:
    """Random operations of the viewers; `answered` is what they were told is theirs."""

    def __init__(self, arena: Arena, client: Client, seed: int) -> None:
        self._arena, self._client = arena, client
        self._random = random.Random(seed)
        self._asked: list[tuple[int, str, bytes, str]] = []
        self.answered: dict[tuple[int, int], set[int]] = defaultdict(set)
        self.refused = 0
        self.done = 0

    async def buy(self, operations: int, at_once: int) -> None:
        """So many operations, `at_once` at a time."""
        left = iter(range(operations))

        async def one_after_the_other() -> None:
            for n in left:
                await self._one(n)
                self.done += 1

        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(one_after_the_other())

    async def _one(self, n: int) -> None:
        kind = self._random.random()
        if kind < 0.1:
            user_id, coins = self._random.choice(VIEWERS), self._random.randrange(1, 6) * PRICE
            await asyncio.to_thread(self._credit, user_id, coins, f"ref-{n}")
        elif kind < 0.3 and self._asked:
            await self._unlock(*self._random.choice(self._asked))  # a tap again: the same key
        else:
            await self._unlock(*self._order(n))

    def _credit(self, user_id: int, coins: int, ref: str) -> None:
        from infra.money.unlocks import MoneyUnavailable

        end = time.monotonic() + ON_THE_WAY_S
        while True:
            try:
                self._arena.wallet.credit(user_id, coins, "test", ref)
                return
            except MoneyUnavailable:
                assert time.monotonic() < end, "MySQL does not come back"
                time.sleep(0.05)

    def _order(self, n: int) -> tuple[int, str, bytes, str]:
        user_id, drama_id = self._random.choice(VIEWERS), self._random.choice(DRAMAS)
        episode_no = self._random.randrange(FREE + 1, EPISODES + 1)
        path = f"/v1/dramas/{drama_id}/episodes/{episode_no}/unlock"
        self._asked.append((user_id, path, json.dumps({"price_version": VERSION}).encode(), f"key-{n}"))
        return self._asked[-1]

    async def _unlock(self, user_id: int, path: str, body: bytes, key: str) -> None:
        answer = await self._client.call(user_id, "POST", path, body, f"Idempotency-Key: {key}")
        assert answer.status in (200, 402), (answer.status, answer.body)
        if answer.status == 402:
            self.refused += 1
            return
        theirs = json.loads(answer.body)["entitlement"]
        self.answered[user_id, theirs["drama_id"]].add(theirs["episode_no"])
