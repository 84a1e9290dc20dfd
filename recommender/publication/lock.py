"""One at a time: a lock in the store, renewed as long as its holder lives and works."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from infra import logs
from recommender.errors import Busy
from recommender.publication.store import Hold, RecommendationStore

LOCK_S, RENEW_S = 60, 10.0  # a holder that was killed keeps others away for LOCK_S, however long its work would take
LOOK_S = 0.5

log = logs.get(__name__)


@contextmanager
def held(store: RecommendationStore, task: str, *, wait_s: float, longest_s: float) -> Iterator[Hold]:
    """The lock of a task, renewed by a thread as long as this process lives, at most for `longest_s`.

    Raises Busy where somebody else has it for all of `wait_s`, redis.RedisError.
    """
    hold = _lock(store, task, wait_s)
    over = threading.Event()
    renewing = threading.Thread(target=_renew, args=(store, hold, longest_s, over), name="lock", daemon=True)
    renewing.start()
    try:
        yield hold
    finally:
        over.set()
        renewing.join()
        _unlock(store, hold)


def _lock(store: RecommendationStore, task: str, wait_s: float) -> Hold:
    owner, until = uuid.uuid4().hex, time.monotonic() + wait_s
    while (hold := store.lock(task, owner, LOCK_S)) is None:
        if time.monotonic() > until:
            raise Busy(f"somebody else does this: {task}")
        time.sleep(LOOK_S)
    return hold


def _renew(store: RecommendationStore, hold: Hold, longest_s: float, over: threading.Event) -> None:
    until = time.monotonic() + longest_s
    while not over.wait(RENEW_S) and time.monotonic() < until:
        try:
            if not store.renew(hold, LOCK_S):
                return  # whoever has it now may publish; we cannot any more
        except RedisError as error:
            log.warning("lock not renewed", task=hold.task, error=str(error)[:200])


def _unlock(store: RecommendationStore, hold: Hold) -> None:
    """What was published is published; a lock that stays ends by itself after LOCK_S."""
    try:
        store.unlock(hold)
    except RedisError as error:
        log.warning("lock not given back", task=hold.task, error=str(error)[:200])
