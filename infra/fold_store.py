"""The store behind a fold: fence and state of each partition, read as of one moment and changed in one step.

Used by both workers.  What a caller does with an error is its class: Wait (and its RebuildNeeded), NamespaceMoved,
Refused, StoreBroken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, cast

import redis.asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from domain import effects, keys

LUA = Path(__file__).parent / "lua"
CONNECT_S = 2.0
ANSWER_S = 5.0  # a run takes milliseconds; what takes this long is in doubt, and the fence will tell
CONNECTIONS = 64  # one a partition that is being applied, and a few

REBUILD = "rebuild"  # what is waited for, in place of a store, where Redis has to be made anew

Missing = dict[str, list[str]]  # key -> fields that a run needs
Values = Sequence[Sequence[str | Literal[False] | None]]  # None or False: the store has none


class Place(NamedTuple):
    """Where a partition stands: the namespace in use, and the last offset whose effects are in it (-1: none yet)."""

    namespace: int
    fence: int


class Applied(NamedTuple):
    """Whether all runs were applied, and the fence now.  Not done: somebody else moved it; nothing held is sound."""

    done: bool
    fence: int


class StoreError(Exception):
    """What a store says instead of doing it."""


class Wait(StoreError):
    """`store` does not answer, or cannot now.  What was asked may yet happen: wait, then begin again at the fence."""

    def __init__(self, store: str, why: object) -> None:
        super().__init__(f"{store}: {why!r}"[:300])
        self.store = store


class RebuildNeeded(Wait):
    """Redis has lost, or broken, what it keeps of a partition: wait, loudly, until `juliu rebuild redis` made it anew.

    Nothing is counted until then (the scripts refuse), and whoever opens the partition again begins where its fence
    says, as a new process would: decision 0011.
    """

    needs = "juliu rebuild redis"

    def __init__(self, why: str) -> None:
        super().__init__(REBUILD, why)
        self.args = (f"{why}: run `{self.needs}`",)


class FenceMissing(RebuildNeeded):
    """The fence or the namespace is not there.  It is made by `juliu migrate`, once, and never means "begin"."""


class FenceBroken(RebuildNeeded):
    """A script died half-way in this partition."""


class NamespaceMoved(StoreError):
    """Another namespace is in use: nothing changed; begin again at fence()."""


class Refused(StoreError):
    """The effects break a rule of the store; nothing changed.  A record that alone is refused is poison."""


class StoreBroken(StoreError):
    """A person has to come: stop the partition's process, loudly."""


class Broken(StoreBroken):
    """What is kept cannot be read, or a store went back."""


class FoldStore(Protocol):
    """One group's fences and the state behind them.  Every call may raise Wait, RebuildNeeded or Broken."""

    async def fence(self, p: int) -> Place:
        """The partition as it stands now."""

    async def read(self, p: int, namespace: int, missing: Missing) -> tuple[int, Values]:
        """The fence, and the values of `missing` in its order, as of one moment.  Raises NamespaceMoved."""

    async def apply(self, p: int, namespace: int, runs: list[effects.Run]) -> Applied:
        """Apply runs that continue each other, each once.

        A run that does not begin at fence + 1 changes nothing, and neither do those after it.  Raises NamespaceMoved
        and Refused; then the runs before the one that was refused may have been applied, so begin again at the fence.
        """


class RedisFoldStore:
    """Keeps the promises of FoldStore with infra/lua; `client` must give bytes, and bound its time (see connect).

    `pointer` tells the key that names the namespace: a rebuild has its own.
    """

    def __init__(self, client: aioredis.Redis, group: str, pointer: Callable[[int], str] = keys.namespace) -> None:
        self._redis, self._group, self._pointer = client, group, pointer
        self._apply = client.register_script((LUA / "apply.lua").read_text())
        self._read = client.register_script((LUA / "read.lua").read_text())

    async def fence(self, p: int) -> Place:
        """See FoldStore."""
        try:
            pointer = await self._redis.get(self._pointer(p))
            value = None if pointer is None else await self._redis.get(keys.fence(self._group, int(pointer), p))
        except (RedisError, OSError) as error:
            raise _meaning(error) from error
        return place(self._group, p, cast(bytes | None, pointer), cast(bytes | None, value))

    async def read(self, p: int, namespace: int, missing: Missing) -> tuple[int, Values]:
        """See FoldStore."""
        blob = effects.encode_blob([[key, *fields] for key, fields in missing.items()])
        try:
            fence, values = await self._read(keys=self._keys(p, namespace), args=[blob, str(namespace)])
        except (RedisError, OSError) as error:
            raise _meaning(error) from error
        return int(fence), effects.decode_blob(values) or []

    async def apply(self, p: int, namespace: int, runs: list[effects.Run]) -> Applied:
        """See FoldStore."""
        names, last = self._keys(p, namespace), str(namespace)
        calls = [(*names, *run.arguments(), last) for run in runs]
        try:
            answers = await self._evaluate(calls)
        except (RedisError, OSError) as error:
            raise _meaning(error) from error
        for answer in answers:
            if isinstance(answer, Exception):
                raise _meaning(answer) from answer
        return Applied(all(done for done, _ in answers), int(answers[-1][1]))

    async def _evaluate(self, calls: list[tuple[Any, ...]]) -> list[Any]:
        """One round trip.  The script is sent only where the server does not know it: nothing happened then."""
        for _ in range(2):
            pipe = self._redis.pipeline(transaction=False)
            for call in calls:
                pipe.evalsha(self._apply.sha, 2, *call)
            answers: list[Any] = await pipe.execute(raise_on_error=False)
            if not isinstance(answers[0], NoScriptError):
                return answers
            await self._redis.script_load(self._apply.script)
        return answers

    def _keys(self, p: int, namespace: int) -> list[str]:
        return [keys.fence(self._group, namespace, p), self._pointer(p)]


def connect(url: str) -> aioredis.Redis:
    """A client for a fold store: nothing is sent twice by itself, and every wait has an end."""
    pool = aioredis.BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=ANSWER_S,
        socket_timeout=ANSWER_S,
        socket_connect_timeout=CONNECT_S,
        retry=Retry(NoBackoff(), 0),
    )
    return aioredis.Redis.from_pool(pool)


def place(group: str, p: int, pointer: bytes | None, value: bytes | None) -> Place:
    """The place that the two strings tell.  Raises FenceMissing, FenceBroken."""
    if pointer is None or value is None:
        raise FenceMissing(f"fence of group {group}, partition {p} (namespace {pointer!r}), is missing")
    if value.startswith(b"broken"):
        raise FenceBroken(f"fence of group {group}, partition {p}, is {value!r}")
    return Place(int(pointer), int(value))


_WAITS = (
    ConnectionError, TimeoutError, OSError, OutOfMemoryError, ReadOnlyError, MasterDownError,
    ClusterDownError, TryAgainError, NoScriptError,
)  # fmt: skip
_WAIT_CODES = ("OOM", "MISCONF", "READONLY", "LOADING", "BUSY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN")
_MEANINGS: dict[str, type[StoreError]] = {
    "ELSEWHERE": NamespaceMoved, "NOFENCE": FenceMissing, "BROKEN": FenceBroken, "BAD": Refused,
}  # fmt: skip


def _meaning(error: Exception) -> StoreError:
    """What an error of the client or of a script means for the caller.

    Redis refuses for want of memory, disk or a master only before a script's first write, so those are Wait.  Any other
    answer (a wrong type, GAP) means that the partition, or this code, is not what it should be.
    """
    if isinstance(error, _WAITS):
        return Wait("redis", error)
    text = str(error)
    if isinstance(error, ResponseError) and text.startswith(_WAIT_CODES):
        return Wait("redis", error)
    return _MEANINGS.get(text.split(" ", 1)[0], Broken)(text[:300])
