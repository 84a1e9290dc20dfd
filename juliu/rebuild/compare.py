"""Compares a new namespace with the one in use, key by key, while that one goes on: at equal fences nothing may differ.

First all keys as they are, page by page, the new namespace following the log; what differs then may only have moved
meanwhile.  So each of those is looked at again: the old values with their fences as of one moment, and the new ones
after both groups were folded forward to exactly these fences.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

import redis

from domain import hotness, keys
from infra.namespaces import GROUPS
from juliu.load.positions import reached
from juliu.rebuild import dump
from juliu.rebuild.dump import Value
from juliu.rebuild.forward import Forward
from juliu.rebuild.refused import Refused
from streams.merge import epochs

PAGE = 500  # keys
FOLLOW_S = 1.0  # between two times that the new namespace follows the old one
MOST = 100_000  # keys that differ at first sight: past it the new namespace is no copy of the old one
NAMED = 1_000  # differences
BEHIND_S = 60.0  # how long the old namespace may take to come to where the new one begins
# A key that the fold would have let go of by now may be in a rebuilt namespace for a little longer.
SLACK_S = {
    keys.Family.SESSION: 2 * 3_600,
    **dict.fromkeys((keys.Family.USER, keys.Family.SEEN, keys.Family.RECENT), 2 * 86_400),
}
_DECAYS = {decay.name: decay for decay in hotness.DECAYS}


@dataclass
class Comparison:
    """One partition: the namespace in use, `old`, and the new one."""

    client: redis.Redis
    forward: Forward
    p: int
    old: int
    new: int
    beat: Callable[[], None]
    compared: int = 0
    differences: list[str] = field(default_factory=list)

    def run(self) -> list[str]:
        """What differs at equal fences, by key and field; [] where nothing does.

        Raises Refused where the two cannot be compared; RedisError, Wait, KafkaException, LogSilent.
        """
        self._follow(self._wait())
        suspects = self._suspects()
        while page := list(islice(suspects, PAGE)):
            self._again(page)
            if len(self.differences) >= NAMED:
                break
        return self.differences[:NAMED]

    def _suspects(self) -> Iterator[str]:
        """Keys, as in the new namespace, that differed at first sight."""
        found: list[str] = []
        followed = time.monotonic()
        mine = (key for key in dump.names(self.client, self.p, self.new) if self._is_compared(key))
        theirs = (dump.renamed(key, self.new) for key in dump.names(self.client, self.p, self.old))
        for names in (mine, (key for key in theirs if self._is_compared(key))):
            while page := list(islice(names, PAGE)):
                pairs = zip(page, self._read(page, self.old), self._read(page, self.new), strict=True)
                found += [key for key, old, new in pairs if dump.differs(key, old, new)]
                self.compared += len(page)
                self.beat()
                if len(found) > MOST:
                    raise Refused(f"partition {self.p}: more than {MOST:,} keys differ")
                if time.monotonic() - followed > FOLLOW_S:
                    self._follow(self._fences())
                    followed = time.monotonic()
        return iter(sorted(set(found)))

    def _again(self, page: list[str]) -> None:
        """Look at these at equal fences."""
        pipe = self.client.pipeline(transaction=True)
        for name in (keys.namespace(self.p), *self._fence_names()):
            pipe.get(name)
        olds = [dump.renamed(key, self.old) for key in page]
        for key in olds:
            dump.ask(pipe, key)
        pointer, *rest = pipe.execute()
        fences, answers = rest[: len(GROUPS)], rest[len(GROUPS) :]
        self._follow(self._checked(pointer, fences))
        old = [dump.value(key, answer) for key, answer in zip(olds, answers, strict=True)]
        for key, one, other in zip(page, old, self._read(page, self.new), strict=True):
            wrong = dump.differs(key, one, other)
            if wrong and not (one is None and self._about_to_go(key)):
                self.differences += [f"{dump.renamed(key, self.old)} {each}" for each in wrong]
        self.beat()

    def _read(self, page: list[str], namespace: int) -> list[Value]:
        return dump.read(self.client, [dump.renamed(key, namespace) for key in page])

    def _is_compared(self, key: str) -> bool:
        """Also not the heat of epochs that the merge task lets go of."""
        if keys.family_of(key) != keys.Family.HEAT_PART:
            return dump.is_compared(key)
        name, epoch = keys.decay_and_epoch_of(key)
        return epoch >= epochs(_DECAYS[name], int(time.time() * 1000)).start

    def _about_to_go(self, key: str) -> bool:
        life_s: Any = self.client.ttl(key)
        return 0 < int(life_s) < SLACK_S.get(keys.family_of(key), 0)

    def _follow(self, fences: list[int]) -> None:
        """Fold the new namespace to where the old one is."""
        for group, fence in zip(GROUPS, fences, strict=True):
            came_to = self.forward.to(group, self.p, fence)
            if came_to != fence:
                raise Refused(
                    f"partition {self.p}, {group}: the new namespace comes to {came_to}, the old one is at {fence}: the"
                    " log is cut otherwise than it was"
                )

    def _wait(self) -> list[int]:
        """The old fences, once neither is behind where the new namespace begins."""
        names = [keys.fence(group, self.new, self.p) for group in GROUPS]
        begins = [int(begin) for begin in cast(list[bytes], self.client.mget(names))]
        until, fences = time.monotonic() + BEHIND_S, self._fences()
        while not reached(fences, begins):
            if time.monotonic() > until:
                raise Refused(
                    f"partition {self.p}: what is in use is behind ClickHouse (fences {fences}, blocks to {begins[0]})"
                    " and does not move: start the workers, or do not compare (--no-compare)"
                )
            self.beat()
            time.sleep(0.05)
            fences = self._fences()
        return fences

    def _fences(self) -> list[int]:
        found = cast(list[bytes | None], self.client.mget([keys.namespace(self.p), *self._fence_names()]))
        pointer, *fences = found
        return self._checked(pointer, fences)

    def _checked(self, pointer: Any, fences: list[Any]) -> list[int]:
        if pointer is None or int(pointer) != self.old or any(x is None or x.startswith(b"b") for x in fences):
            raise Refused(f"partition {self.p}: what is in use was lost, broken or replaced meanwhile")
        return [int(fence) for fence in fences]

    def _fence_names(self) -> list[str]:
        return [keys.fence(group, self.old, self.p) for group in GROUPS]


def whole(client: redis.Redis, p: int, namespace: int | None) -> bool:
    """Whether there is something to compare with."""
    if namespace is None:
        return False
    fences = cast(list[bytes | None], client.mget([keys.fence(group, namespace, p) for group in GROUPS]))
    return all(fence is not None and not fence.startswith(b"b") for fence in fences)
