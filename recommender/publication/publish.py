"""Publishes a version: write, read back, switch one pointer.  A run that dies leaves the old version whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import msgspec
from numpy.typing import NDArray
from redis.exceptions import RedisError

from domain.recommendations import Damaged, Version
from infra import failpoints, logs
from recommender.errors import NotWhole, Raced
from recommender.learning.folding import Folding
from recommender.learning.model import Recommendations
from recommender.learning.weights import Weights
from recommender.publication.blocks import Blocks
from recommender.publication.lock import LOCK_S
from recommender.publication.store import KEYS_AT_ONCE, Hold, RecommendationStore
from recommender.training.gate import check

SAMPLES = 50  # blocks and lists that are read back whole; sizes are compared of all

log = logs.get(__name__)


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What a version is, for people and for the next gate."""

    version: str
    as_of_ms: int
    made_at_ms: int
    viewers: int
    dramas: int
    lists: int
    watches: int
    weights: Weights


class Content(NamedTuple):
    """A version as it is stored."""

    version: Version
    blocks: Blocks
    lists: dict[int, bytes]
    model: list[bytes]  # what later viewers are folded in with
    meta: bytes

    @property
    def bytes(self) -> int:
        """Of all lists."""
        return int(self.blocks.sizes.sum()) + sum(map(len, self.lists.values()))


def content(made: Recommendations, watches: int, run: str, made_at_ms: int, weights: Weights) -> Content:
    """The stored form of what was learnt.  `run` is 8 hex digits."""
    blocks = Blocks(made.viewers, made.personal)
    version = Version(made.as_of_ms, len(blocks), run)
    lists = {index: packed(best) for index, best in made.also_watched.items()}
    meta = Meta(
        version=str(version), as_of_ms=made.as_of_ms, made_at_ms=made_at_ms, viewers=len(made.viewers),
        dramas=made.dramas, lists=len(lists), watches=watches, weights=weights,
    )  # fmt: skip
    model = Folding.of(made.factors, made.vectors).pack() if made.factors else []
    return Content(version, blocks, lists, model, msgspec.json.encode(meta))


def packed(best: NDArray) -> bytes:  # type: ignore[type-arg]
    """domain.recommendations.pack of a row of u16, on a machine of any byte order."""
    return best.astype("<u2").tobytes()


def publish(store: RecommendationStore, made: Recommendations, stored: Content, hold: Hold, over: str) -> None:
    """Publish over the version `over`, as the holder of the lock; who rolled back meanwhile is not overruled.

    Raises Refused, NotWhole, Raced, redis.RedisError: then nothing was published.
    """
    before = store.pointers()
    if before.current != over:
        raise Raced(f"{before.current or 'nothing'} is served by now, not {over or 'nothing'}")
    if not store.renew(hold, LOCK_S):  # what is unread is then somebody else's, who may be about to switch to it
        raise Raced("the lock is somebody else's by now")
    _clear_up(store, before.unread, {before.current, before.previous})
    check(made)
    store.stage(stored.version)
    _write(store, stored)
    _read_back(store, stored)
    failpoints.reached("publish.before_pointer")
    if not store.switch(before.current, stored.version, hold):
        raise Raced("the pointer or the lock is somebody else's by now")
    try:
        _clear_up(store, before.previous, {before.current, str(stored.version)})
    except RedisError as error:  # it is published; the next run clears up what nobody reads
        log.warning("not cleared up", version=before.previous, error=str(error)[:200])


def meta_of(store: RecommendationStore, version: str) -> Meta | None:
    """What a version is; None where there is none, it has expired, or it cannot be read."""
    try:
        meta = store.meta(Version.parse(version))
        return None if meta is None else msgspec.json.decode(meta, type=Meta)
    except (Damaged, msgspec.DecodeError):
        return None


def _clear_up(store: RecommendationStore, version: str, kept: set[str]) -> None:
    """Drop a version that nobody reads any more."""
    if version and version not in kept:
        try:
            store.drop(Version.parse(version))
        except Damaged:
            log.warning("a pointer that is no version", text=version[:60])


def _write(store: RecommendationStore, stored: Content) -> None:
    for numbers in _batches(range(len(stored.blocks))):
        store.put_blocks(stored.version, {number: stored.blocks[number] for number in numbers})
    for indexes in _batches(stored.lists):
        store.put_lists(stored.version, {index: stored.lists[index] for index in indexes})
    store.put_model(stored.version, stored.model)
    store.put_meta(stored.version, stored.meta)


def _read_back(store: RecommendationStore, stored: Content) -> None:
    version = stored.version
    if store.block_sizes(version) != stored.blocks.sizes.tolist():
        raise NotWhole("blocks differ in size")
    for number in _sample(range(len(stored.blocks))):
        if store.block(version, number) != stored.blocks[number]:
            raise NotWhole(f"block {number} differs")
    some = _sample(stored.lists)
    if store.list_count(version) != len(stored.lists) or store.lists(version, some) != [stored.lists[i] for i in some]:
        raise NotWhole("dramas' lists differ")
    if store.model(version) != stored.model:
        raise NotWhole("factors differ")
    if store.meta(version) != stored.meta:
        raise NotWhole("meta differs")


def _sample(stored: Iterable[int]) -> list[int]:
    """At least SAMPLES numbers, evenly spread, where there are so many."""
    numbers = sorted(stored)
    return numbers[:: max(1, len(numbers) // SAMPLES)]


def _batches(stored: Iterable[int]) -> Iterator[list[int]]:
    entries = iter(stored)
    while batch := list(islice(entries, KEYS_AT_ONCE)):
        yield batch
