"""What our packager makes decrypts to pictures for a player that sends no headers: every rung, and only with keys."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator

import pytest
import uvicorn

from domain.media import names
from domain.media.ladder import rungs_of
from domain.media.limits import Limits
from ingest_api.server import DeadlineProtocol, options
from media_jobs.ffmpeg.encoding import encode_ladder
from media_jobs.ffmpeg.inspection import inspect
from media_jobs.ffmpeg.probing import probe
from media_jobs.watch import Unwatched
from tests.builders import DRAMA
from tests.hls_rig import EPISODES, OTHER_HASH, HlsRig, at
from tests.videos import a_clip

FRAMES, RATE = 30, 15
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> tuple[HlsRig, list[str]]:
    """The first and the last (locked) episode of DRAMA as the worker leaves them; and their rungs."""
    root, source = tmp_path_factory.mktemp("media"), tmp_path_factory.mktemp("source") / "clip.mp4"
    a_clip(source, size="540x960", seconds=FRAMES / RATE, rate=str(RATE))
    rig, watch, limits = HlsRig(root), Unwatched(), Limits()
    found = probe(source, limits, watch)
    rungs = rungs_of(found)
    for no in (1, EPISODES):
        keys = rig.keys.keys_for(DRAMA, no, OTHER_HASH, [rung.name for rung in rungs])
        folder = root / names.hls(DRAMA, no, OTHER_HASH)
        report = inspect(source, found, limits, watch)
        encode_ladder(source, folder, rungs, keys, probe=found, report=report, watch=watch)
    return rig, [rung.name for rung in rungs]


@pytest.fixture
async def base(encoded: tuple[HlsRig, list[str]]) -> AsyncIterator[str]:
    """The API on a socket."""
    config = options(encoded[0].settings.model_copy(update={"api_port": 0}), DeadlineProtocol) | {"loop": "none"}
    server = uvicorn.Server(uvicorn.Config(encoded[0].app, **config | {"lifespan": "off"}))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


async def frames(address: str) -> int:
    """Pictures that a player gets out of an address; 0 where it gets none."""
    asked = (
        "ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames",
        "-of", "csv=p=0", address,
    )  # fmt: skip
    done = await asyncio.to_thread(subprocess.run, asked, capture_output=True, text=True, timeout=60, check=False)
    told = done.stdout.split()
    return int(told[0]) if told and told[0].isdigit() else 0


async def test_every_rung_plays_from_its_address_alone(encoded: tuple[HlsRig, list[str]], base: str):
    _, rungs = encoded
    assert rungs == ["360p", "540p"]
    for rung in rungs:
        assert await frames(base + at(f"{rung}/index.m3u8", hash12=OTHER_HASH)) == FRAMES
    assert await frames(base + at("master.m3u8", hash12=OTHER_HASH)) == FRAMES


async def test_without_the_entitlement_the_same_bytes_are_noise(encoded: tuple[HlsRig, list[str]], base: str):
    locked = {"episode_no": EPISODES, "hash12": OTHER_HASH}
    rig, _ = encoded
    assert (await rig.get(at("360p/00000.ts", **locked))).status_code == 200
    assert await frames(base + at("360p/index.m3u8", **locked)) == 0
