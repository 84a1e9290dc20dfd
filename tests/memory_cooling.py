"""The memory twin of recommender.refresh.cooling.CoolingStore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class MemoryCoolingStore:
    """By viewer; who has nothing is not there."""

    lists: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def put(self, cooling: Mapping[int, Sequence[int]]) -> None:
        self.lists.update({user_id: tuple(indexes) for user_id, indexes in cooling.items()})
        self.lists = {user_id: indexes for user_id, indexes in self.lists.items() if indexes}
