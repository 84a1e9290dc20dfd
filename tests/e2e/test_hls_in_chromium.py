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

from domain.media import grant
from infra.local import local_env
from infra.local.errors import StackError
from infra.local.home import Home
from juliu.demo.media.browser import Browser, CannotPlay, browser, require
from juliu.demo.media.clips import CLIPS
from juliu.demo.media.drama import DRAMA_ID, FREE_FIRST
from juliu.demo.media.report import rungs_of
from juliu.demo.media.viewer import ANOTHER, VIEWER
from tests.servers import own_home

WITHIN_S = 400
LOCKED = FREE_FIRST + 1
DOWN_WITHIN_S = 30.0  # a bound on waiting; that it is two looks at the catalogue, test_hls_routes tells

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


@pytest.fixture(scope="module")
def report(home: Home) -> dict[str, Any]:
    """What the demo has found; its stack goes on."""
    found: dict[str, Any] = json.loads(juliu(home, "demo", "--story", "media", "--json"))
    return found


@pytest.fixture(scope="module")
def viewer(home: Home, report: dict[str, Any]) -> Iterator[httpx.Client]:
    """The demo's viewer, who has unlocked all five."""
    token = juliu(home, "token", "--user", str(VIEWER)).split()[1]
    address = json.loads(juliu(home, "status", "--json"))["processes"]["api"]["address"]
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


@pytest.fixture
def chromium(viewer: httpx.Client) -> Iterator[Browser]:
    with browser(str(viewer.base_url).rstrip("/")) as one:
        yield one


def test_every_rendition_of_every_episode_was_on_the_screen(report):
    assert report["good"], report["wrong"]
    seen = {episode["episode_no"]: [shown["rung"] for shown in episode["shown"]] for episode in report["episodes"]}
    assert seen == {clip.episode_no: rungs_of(clip) for clip in CLIPS}
    assert seen[1] == ["360p", "540p", "720p", "1080p"]
    assert report["key_answers"] == {"viewer": 200, "another": 403}
    screen = Path(report["screenshot"])
    assert screen.read_bytes().startswith(b"\x89PNG")
    assert max(abs(a - b) for a, b in zip(lowest_colour(screen), CLIPS[0].colour, strict=True)) < 40


def test_who_has_not_unlocked_it_gets_playlists_but_no_key(home, viewer, chromium):
    address = play_address(viewer, LOCKED)
    assert chromium.play(address, "360p", "", 0.5).frames > 0
    assert chromium.refused(reissued(home, address, user_id=ANOTHER), "360p") == "keyLoadError 403"


def test_an_address_whose_time_is_over_plays_nothing(home, viewer, chromium):
    over = reissued(home, play_address(viewer, 1), expires_ms=int(time.time() * 1000) - 1)
    assert viewer.get(over.replace("master.m3u8", "360p/key")).status_code == 403
    assert chromium.refused(over, "360p") == "manifestLoadError 403"


def test_when_the_drama_is_taken_down_what_is_out_stops_to_play(home, viewer, chromium):
    address = play_address(viewer, 1)
    assert chromium.play(address, "360p", "", 0.5).frames > 0
    juliu(home, "catalogue", "takedown", str(DRAMA_ID))
    key, until = address.replace("master.m3u8", "360p/key"), time.monotonic() + DOWN_WITHIN_S
    while viewer.get(key).status_code == 200:
        assert time.monotonic() < until, "a key is still given"
        time.sleep(0.05)
    assert chromium.refused(address, "360p") == "manifestLoadError 404"


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


def play_address(viewer: httpx.Client, episode_no: int) -> str:
    answer = viewer.get(f"/v1/dramas/{DRAMA_ID}/episodes/{episode_no}/play")
    answer.raise_for_status()
    address: str = answer.json()["address"]
    return address


def reissued(home: Home, address: str, **other: int) -> str:
    """The address with a grant that says something else, signed as the API would."""
    secret = local_env.read(home)["JULIU_TICKET_SECRET"].encode()
    text = address.split("/")[3]
    return address.replace(text, grant.make(secret, grant.read([secret], text)._replace(**other)))
