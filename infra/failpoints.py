"""Named places at which a process dies on demand: FAIL_AT=store.after_insert:3 kills it at its third arrival there.

For the fault runner and the tests: a random kill -9 seldom hits the instant between two effects that matters.
Without FAIL_AT a place costs one comparison; in production nothing is asked for.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import NamedTuple

# Each is reached in one place of the code.  What it says is what has happened by then.
NAMES = frozenset({
    "counters.before_apply",  # folded, nothing written
    "counters.after_apply",  # in Redis, with the fence; not acknowledged
    "store.before_insert",  # windows read, nothing written
    "store.after_insert",  # rows are in ClickHouse; the `blocks` row is not
    "store.after_close",  # rows and `blocks` row; windows and Redis fence are not
    "store.after_apply",  # everything; not acknowledged
    "dead.after_write",  # poison is in juliu.dead; its fence has not passed it
    "relay.after_take",  # shards are leased; nothing was read
    "relay.before_send",  # rows leased and read
    "relay.after_send",  # delivered; not marked
    "relay.after_mark",  # marked; the lease is still ours
    "train.examined",  # learnt and measured; not judged, nothing written
    "publish.before_pointer",  # a version of recommendations is whole; readers do not know of it
    "fold_in.before_write",  # lists of some viewers are made, nothing of them is written
    "fold_in.after_write",  # their lists are in their blocks; how far we are is not noted
    "lists.before_rename",  # the next lists of a version are whole beside those that readers have
    "media.after_lease",  # a step of a media job is leased; nothing was done
    "media.after_encode",  # renditions lie in the work folder; nothing of them is in storage
    "media.before_master",  # all files of the renditions are in storage and compared; the master playlist is not
    "media.after_master",  # the master playlist is there; STORE is not told
    "media.before_publish",  # the CDN was told; the catalogue was not
    "media.after_publish",  # viewers get the rendition; CDN is not told
    "media.before_ci",  # noted that CI is asked for a job; it was not asked
    "media.after_ci",  # it was asked; the job's id is not noted
    "media.before_pull",  # noted that WeChat is asked to fetch; it was not asked
    "media.after_pull",  # it was asked; the number of its task is not noted
    "media.after_media_id",  # the media is written down; extras are not deleted
    "media.before_submit",  # papers are there and noted; the drama is not handed in
    "media.after_submit",  # it is handed in; WeChat's number of it is not written down
    "media.after_audit",  # WeChat's word is written down; the step has not ended
    "media.before_replacement",  # noted; the replacement is not handed in
    "media.after_replacement",  # it is handed in; that is not noted
    "media.after_replace",  # WeChat plays the new one; that is not written down
    "media.before_finish",  # a step's work is done; the queue was not told
    "media.after_finish",  # the queue has it, with its record
    "media.after_fail",  # the queue knows that an attempt failed
    "media.before_send",  # records are read from the queue; nothing was sent
    "media.after_send",  # they are in juliu.media; the queue does not know
    "media.after_tidy_decided",  # what goes of an episode is written down; nothing is gone
    "media.before_keys_go",  # files of an old rendition are gone, its keys are not
    "media.before_tidied",  # all that was written down is gone; that is not
    "rebuild.before_pointer",  # a new namespace is whole; workers do not know of it
})  # fmt: skip


class Failure(NamedTuple):
    """Which arrival, and what happens there: SIGKILL, or SIGSTOP (a zombie, once others have its partitions)."""

    name: str = ""
    nth: int = 0
    signal: signal.Signals = signal.SIGKILL


def parse(text: str) -> Failure:
    """`name`, `name:nth` or `name:nth:stop`; nothing is no failure.  Raises ValueError for a place that is not."""
    if not text:
        return Failure()
    words = text.split(":")
    name, nth, how = (*words, *("1", "")[len(words) - 1 :])[:3]
    if name not in NAMES or int(nth) < 1 or how not in ("", "stop") or len(words) > 3:
        raise ValueError(f"FAIL_AT={text!r}: name, name:nth or name:nth:stop; names: {', '.join(sorted(NAMES))}")
    return Failure(name, int(nth), signal.SIGSTOP if how else signal.SIGKILL)


def armed(environment: Mapping[str, str]) -> Failure:
    """What FAIL_AT asks for.  In production nothing, whatever somebody has left there."""
    production = environment.get("JULIU_ENV") == "production"
    return Failure() if production else parse(environment.get("FAIL_AT", ""))


_failure = armed(os.environ)
_left = _failure.nth


def reached(name: str) -> None:
    """Dies here, by kill -9, when FAIL_AT says so; or stops until SIGCONT."""
    global _left  # noqa: PLW0603 - a process has one environment and dies once
    if name != _failure.name:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), _failure.signal)
