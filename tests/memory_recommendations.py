"""The memory twin of recommender.publication.store.RecommendationStore, and a publisher that dies at a chosen write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain import keys
from domain.recommendations import Version
from recommender.publication.store import Hold, Pointers
from tests.breaking import Breaking


@dataclass
class MemoryRecommendationStore:
    """Versions as dicts, by the text of the version."""

    current: str = ""
    previous: str = ""
    unread: str = ""
    locks: dict[str, Hold] = field(default_factory=dict)
    locked: int = 0  # how often
    mark: str = ""
    blocks: dict[str, dict[int, bytes]] = field(default_factory=dict)
    items: dict[str, dict[int, bytes]] = field(default_factory=dict)
    models: dict[str, list[bytes]] = field(default_factory=dict)
    metas: dict[str, bytes] = field(default_factory=dict)

    def lock(self, task: str, owner: str, life_s: int) -> Hold | None:
        if task in self.locks:
            return None
        self.locked += 1
        self.locks[task] = Hold(task, self.locked, owner)
        return self.locks[task]

    def renew(self, hold: Hold, life_s: int) -> bool:
        return self.locks.get(hold.task) == hold

    def unlock(self, hold: Hold) -> None:
        if self.locks.get(hold.task) == hold:
            del self.locks[hold.task]

    def pointers(self) -> Pointers:
        return Pointers(self.current, self.previous, self.unread)

    def stage(self, version: Version) -> None:
        self.unread = str(version)

    def put_blocks(self, version: Version, blocks: Mapping[int, bytes]) -> None:
        self.blocks.setdefault(str(version), {}).update(blocks)

    def put_lists(self, version: Version, lists: Mapping[int, bytes]) -> None:
        self.items.setdefault(str(version), {}).update(lists)

    def put_model(self, version: Version, chunks: Sequence[bytes]) -> None:
        self.models[str(version)] = list(chunks)

    def put_meta(self, version: Version, meta: bytes) -> None:
        self.metas[str(version)] = meta

    def model(self, version: Version) -> list[bytes]:
        return list(self.models.get(str(version), []))

    def blocks_of(self, version: Version, numbers: Sequence[int]) -> list[bytes | None]:
        return [self.block(version, number) for number in numbers]

    def block(self, version: Version, number: int) -> bytes | None:
        return self.blocks.get(str(version), {}).get(number)

    def block_sizes(self, version: Version) -> list[int]:
        return [len(self.block(version, number) or b"") for number in range(version.blocks)]

    def lists(self, version: Version, indexes: Sequence[int]) -> list[bytes | None]:
        return [self.items.get(str(version), {}).get(index) for index in indexes]

    def list_count(self, version: Version) -> int:
        return len(self.items.get(str(version), {}))

    def meta(self, version: Version) -> bytes | None:
        return self.metas.get(str(version))

    def life_s(self, version: Version) -> float:
        return float(keys.REC_LIFE_S) if str(version) in self.metas else 0.0

    def switch(self, expected: str, new: Version, hold: Hold) -> bool:
        if self.current != expected or not self.renew(hold, 0):
            return False
        self.current, self.previous, self.unread = str(new), expected, self.previous
        return True

    def roll_back(self, current: str, previous: str) -> bool:
        if (self.current, self.previous) != (current, previous):
            return False
        self.current, self.previous = previous, current
        return True

    def refold(self, version: Version, blocks: Mapping[int, tuple[bytes, bytes]], hold: Hold) -> set[int]:
        if not self.renew(hold, 0):
            return set(blocks)
        kept = {number for number, (before, _) in blocks.items() if self.block(version, number) != before}
        self.put_blocks(version, {number: after for number, (_, after) in blocks.items() if number not in kept})
        return kept

    def relist(self, version: Version, lists: Mapping[int, bytes], meta: bytes, hold: Hold) -> bool:
        if not self.renew(hold, 0) or self.current != str(version) or str(version) not in self.metas:
            return False
        self.items[str(version)], self.metas[str(version)] = dict(lists), meta
        return True

    def folded(self) -> str:
        return self.mark

    def mark_folded(self, text: str, hold: Hold) -> bool:
        if not self.renew(hold, 0):
            return False
        self.mark = text
        return True

    def drop(self, version: Version) -> None:
        for family in (self.blocks, self.items, self.models, self.metas):
            family.pop(str(version), None)


class BreakingStore(Breaking):
    """A store of recommendations that breaks."""

    WRITES = frozenset({"stage", "put_blocks", "put_lists", "put_model", "put_meta", "switch", "drop"})
