"""The memory twin of recommender.publication.store.RecommendationStore, and a publisher that dies at a chosen write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.recommendations import Version
from recommender.publication.store import Pointers
from tests.breaking import Breaking


@dataclass
class MemoryRecommendationStore:
    """Versions as dicts, by the text of the version."""

    current: str = ""
    previous: str = ""
    unread: str = ""
    owner: str = ""
    blocks: dict[str, dict[int, bytes]] = field(default_factory=dict)
    items: dict[str, dict[int, bytes]] = field(default_factory=dict)
    metas: dict[str, bytes] = field(default_factory=dict)

    def lock(self, owner: str, life_s: int) -> bool:
        if self.owner:
            return False
        self.owner = owner
        return True

    def renew(self, owner: str, life_s: int) -> bool:
        return self.owner == owner

    def unlock(self, owner: str) -> None:
        if self.owner == owner:
            self.owner = ""

    def pointers(self) -> Pointers:
        return Pointers(self.current, self.previous, self.unread)

    def stage(self, version: Version) -> None:
        self.unread = str(version)

    def put_blocks(self, version: Version, blocks: Mapping[int, bytes]) -> None:
        self.blocks.setdefault(str(version), {}).update(blocks)

    def put_lists(self, version: Version, lists: Mapping[int, bytes]) -> None:
        self.items.setdefault(str(version), {}).update(lists)

    def put_meta(self, version: Version, meta: bytes) -> None:
        self.metas[str(version)] = meta

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

    def switch(self, expected: str, new: Version, owner: str) -> bool:
        if self.current != expected or self.owner != owner:
            return False
        self.current, self.previous, self.unread = str(new), expected, self.previous
        return True

    def roll_back(self, current: str, previous: str) -> bool:
        if (self.current, self.previous) != (current, previous):
            return False
        self.current, self.previous = previous, current
        return True

    def drop(self, version: Version) -> None:
        for family in (self.blocks, self.items, self.metas):
            family.pop(str(version), None)


class BreakingStore(Breaking):
    """A store of recommendations that breaks."""

    WRITES = frozenset({"stage", "put_blocks", "put_lists", "put_meta", "switch", "drop"})
