"""The API with an encrypted episode in its folder, on twins; and what a player does with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from domain.audience import ANYBODY
from domain.catalogue import RENDITION_BYTES
from domain.media import grant, names
from domain.media.grant import Grant
from domain.media.master import Variant, write
from infra.money.unlocks import Wanted
from infra.settings import Settings
from ingest_api.hls.files import Playlists, Served
from ingest_api.hls.segments import Beside, away_of
from ingest_api.hls.service import Hls
from ingest_api.hls.stores import Stores
from tests.api import SETTINGS, FixedCatalogue, Twins, caller
from tests.builders import DRAMA, NOW_MS, OTHER_DRAMA, TICKET_SECRET, USER, a_catalogue, a_drama, a_token
from tests.memory_keys import MemoryKeys, MemoryPlaylists
from tests.memory_money import MemoryMoney

KEY = TICKET_SECRET.encode()
HASH, OTHER_HASH = "0123456789ab", "ba9876543210"
RUNGS = ("360p", "720p")
EPISODES, FREE, PRICE = 4, 2, 60
PAID_FOR = 3  # of DRAMA by USER; the episode after it is locked to everybody
PLAYED = ((DRAMA, 1), (DRAMA, PAID_FOR), (OTHER_DRAMA, 1))  # their files are there; the others get no further than a no
SEGMENT = bytes(range(256)) * 400
INDEX = (
    "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
    '#EXT-X-KEY:METHOD=AES-128,URI="key"\n#EXTINF:2.000000,\n00000.ts\n#EXTINF:1.500000,\n00001.ts\n#EXT-X-ENDLIST\n'
)


def a_master() -> str:
    """Two rungs."""
    return write([Variant(rung, 360 + n, 640 + n, 900_000, 700_000, "avc1.64001e") for n, rung in enumerate(RUNGS)])


def renditions(*hashes: str) -> bytes:
    """As a drama carries them; an empty one is none."""
    return b"".join(bytes.fromhex(one or "00" * RENDITION_BYTES) for one in hashes)


def lay_out(root: Path, drama_id: int, episode_no: int, hash12: str) -> None:
    """The files of an episode, as the worker leaves them."""
    for rung in RUNGS:
        index = root / names.playlist(drama_id, episode_no, hash12, rung)
        index.parent.mkdir(parents=True)
        index.write_text(INDEX)
        (root / names.segment(drama_id, episode_no, hash12, rung, 0)).write_bytes(SEGMENT)
        (root / names.segment(drama_id, episode_no, hash12, rung, 1)).write_bytes(SEGMENT[:100])
    (root / names.master(drama_id, episode_no, hash12)).write_text(a_master())


def serve(
    app: FastAPI, settings: Settings, keys: MemoryKeys, texts: MemoryPlaylists, now_ms: Callable[[], int]
) -> None:
    """Let the app's keys and playlists be these."""
    served = Served(settings.media_root)
    away = away_of(settings)
    stores = Stores(served, Playlists(served, texts), away or Beside(), away, keys)
    app.state.hls = Hls(
        [KEY], app.state.catalogue, app.state.play, stores, threads=app.state.threads[-1],
        places=app.state.media.places, now_ms=now_ms,
    )  # fmt: skip


class HlsRig:
    """Every episode of DRAMA and OTHER_DRAMA is encrypted; those past FREE cost PRICE."""

    def __init__(self, root: Path, settings: Settings = SETTINGS) -> None:
        self.money, self.keys, self.texts = MemoryMoney(), MemoryKeys(), MemoryPlaylists()
        how = {"free_first": FREE, "price_coins": PRICE, "renditions": renditions(*[HASH] * EPISODES)}
        dramas = [a_drama(drama_id, n, EPISODES, **how) for n, drama_id in enumerate((DRAMA, OTHER_DRAMA), 1)]
        for drama_id in (DRAMA, OTHER_DRAMA):
            self.money.drama(drama_id, EPISODES, FREE, PRICE)
            for no in range(1, EPISODES + 1):
                self.keys.keys_for(drama_id, no, HASH, RUNGS)
        for drama_id, no in PLAYED:
            lay_out(root, drama_id, no, HASH)
        self.money.credit(USER, PRICE, "test", "r1")
        self.money.unlock(USER, Wanted(DRAMA, PAID_FOR, "episode", self.money.version(DRAMA)), "bought", b"")
        self.catalogue = FixedCatalogue(a_catalogue(*dramas))
        self.twins = Twins(catalogue=self.catalogue, money=self.money, purse=self.money)
        self.settings = settings.model_copy(update={"media_root": str(root)})
        self.app = self.twins.app(self.settings)
        serve(self.app, self.settings, self.keys, self.texts, lambda: int(self.twins.now_s * 1000))

    async def get(self, address: str, **headers: str) -> httpx.Response:
        """Ask as a player does: no token unless `authorization` is given."""
        async with caller(self.app) as client:
            return await client.get(address, headers=headers)

    async def play(self, episode_no: int = 1, user: int = USER, drama_id: int = DRAMA) -> httpx.Response:
        """What GET .../play answers."""
        return await self.get(f"/v1/dramas/{drama_id}/episodes/{episode_no}/play", **as_viewer(user))


def as_viewer(user: int = USER) -> dict[str, str]:
    return {"authorization": f"Bearer {a_token(user)}"}


def a_grant(**changes: Any) -> str:
    """USER's for the first episode, good for a minute; `changes` are facts of it."""
    facts = {
        "user_id": USER,
        "drama_id": DRAMA,
        "episode_no": 1,
        "hash12": HASH,
        "expires_ms": NOW_MS + 60_000,
        "audience": ANYBODY,
    }
    return grant.make(KEY, Grant(**facts | changes))


def at(what: str, **changes: Any) -> str:
    """An address under such a grant."""
    return f"/v1/hls/{a_grant(**changes)}/{what}"


def with_bucket(**changes: Any) -> Settings:
    """Settings of the engine cos without a CDN."""
    more: Mapping[str, Any] = {
        "media_engine": "cos", "cos_bucket": "media-1250000000", "cos_region": "ap-shanghai",
        "cos_secret_id": SecretStr("AKIDexample"), "cos_secret_key": SecretStr("the-secret-key"), **changes,
    }  # fmt: skip
    return SETTINGS.model_copy(update=dict(more))


def with_cdn(**changes: Any) -> Settings:
    """Settings with a CDN."""
    more: Mapping[str, Any] = {
        "media_cdn_url": "https://cdn.example", "media_cdn_key": SecretStr("dimtm5evg50ijsx2hvuwyfoiu65"), **changes,
    }  # fmt: skip
    return SETTINGS.model_copy(update=dict(more))
