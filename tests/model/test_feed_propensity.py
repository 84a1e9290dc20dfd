"""What a page says of chance holds for viewers who dislike much, which is found out only as the page is served."""

from __future__ import annotations

import pytest

from domain.shelf import Source
from ingest_api.feed.service import Wish
from tests.builders import USER
from tests.feed_rig import ID, Rig

DRAMAS, OPENS, SIZE, CHANCE = 60, 5_000, 10, 0.02


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
async def test_each_drama_stands_at_a_random_place_as_often_as_is_said(share: float) -> None:
    """Weighed by 1 / propensity, each place shows each drama that is not disliked once an open, in the mean."""
    rig = Rig(DRAMAS, random_share=CHANCE)
    order = sorted(range(1, DRAMAS + 1), key=lambda index: index * 7 % 61)
    rig.viewers.personal[USER] = order
    disliked = {ID + index for index in order[:: round(1 / share)]} if share else set()
    rig.viewers.dislikes[USER] = disliked
    weight = 0.0
    for seed in range(OPENS):
        rig.viewers.served.clear()
        rig.viewers.pages.clear()
        page = await rig.app.state.feed.page(Wish(USER, SIZE), "r", seed)
        assert len(page.items) == SIZE
        weight += sum(1 / item.propensity for item in page.items if item.source == Source.RANDOM)
    free = DRAMAS - len(disliked) - (SIZE - 1) / 2  # those before it in the page are not free any more
    assert weight / OPENS / SIZE == pytest.approx(free, rel=0.12)
