"""GET .../play beside WeChat: its address of an episode that is open, and no harm where there is none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.exceptions import ConnectionError as RedisAway

from infra.media.wechat_links import Link
from ingest_api.play.platform import Platform
from tests.builders import DRAMA, NOW_MS
from tests.hls_rig import EPISODES, PAID_FOR, HlsRig, as_viewer

LINK = Link(media_id=5, hls_url="https://w/1.m3u8", mp4_url="https://w/1.mp4", duration_s=90, expires_ms=NOW_MS + 1)


class MemoryLinks:
    """One link for all; or what `says` raises or does."""

    def __init__(self, says: Any = LINK) -> None:
        self.says = says
        self.asked: list[tuple[int, int, int, int]] = []

    async def link(self, *asked: int) -> Link | None:
        self.asked.append(asked)  # type: ignore[arg-type]
        if isinstance(self.says, Exception):
            raise self.says
        if self.says == "hangs":
            await asyncio.Event().wait()
        return self.says


def with_links(root: Path, links: MemoryLinks) -> HlsRig:
    rig = HlsRig(root)
    rig.app.state.play._platform = Platform(links, lambda: NOW_MS)
    return rig


async def weapp(rig: HlsRig, episode_no: int) -> httpx.Response:
    """What GET .../play answers the mini-program."""
    return await rig.get(f"/v1/dramas/{DRAMA}/episodes/{episode_no}/play?platform=weapp", **as_viewer())


async def test_an_open_episode_comes_with_wechats_address(tmp_path: Path):
    links = MemoryLinks()
    rig = with_links(tmp_path, links)
    told = (await weapp(rig, PAID_FOR)).json()
    assert told["wechat"] == {"hls_url": LINK.hls_url, "expires_ms": LINK.expires_ms}
    assert told["address"].endswith(".m3u8")  # ours is there too
    assert links.asked == [(DRAMA, PAID_FOR, EPISODES, NOW_MS)]


async def test_a_page_elsewhere_gets_ours_alone_and_wechat_is_not_asked(tmp_path: Path):
    links = MemoryLinks()
    assert (await with_links(tmp_path, links).play(PAID_FOR)).json()["wechat"] is None
    assert links.asked == []


async def test_of_a_locked_or_hidden_episode_wechat_is_not_even_asked(tmp_path: Path):
    links = MemoryLinks()
    rig = with_links(tmp_path, links)
    assert (await weapp(rig, EPISODES)).status_code == 402
    rig.catalogue.current = rig.catalogue.current.with_takedowns([DRAMA])
    assert (await weapp(rig, 1)).status_code == 404
    assert links.asked == []


@pytest.mark.parametrize("says", [None, RedisAway(), OSError(), "hangs"], ids=["none yet", "away", "cut", "hangs"])
async def test_without_it_the_episode_is_played_all_the_same(
    tmp_path: Path, says: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ingest_api.play.platform.WITHIN_S", 0.05)
    rig = with_links(tmp_path, MemoryLinks(says))
    answer = await weapp(rig, 1)
    assert (answer.status_code, answer.json()["wechat"]) == (200, None)
