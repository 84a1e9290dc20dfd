"""Where versions of recommendations are put for the feed, and the pointer to the one that is served."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple, Protocol, cast

import redis

from domain import keys
from domain.recommendations import Version
from infra import failpoints
from infra.settings import Settings
from recommender.publication import scripts

ANSWER_S = 10.0
KEYS_AT_ONCE = 500  # of one round trip
MAX_CHUNKS = 128  # of the factors
NEW_LISTS_S = 3_600  # life of lists that were written beside, and whose writer died before they took their place


class Pointers(NamedTuple):
    """Texts as they stand in the store, "" for none; they should be versions."""

    current: str
    previous: str
    unread: str


class Hold(NamedTuple):
    """A lock that somebody has, or had.  The number is this holder's alone: who comes later has a higher one."""

    task: str
    number: int
    owner: str

    def __str__(self) -> str:
        return f"{self.number} {self.owner}"


class RecommendationStore(Protocol):
    """What is put counts for readers once `switch` moves the pointer.  Calls raise redis.RedisError.

    Whoever is handed a Hold does nothing where its lock has run out or is somebody else's by now.
    """

    def lock(self, task: str, owner: str, life_s: int) -> Hold | None:
        """Be the only one who does it, for so long; None where somebody does."""

    def renew(self, hold: Hold, life_s: int) -> bool:
        """Keep the lock for so long from now on; False where it is not ours any more."""

    def unlock(self, hold: Hold) -> None:
        """Let others do it, if the lock is still ours."""

    def pointers(self) -> Pointers:
        """The pointers as they stand."""

    def stage(self, version: Version) -> None:
        """Note, before anything of it is written, that nobody reads this version yet: if we die it is cleared up."""

    def put_blocks(self, version: Version, blocks: Mapping[int, bytes]) -> None:
        """Put some blocks of viewers' lists."""

    def put_lists(self, version: Version, lists: Mapping[int, bytes]) -> None:
        """Put some dramas' lists, by dense index."""

    def put_model(self, version: Version, chunks: Sequence[bytes]) -> None:
        """Put what viewers are folded in with, at most MAX_CHUNKS of 1 MB."""

    def put_meta(self, version: Version, meta: bytes) -> None:
        """Put what the version is."""

    def model(self, version: Version) -> list[bytes]:
        """The chunks that are there, up to the first that is not."""

    def blocks_of(self, version: Version, numbers: Sequence[int]) -> list[bytes | None]:
        """At most KEYS_AT_ONCE blocks as they are there."""

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

    def life_s(self, version: Version) -> float:
        """How long it lives on; 0 where it does not."""

    def switch(self, expected: str, new: Version, hold: Hold) -> bool:
        """Readers get `new` from now on, what was served becomes previous, previous becomes unread; all or nothing.

        False, and nothing done, where the current pointer is no longer `expected` or the lock is not ours.
        """

    def refold(self, version: Version, blocks: Mapping[int, tuple[bytes, bytes]], hold: Hold) -> set[int]:
        """Replace at most KEYS_AT_ONCE blocks (before, after), each in one step, its life going on.

        Answers those that were not: they are not what they were `before`, or the lock is not ours.  The lock is looked
        at once, before the first: what somebody else has written since then is not what it was.
        """

    def relist(self, version: Version, lists: Mapping[int, bytes], meta: bytes, hold: Hold) -> bool:
        """Replace all dramas' lists, at least one, and the meta of the version that is served, in one step.

        False, and nothing done, where another one is served, this one has expired, or the lock is not ours.
        """

    def folded(self) -> str:
        """How far viewers are folded in, as `mark_folded` left it; "" where nobody did."""

    def mark_folded(self, text: str, hold: Hold) -> bool:
        """Note how far viewers are folded in; False, and nothing done, where the lock is not ours."""

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
        script = client.register_script
        self._lock, self._renew, self._unlock = script(scripts.LOCK), script(scripts.RENEW), script(scripts.UNLOCK)
        self._switch, self._roll_back = script(scripts.SWITCH), script(scripts.ROLL_BACK)
        self._refold, self._relist, self._mark = script(scripts.REFOLD), script(scripts.RELIST), script(scripts.MARK)

    @classmethod
    def of(cls, settings: Settings) -> RedisRecommendationStore:
        """Connects when first used; no answer within ANSWER_S is redis.TimeoutError."""
        return cls(redis.Redis.from_url(settings.redis_url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S))

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()

    def lock(self, task: str, owner: str, life_s: int) -> Hold | None:
        number = cast(int, self._lock(keys=[keys.rec_lock(task), keys.REC_FENCE], args=[owner, life_s]))
        return Hold(task, number, owner) if number else None

    def renew(self, hold: Hold, life_s: int) -> bool:
        return bool(self._renew(keys=[keys.rec_lock(hold.task)], args=[str(hold), life_s]))

    def unlock(self, hold: Hold) -> None:
        self._unlock(keys=[keys.rec_lock(hold.task)], args=[str(hold)])

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

    def put_model(self, version: Version, chunks: Sequence[bytes]) -> None:
        if len(chunks) > MAX_CHUNKS:
            raise ValueError(f"{len(chunks)} chunks of factors")
        for number, chunk in enumerate(chunks):
            self._redis.set(keys.rec_model(str(version), number), chunk, ex=keys.REC_LIFE_S)

    def put_meta(self, version: Version, meta: bytes) -> None:
        self._redis.set(keys.rec_meta(str(version)), meta, ex=keys.REC_LIFE_S)

    def model(self, version: Version) -> list[bytes]:
        found = (self._redis.get(keys.rec_model(str(version), number)) for number in range(MAX_CHUNKS))
        return list(takewhile(bool, cast("Iterator[bytes]", found)))

    def blocks_of(self, version: Version, numbers: Sequence[int]) -> list[bytes | None]:
        with self._redis.pipeline(transaction=False) as pipe:
            for number in numbers:
                pipe.get(keys.rec_users(str(version), number))
            return pipe.execute()

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

    def life_s(self, version: Version) -> float:
        return max(0, self._redis.pttl(keys.rec_meta(str(version)))) / 1000

    def switch(self, expected: str, new: Version, hold: Hold) -> bool:
        names = [keys.REC_CURRENT, keys.REC_PREVIOUS, keys.REC_UNREAD, keys.rec_lock(hold.task)]
        return bool(self._switch(keys=names, args=[expected, str(new), str(hold)]))

    def roll_back(self, current: str, previous: str) -> bool:
        return bool(self._roll_back(keys=[keys.REC_CURRENT, keys.REC_PREVIOUS], args=[current, previous]))

    def refold(self, version: Version, blocks: Mapping[int, tuple[bytes, bytes]], hold: Hold) -> set[int]:
        if self._redis.get(keys.rec_lock(hold.task)) != str(hold).encode():
            return set(blocks)
        with self._redis.pipeline(transaction=False) as pipe:
            for number, (before, after) in blocks.items():
                told = hashlib.sha1(before, usedforsecurity=False).hexdigest()  # what Lua has
                self._refold(keys=[keys.rec_users(str(version), number)], args=[told, after], client=pipe)
            done = pipe.execute()
        return {number for number, replaced in zip(blocks, done, strict=True) if not replaced}

    def relist(self, version: Version, lists: Mapping[int, bytes], meta: bytes, hold: Hold) -> bool:
        text, new = str(version), keys.rec_items_new(str(version))
        with self._redis.pipeline(transaction=True) as pipe:  # at most 65,535 lists of 100 bytes
            pipe.unlink(new)
            pipe.hset(new, mapping={str(index): packed for index, packed in lists.items()})
            pipe.expire(new, NEW_LISTS_S)
            pipe.execute()
        failpoints.reached("lists.before_rename")
        names = [keys.rec_lock(hold.task), keys.REC_CURRENT, keys.rec_items(text), new, keys.rec_meta(text)]
        return bool(self._relist(keys=names, args=[str(hold), text, meta]))

    def folded(self) -> str:
        return (cast("bytes | None", self._redis.get(keys.REC_FOLDED)) or b"").decode(errors="replace")

    def mark_folded(self, text: str, hold: Hold) -> bool:
        names = [keys.rec_lock(hold.task), keys.REC_FOLDED]
        return bool(self._mark(keys=names, args=[str(hold), text, keys.REC_LIFE_S]))

    def drop(self, version: Version) -> None:
        self._redis.unlink(*(keys.rec_model(str(version), number) for number in range(MAX_CHUNKS)))
        for numbers in _batches(version.blocks):
            self._redis.unlink(*(keys.rec_users(str(version), number) for number in numbers))
        names = keys.rec_items(str(version)), keys.rec_items_new(str(version)), keys.rec_meta(str(version))
        self._redis.unlink(*names)


def _batches(blocks: int) -> Iterator[range]:
    return (range(start, min(start + KEYS_AT_ONCE, blocks)) for start in range(0, blocks, KEYS_AT_ONCE))
