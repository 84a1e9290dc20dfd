"""Namespaces while one is made in place of another: who is at work, the numbers, the switch, what is left over.

A number is never used twice: it is above every one that is known, and above the clock's milliseconds, so that after a
loss of all pointers no zombie of before can hold it.  What was written counts only if the server lived through all of
it: one that was started anew, or another one, may have forgotten a part (tests/model/rebuilds.py).
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, cast

import redis
from redis.exceptions import RedisError

from domain import keys
from infra.namespaces import GROUPS
from juliu.rebuild.refused import Refused

LOCK_MS, RENEW_S = 30_000, 5.0
PAGE = 1_000  # keys of one look, and of one removal
HALF = 1.0  # pause after each page, in times of what it took: Redis has at least half of its time for others

# KEYS lock; ARGV who, life
RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
# KEYS lock; ARGV who
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
# The life of this server: another after a restart, and on another server.
LIFE = "string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')"
# KEYS marker; ARGV the new number.  Answers the life of this server.
BEGIN = f"""
redis.call('SET', KEYS[1], ARGV[1])
return {LIFE}
"""
# KEYS marker, pointer, fences of the new namespace; ARGV the new number, the pointer as it was ('' for none), the life
# of the server when it was begun.  Answers what is wrong, or ''.
SWITCH = f"""
local pointer = redis.call('GET', KEYS[2]) or ''
if pointer == ARGV[1] then return '' end -- the answer was lost, and this is asked again
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'what was written is gone, or another rebuild is at work' end
if {LIFE} ~= ARGV[3] then return 'Redis was started anew meanwhile and may have forgotten some of what was written' end
if pointer ~= ARGV[2] then return 'the namespace in use is another one meanwhile: ' .. pointer end
for i = 3, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then return 'its fence is gone: ' .. KEYS[i] end
end
redis.call('SET', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[1])
return ''
"""


class Lost(Refused):
    """Redis lost who is at work (a FLUSHALL, a failover): begin again."""


class Lock:
    """One rebuild at a time.  A context manager; beat() raises Lost when it is not ours any more."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis, self._me = client, uuid.uuid4().hex
        self._lost = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="rebuild lock", daemon=True)

    def __enter__(self) -> Lock:
        if not self._redis.set(keys.REBUILD_LOCK, self._me, px=LOCK_MS, nx=True):
            raise Refused(f"another rebuild is at work; one that was killed is forgotten after {LOCK_MS // 1000} s")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(RENEW_S)
        try:
            self._redis.eval(RELEASE, 1, keys.REBUILD_LOCK, self._me)
        except RedisError:
            if kind is None:
                raise

    def beat(self) -> None:
        """Whether it is still ours, as of a moment ago."""
        if self._lost:
            raise Lost(self._lost)

    def _renew(self) -> None:
        last = time.monotonic()
        while not self._over.wait(RENEW_S):
            try:
                if not self._redis.eval(RENEW, 1, keys.REBUILD_LOCK, self._me, str(LOCK_MS)):
                    self._lost = "Redis was emptied or put back while this rebuild wrote to it: begin again"
                    return
                last = time.monotonic()
            except RedisError as error:
                if time.monotonic() - last > LOCK_MS / 1000:
                    self._lost = f"Redis does not answer: {error}"
                    return


def pointers(client: redis.Redis, partitions: Iterable[int]) -> dict[int, int | None]:
    """The namespace in use of each partition; None where it is lost."""
    wanted = list(partitions)
    found = cast(list[bytes | None], client.mget([keys.namespace(p) for p in wanted]))
    return {p: None if value is None else int(value) for p, value in zip(wanted, found, strict=True)}


class Begun(NamedTuple):
    """The number of a new namespace, and the life of the server that it was begun in."""

    number: int
    life: str


def begin(client: redis.Redis, partitions: Iterable[int], asked: int = 0) -> dict[int, Begun]:
    """A new namespace for each partition, its number written down before anything is written under it.

    `asked` is the one that is wanted, 0 for any.  Raises Refused where it is not above one that was used.
    """
    wanted = list(partitions)
    marks = cast(list[bytes | None], client.mget([keys.rebuilding(p) for p in wanted]))
    used = pointers(client, wanted)
    new = {
        p: max(int(time.time() * 1000), (used[p] or 0) + 1, int(mark or 0) + 1)
        for p, mark in zip(wanted, marks, strict=True)
    }
    if asked:
        if taken := [p for p, mark in zip(wanted, marks, strict=True) if asked <= max(used[p] or 0, int(mark or 0))]:
            raise Refused(f"namespace {asked} is not above those in use of partitions {taken}")
        if full := [p for p in wanted if _has_keys(client, p, asked)]:
            raise Refused(f"namespace {asked} holds keys already, of partitions {full}: they would count as new")
        new = dict.fromkeys(wanted, asked)
    return {p: Begun(number, _begin(client, p, number)) for p, number in new.items()}


def _has_keys(client: redis.Redis, p: int, number: int) -> bool:
    """Whether it was used before a loss of the pointer: every namespace has some of these."""
    fences = [keys.fence(group, number, p) for group in GROUPS]
    return bool(client.exists(*fences, keys.block_format(number, p), keys.counters_part(number, p)))


def _begin(client: redis.Redis, p: int, number: int) -> str:
    return cast(bytes, client.eval(BEGIN, 1, keys.rebuilding(p), str(number))).decode()


def unfinished(client: redis.Redis, partitions: Iterable[int]) -> bool:
    """Whether an earlier rebuild was killed before it switched."""
    return bool(client.exists(*(keys.rebuilding(p) for p in partitions)))


def switch(client: redis.Redis, p: int, new: Begun, before: int | None) -> None:
    """Readers and workers of the partition use the new namespace from now on; nobody can go back to the old one.

    Raises Lost; then nothing changed.
    """
    fences = [keys.fence(group, new.number, p) for group in GROUPS]
    names = [keys.rebuilding(p), keys.namespace(p), *fences]
    was = "" if before is None else str(before)
    wrong: Any = client.eval(SWITCH, len(names), *names, str(new.number), was, new.life)
    if wrong:
        raise Lost(f"partition {p} stays where it is: {wrong.decode()}")
    if before is not None:
        client.unlink(*(keys.fence(group, before, p) for group in GROUPS))


def sweep(client: redis.Redis, partitions: Iterable[int]) -> int:
    """Remove the keys of these partitions' namespaces that are not in use, a page at a time; how many there were.

    Of a partition whose pointer is lost nothing is known, so all of it stays; and so does a number above those that
    are known at the beginning: whoever sweeps may have slept, and a later rebuild be at work, or in use, meanwhile.
    Takes at most about half of Redis's time.
    """
    known = _known(client, partitions)
    cursor, removed = 0, 0
    while True:
        began = time.monotonic()
        cursor, page = cast(tuple[int, list[bytes]], client.scan(cursor, count=PAGE))
        gone = [key for key in page if _is_gone(key, known)]
        if gone:
            pipe = client.pipeline(transaction=False)
            for key in gone:  # one by one: in a cluster they lie on different servers
                pipe.unlink(key)
            pipe.execute()
            removed += len(gone)
        if not cursor:
            return removed
        if gone:
            time.sleep(HALF * (time.monotonic() - began))


class _Known(NamedTuple):
    """The namespace in use, and the highest number that was ever begun."""

    used: int
    highest: int


def _known(client: redis.Redis, partitions: Iterable[int]) -> dict[int, _Known]:
    wanted = list(partitions)
    marks = cast(list[bytes | None], client.mget([keys.rebuilding(p) for p in wanted]))
    used = pointers(client, wanted)
    return {
        p: _Known(number, max(number, int(mark or 0)))
        for (p, number), mark in zip(used.items(), marks, strict=True)
        if number is not None
    }


def _is_gone(key: bytes, known: Mapping[int, _Known]) -> bool:
    of = keys.namespace_of(key.decode(errors="replace"))
    return of is not None and of[0] in known and of[1] != known[of[0]].used and of[1] <= known[of[0]].highest
