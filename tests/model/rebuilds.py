"""`juliu rebuild redis` in the model: one partition into a namespace of its own, beside workers who know nothing of it.

It can stop for ever, or for long, at every `yield`; what it writes is guarded by no fence.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from domain.fences import WentBack
from tests.model.workers import Answer, fold
from tests.model.world import GROUPS, LIMIT, Kept, World


class Rebuild:
    """One run of the command, until it has switched; begin again after every doubt."""

    def __init__(self, world: World, p: int) -> None:
        self.w, self.p, self.rules = world, p, world.rules

    def live(self) -> Generator[None, None, None]:
        """Until the partition uses what was rebuilt.  Where blocks are missing it refuses."""
        try:
            while not (yield from self.once()):
                yield
        except WentBack as refused:
            if self.w.calm:
                raise
            self.w.note("rebuild refused", refused)

    def once(self) -> Answer:
        """False: begin again."""
        seen = self.w.redis.pointers.get(self.p)
        fence = self.where()
        yield
        offsets = [offset for q, offset in self.w.clickhouse.rows if q == self.p and offset <= fence]
        return (yield from self.written(seen, self.number(seen), fence, sorted(offsets)))

    def where(self) -> int:
        """The fence of the new namespace."""
        block_fence = self.w.block_fence(self.p)
        if self.rules.at_block_fence:
            return block_fence
        return max(block_fence, self.w.fence("counters", self.p))

    def number(self, seen: int | None) -> int:
        """Of the namespace."""
        self.w.last_namespace += 1
        return self.w.last_namespace if self.rules.fresh_namespace else (seen or 0) + 1

    def written(self, seen: int | None, ns: int, fence: int, offsets: list[int]) -> Answer:
        """Keys, fences, pointer; in the order that the rules leave."""
        steps = [("write_keys", self.p, ns, group, piece) for group in GROUPS for piece in self.pieces(fence, offsets)]
        at = len(steps) if self.rules.fences_last else 0
        steps.insert(at, ("write_fences", self.p, ns, fence))  # type: ignore[arg-type]
        if not self.rules.pointer_last and not (yield from self.switched(seen, ns)):
            return False
        for step in steps:
            while not (yield from self.w.send(*step)):
                if self.rules.doubt_abandons:
                    self.w.note("abandoned", self.p, ns)
                    return False
        yield
        if self.rules.compared and not self.is_there(ns, fence, offsets):
            self.w.note("differs", self.p, ns)
            return False
        yield
        return not self.rules.pointer_last or (yield from self.switched(seen, ns))

    def is_there(self, ns: int, fence: int, offsets: list[int]) -> bool:
        """Whether all that was written is what is read: Redis may have gone back meanwhile."""
        want: dict[str, Any] = {"fence": fence}
        for piece in self.pieces(fence, offsets):
            want |= piece
        return all(self.w.redis.parts.get((group, ns, self.p)) == Kept(**want) for group in GROUPS)

    def pieces(self, fence: int, offsets: list[int]) -> list[Mapping[str, Any]]:
        """What is written, in several commands."""
        windows, _ = fold({}, [(offset, self.w.log[self.p][offset]) for offset in offsets], True)
        kept: Mapping[str, Any] = {"windows": windows if self.rules.windows_rebuilt else {}, "limit": self.limit(fence)}
        return [kept, {"took": tuple(offsets)}]

    def limit(self, fence: int) -> int:
        """The block limit in force behind `fence`: the last pulse up to there that asked for one."""
        asked = [record for record in self.w.log[self.p][: fence + 1] if isinstance(record, int)]
        return asked[-1] if asked and self.rules.format_rebuilt else LIMIT

    def switched(self, seen: int | None, ns: int) -> Answer:
        """The pointer is ours, and the namespace before it goes."""
        if not (yield from self.w.send("switch", self.p, ns)):
            return False
        if seen is not None and seen != ns:
            yield from self.w.send("drop", self.p, seen)
        return True
