"""Where versions of recommendations are put for the feed, and the pointer to the one that is served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, cast

import redis

from domain import keys
from domain.recommendations import Version
from infra.settings import Settings

ANSWER_S = 10.0
KEYS_AT_ONCE = 500

# KEYS current, previous, unread, lock; ARGV the version expected ("" = none), the new one, whose the lock must be
SWITCH = """
if (redis.call('GET', KEYS[4]) or '') ~= ARGV[3] then return 0 end
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[3], redis.call('GET', KEYS[2]) or '')
redis.call('SET', KEYS[2], ARGV[1])
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
# KEYS current, previous; ARGV what they must be.  Who publishes meanwhile finds that out by SWITCH.
ROLL_BACK = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[1])
return 1
"""
# KEYS lock; ARGV whose it must be, its life in seconds
RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end return 0"
# KEYS lock; ARGV whose it must be
UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Pointers(NamedTuple):
    """Texts as they stand in the store, "" for none; they should be versions."""

    current: str
    previous: str
    unread: str


class RecommendationStore(Protocol):
    """What is put counts for readers once `switch` moves the pointer.  Calls raise redis.RedisError."""

    def lock(self, owner: str, life_s: int) -> bool:
        """Be the only one who trains, for so long; False where somebody is."""

    def renew(self, owner: str, life_s: int) -> bool:
        """Keep the lock for so long from now on; False where it is not ours any more."""

    def unlock(self, owner: str) -> None:
        """Let others train, if the lock is still ours."""

    def pointers(self) -> Pointers:
        """The pointers as they stand."""

    def stage(self, version: Version) -> None:
        """Note, before anything of it is written, that nobody reads this version yet: if we die it is cleared up."""

    def put_blocks(self, version: Version, blocks: Mapping[int, bytes]) -> None:
        """Put some blocks of viewers' lists."""

    def put_lists(self, version: Version, lists: Mapping[int, bytes]) -> None:
        """Put some dramas' lists, by dense index."""

    def put_meta(self, version: Version, meta: bytes) -> None:
        """Put what the version is."""

    def block(self, version: Version, number: int) -> bytes | None:
        """A block as it is there."""

    def block_sizes(self, version: Version) -> list[int]:
        """Bytes of each block, 0 where there is none."""

    def lists(self, version: Version, indexes: Sequence[int]) -> list[bytes | None]:
        """Dramas' lists as they are there."""

    def list_count(self, version: Version) -> int:
        """How many dramas have a list."""

    def meta(self, version: Version) -> bytes | None:
        """What the version is."""

    def switch(self, expected: str, new: Version, owner: str) -> bool:
        """Readers get `new` from now on, what was served becomes previous, previous becomes unread; all or nothing.

        False, and nothing done, where the current pointer is no longer `expected` or the lock is not `owner`'s.
        """

    def roll_back(self, current: str, previous: str) -> bool:
        """Readers get `previous` again, and `current` becomes previous; needs no lock.

        False, and nothing done, where the pointers are no longer these.
        """

    def drop(self, version: Version) -> None:
        """Take a version away, a bounded batch of keys at a time."""


class RedisRecommendationStore:
    """The store that the feed reads."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._switch = client.register_script(SWITCH)
        self._roll_back = client.register_script(ROLL_BACK)
        self._renew = client.register_script(RENEW)
        self._unlock = client.register_script(UNLOCK)

    @classmethod
    def of(cls, settings: Settings) -> RedisRecommendationStore:
        """Connects when first used; no answer within ANSWER_S is redis.TimeoutError."""
        return cls(redis.Redis.from_url(settings.redis_url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S))

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()

    def lock(self, owner: str, life_s: int) -> bool:
        return bool(self._redis.set(keys.REC_LOCK, owner, nx=True, ex=life_s))

    def renew(self, owner: str, life_s: int) -> bool:
        return bool(self._renew(keys=[keys.REC_LOCK], args=[owner, life_s]))

    def unlock(self, owner: str) -> None:
        self._unlock(keys=[keys.REC_LOCK], args=[owner])

    def pointers(self) -> Pointers:
        found = cast("list[bytes | None]", self._redis.mget(keys.REC_CURRENT, keys.REC_PREVIOUS, keys.REC_UNREAD))
        return Pointers(*((text or b"").decode(errors="replace") for text in found))

    def stage(self, version: Version) -> None:
        self._redis.set(keys.REC_UNREAD, str(version))

    def put_blocks(self, version: Version, blocks: Mapping[int, bytes]) -> None:
        with self._redis.pipeline(transaction=False) as pipe:
            for number, block in blocks.items():
                pipe.set(keys.rec_users(str(version), number), block, ex=keys.REC_LIFE_S)
            pipe.execute()

    def put_lists(self, version: Version, lists: Mapping[int, bytes]) -> None:
        key = keys.rec_items(str(version))
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping={str(index): packed for index, packed in lists.items()})
            pipe.expire(key, keys.REC_LIFE_S)
            pipe.execute()

    def put_meta(self, version: Version, meta: bytes) -> None:
        self._redis.set(keys.rec_meta(str(version)), meta, ex=keys.REC_LIFE_S)

    def block(self, version: Version, number: int) -> bytes | None:
        return cast("bytes | None", self._redis.get(keys.rec_users(str(version), number)))

    def block_sizes(self, version: Version) -> list[int]:
        sizes: list[int] = []
        for numbers in _batches(version.blocks):
            with self._redis.pipeline(transaction=False) as pipe:
                for number in numbers:
                    pipe.strlen(keys.rec_users(str(version), number))
                sizes += pipe.execute()
        return sizes

    def lists(self, version: Version, indexes: Sequence[int]) -> list[bytes | None]:
        if not indexes:
            return []
        return cast("list[bytes | None]", self._redis.hmget(keys.rec_items(str(version)), [str(i) for i in indexes]))

    def list_count(self, version: Version) -> int:
        return int(self._redis.hlen(keys.rec_items(str(version))))

    def meta(self, version: Version) -> bytes | None:
        return cast("bytes | None", self._redis.get(keys.rec_meta(str(version))))

    def switch(self, expected: str, new: Version, owner: str) -> bool:
        names = [keys.REC_CURRENT, keys.REC_PREVIOUS, keys.REC_UNREAD, keys.REC_LOCK]
        return bool(self._switch(keys=names, args=[expected, str(new), owner]))

    def roll_back(self, current: str, previous: str) -> bool:
        return bool(self._roll_back(keys=[keys.REC_CURRENT, keys.REC_PREVIOUS], args=[current, previous]))

    def drop(self, version: Version) -> None:
        for numbers in _batches(version.blocks):
            self._redis.unlink(*(keys.rec_users(str(version), number) for number in numbers))
        self._redis.unlink(keys.rec_items(str(version)), keys.rec_meta(str(version)))


def _batches(blocks: int) -> Iterator[range]:
    return (range(start, min(start + KEYS_AT_ONCE, blocks)) for start in range(0, blocks, KEYS_AT_ONCE))
