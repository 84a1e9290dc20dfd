"""A step of a media job with the engine cos: a clip in a COS, whose CI works on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ci_step import Step, looked_at, made_clip
from tests.standins.cos import CosStandIn


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="module")
def seen(clip: Path) -> Any:
    return looked_at(clip)


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[CosStandIn]:
    with CosStandIn(tmp_path / "cos") as running:
        yield running


@pytest.fixture
def step(stand_in: CosStandIn, seen: Any, clip: Path, tmp_path: Path) -> Step:
    return Step(stand_in, seen, clip, tmp_path)
