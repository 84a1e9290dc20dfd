"""Back to the version before, at once: one switch of the pointers, nothing is computed or copied."""

from __future__ import annotations

from domain.recommendations import Damaged, Version
from recommender.errors import Raced, Refused
from recommender.publication.publish import Meta, meta_of
from recommender.publication.store import RecommendationStore
from recommender.training.registry import Decision, Entry, now_ms


def roll_back(store: RecommendationStore, why: str) -> Entry:
    """Serve the version before again, and say what the registry should keep of it.

    The one that was served becomes the version before, so doing it again undoes it.  A training that is under way finds
    another version served than when it began and publishes nothing; the next one publishes.

    Raises Refused, Raced, redis.RedisError.
    """
    at = store.pointers()
    if not at.previous:
        raise Refused("there is no version before")
    meta = _whole(store, at.previous)
    if not store.roll_back(at.current, at.previous):
        raise Raced("another version was published meanwhile: look again")
    return Entry(
        at_ms=now_ms(), decision=Decision.ROLLED_BACK, reason=why, version=at.previous, before=at.current,
        as_of_ms=meta.as_of_ms, watches=meta.watches, viewers=meta.viewers, dramas=meta.dramas, lists=meta.lists,
    )  # fmt: skip


def _whole(store: RecommendationStore, text: str) -> Meta:
    """What the version is.  Raises Refused where something of it is not there any more: it has a life of a week."""
    meta = meta_of(store, text)
    try:
        version = Version.parse(text)
        whole = meta is not None and store.list_count(version) == meta.lists and all(store.block_sizes(version))
    except Damaged as error:
        raise Refused(str(error)) from error
    if meta is None or not whole:
        raise Refused(f"{text} is not whole any more")
    return meta
