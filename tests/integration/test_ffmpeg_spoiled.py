"""Files spoiled at random: the answer is a verdict, soon, whatever is wrong; and what is accepted can be encoded."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from domain.media.limits import Limits
from domain.media.trouble import Failure, StepFailed
from domain.media.verdict import rejects, verdict
from media_jobs.ffmpeg.inspection import inspect
from media_jobs.ffmpeg.posters import posters
from media_jobs.ffmpeg.probing import probe
from tests.renditions import NOBODY, a_scene
from tests.videos import a_clip, left_running, needs_ffmpeg

pytestmark = needs_ffmpeg
LIMITS = Limits(least_s=20)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """A second of each container."""
    at = tmp_path_factory.mktemp("clips")
    return [a_clip(at / f"a.{ending}", seconds=1).read_bytes() for ending in ("mp4", "ts", "mkv")]


def spoiled(body: bytes, chance: random.Random) -> bytes:
    """Some bytes are others, half of them in the headers; now and then the end is missing."""
    other = bytearray(body)
    for _ in range(chance.choice((1, 3, 20, 200))):
        other[chance.randrange(chance.choice((3_000, len(other))))] = chance.choice((0, 255, chance.randrange(256)))
    return bytes(other[: chance.randrange(1, len(other))] if chance.random() < 0.2 else other)


def refused(path: Path) -> bool:
    """Whether it is, by the file's own fault."""
    try:
        found = probe(path, LIMITS, NOBODY)
        return rejects(verdict(found)) or rejects(verdict(found, inspect(path, found, LIMITS, NOBODY)))
    except StepFailed as error:
        if error.kind is not Failure.MEND:
            raise
        return True


@pytest.mark.parametrize("seed", range(10))
def test_a_spoiled_file_is_refused_or_can_be_encoded(seed: int, clips: list[bytes], tmp_path: Path):
    chance = random.Random(seed)
    path = tmp_path / "a.mp4"
    path.write_bytes(spoiled(chance.choice(clips), chance))
    if not refused(path):
        scene = a_scene(path)
        assert scene.encode(tmp_path / "hls", limits=LIMITS).duration_ms > 0
        assert posters(path, tmp_path / "posters", scene.probe, NOBODY, count=1, limits=LIMITS)
    assert left_running() == []
