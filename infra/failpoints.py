"""Named places at which a process dies on demand: FAIL_AT=store.after_insert:3 kills it at its third arrival there.

For the fault runner and the tests: a random kill -9 seldom hits the instant between two effects that matters.
Without FAIL_AT a place costs one comparison.
"""

from __future__ import annotations

import os
import signal

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
    "publish.before_pointer",  # a version of recommendations is whole; readers do not know of it
    "rebuild.before_pointer",  # a new namespace is whole; workers do not know of it
})  # fmt: skip


def parse(text: str) -> tuple[str, int]:
    """Name and arrival of `name` or `name:nth`; ("", 0) of nothing.  Raises ValueError for a place that is not."""
    if not text:
        return "", 0
    name, _, nth = text.partition(":")
    if name not in NAMES or int(nth or "1") < 1:
        raise ValueError(f"FAIL_AT={text!r}: name or name:nth, the names are {', '.join(sorted(NAMES))}")
    return name, int(nth or "1")


_name, _left = parse(os.environ.get("FAIL_AT", ""))


def reached(name: str) -> None:
    """Dies here, by kill -9, when FAIL_AT says so."""
    global _left  # noqa: PLW0603 - a process has one environment and dies once
    if name != _name:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
