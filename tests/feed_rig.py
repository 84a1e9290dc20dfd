"""The feed on twins, for tests of what viewers get: a catalogue that a test may change, and viewers' sides."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import FastAPI

from domain.catalogue import Catalogue
from domain.experiments import EVERYBODY, Experiment
from ingest_api.auth import Scope
from ingest_api.feed.answers import FeedPage
from ingest_api.feed.explanation import Explanation
from ingest_api.feed.service import Feed
from tests.api import FixedCatalogue, Twins, caller
from tests.builders import USER, a_drama, a_token
from tests.memory_feed import MemoryLists, MemoryShown

ID = 1_000  # of dense index 0: a drama's id is ID + index


class Rig:
    """Dramas 1..`dramas` in six categories; `of_each`: name of a field -> what it is at an index."""

    def __init__(self, dramas: int = 60, random_share: float = 0.0, **of_each: Any) -> None:
        self.dramas = dramas
        self.catalogue = FixedCatalogue(self.made(**of_each))
        self.lists, self.viewers = MemoryLists(), MemoryShown(length=dramas // 8 + 1)
        self.twins = Twins(catalogue=self.catalogue)
        self.app: FastAPI = self.twins.app()
        self.random_share = random_share
        self.serves(EVERYBODY)

    def serves(self, experiment: Experiment) -> None:
        """A feed under this experiment."""
        self.app.state.feed = Feed(
            self.catalogue, self.lists, self.viewers, experiment, self.random_share, now_ms=self.twins.now_ms
        )

    def made(self, **of_each: Any) -> Catalogue:
        """The catalogue."""
        return Catalogue.of(
            a_drama(
                ID + i, i, title=f"剧{i}", **{"category": f"c{i % 6}", **{name: of(i) for name, of in of_each.items()}}
            )
            for i in range(1, self.dramas + 1)
        )

    def watched(self, *indexes: int, at_ms: int = 1) -> None:
        """The viewer had a valid play of these, the first the latest."""
        self.viewers.seen.setdefault(USER, set()).update(indexes)
        self.viewers.recent.setdefault(USER, {}).update({ID + i: at_ms - n for n, i in enumerate(indexes)})

    async def get(self, address: str, **claims: Any) -> httpx.Response:
        """As the viewer whose token says this."""
        async with caller(self.app) as client:
            return await client.get(address, headers={"authorization": f"Bearer {a_token(**claims)}"})

    async def open(self, query: str = "", **claims: Any) -> FeedPage:
        """A page of the feed."""
        answer = await self.get(f"/v1/feed?{query}", **claims)
        assert answer.status_code == 200, answer.text
        return FeedPage.model_validate_json(answer.content, strict=True)

    async def explain(self, query: str = "") -> Explanation:
        """As an admin."""
        answer = await self.get(f"/v1/feed/explain?user_id={USER}&{query}", user_id=USER + 1, scope=Scope.ADMIN)
        assert answer.status_code == 200, answer.text
        return Explanation.model_validate_json(answer.content, strict=True)


def indexes(page: Any) -> list[int]:
    """Dense indexes of a page, an explanation or a list."""
    items = page.places if isinstance(page, Explanation) else page.items
    return [item.drama_id - ID for item in items]
