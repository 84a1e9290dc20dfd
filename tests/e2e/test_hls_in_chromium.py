"""Every rendition of five episodes on a screen, through the jobs, the key service and hls.js, until a take-down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.errors import StackError
from infra.local.home import Home
from juliu.demo.media.browser import Browser, CannotPlay, browser, require
from juliu.demo.media.clips import CLIPS
from juliu.demo.media.drama import DRAMA_ID
from juliu.demo.media.report import rungs_of
from juliu.demo.media.viewer import VIEWER
from tests.servers import own_home

WITHIN_S = 400
DOWN_WITHIN_S = 2.0  # from the take-down's answer until no key is given any more

pytestmark = [pytest.mark.servers, pytest.mark.timeout(WITHIN_S + 100)]


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home for this file's stack, on a machine that can play."""
    try:
        require()
    except (CannotPlay, StackError) as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    with own_home("media") as one:
        yield one


def juliu(home: Home, *arguments: str) -> str:
    environment = {**os.environ, "JULIU_HOME": str(home.path)}
    done = subprocess.run(
        [sys.executable, "-m", "juliu", *arguments],
        env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done.stdout


def lowest_colour(png: Path) -> tuple[int, ...]:
    """The mean colour of the strip below the video's picture on the 390x780 screen: the video ends at 693."""
    found = subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-i", str(png), "-vf", "crop=390:30:0:655,scale=1:1:flags=area",
         "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return tuple(found.stdout)


def test_every_rendition_plays_and_stops_to_play_when_the_drama_is_taken_down(home):
    report = json.loads(juliu(home, "demo", "--story", "media", "--json"))
    assert_all_was_seen(report)
    with httpx.Client(base_url=api(home)) as client, browser(api(home)) as chromium:
        address = play_address(home, client)
        assert chromium.play(address, "360p", "", 0.5).frames > 0
        juliu(home, "catalogue", "takedown", str(DRAMA_ID))
        assert_dead(client, chromium, address)


def assert_all_was_seen(report: dict[str, Any]) -> None:
    assert report["good"], report["wrong"]
    seen = {episode["episode_no"]: [shown["rung"] for shown in episode["shown"]] for episode in report["episodes"]}
    assert seen == {clip.episode_no: rungs_of(clip) for clip in CLIPS}
    assert seen[1] == ["360p", "540p", "720p", "1080p"]
    assert report["key_answers"] == {"viewer": 200, "another": 403}
    screen = Path(report["screenshot"])
    assert screen.read_bytes().startswith(b"\x89PNG")
    assert max(abs(a - b) for a, b in zip(lowest_colour(screen), CLIPS[0].colour, strict=True)) < 40


def api(home: Home) -> str:
    address: str = json.loads(juliu(home, "status", "--json"))["processes"]["api"]["address"]
    return address


def play_address(home: Home, client: httpx.Client) -> str:
    token = juliu(home, "token", "--user", str(VIEWER)).split()[1]
    answer = client.get(f"/v1/dramas/{DRAMA_ID}/episodes/1/play", headers={"Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    address: str = answer.json()["address"]
    return address


def assert_dead(client: httpx.Client, chromium: Browser, address: str) -> None:
    """No key, no playlist, nothing on the screen, though the address has minutes to live."""
    key = address.replace("master.m3u8", "360p/key")
    until = time.monotonic() + DOWN_WITHIN_S
    while client.get(key).status_code == 200:
        assert time.monotonic() < until, "a key is still given"
        time.sleep(0.05)
    assert client.get(address).status_code in (403, 404)
    assert "40" in chromium.refused(address, "360p")
