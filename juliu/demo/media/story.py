"""The media demo on an installation of its own: make, submit, wait, play."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

from domain.media.steps import JobState
from infra.local.home import Home
from infra.media.job import JobView
from infra.media.queue import JobQueue
from infra.mysql.engine import engine_of
from infra.settings import Settings
from ingest_api.auth import Scope, issue
from juliu.demo import setup
from juliu.demo.catalogue import write_lines
from juliu.demo.commands import juliu
from juliu.demo.media import clips, viewer
from juliu.demo.media.browser import Browser, browser, require
from juliu.demo.media.clips import CLIPS, TITLE
from juliu.demo.media.drama import DRAMA_ID, drama
from juliu.demo.media.report import Episode, MediaReport, rungs_of
from juliu.demo.media.viewer import NotPlayable
from juliu.load.client import Client
from juliu.media.live import follow

SCREENSHOT = "demo-media.png"
_DONE_WITHIN_S = 600.0  # half a minute where nothing else runs
_UNTIL_S, _SHORT_S = 2.4, 1.0  # into the second segment, with another initialisation vector; of what has one rung
_LINES = 2
_TOKEN_DAYS = 1


def play(home: Home, console: Console, report: MediaReport) -> Settings:
    """All of it, into `report`.  Raises what it cannot go on after (juliu.commands.demo.STOPS)."""
    require()
    folder = home.run("demo") / "media"
    with report.step("clips"):
        console.print(f"ffmpeg: {len(clips.make(folder))} episodes")
    settings = setup.set_up(home, console, report, partial(write_lines, [drama()]))
    with report.step("jobs"):
        report.episodes = _processed(settings, console, folder)
    with report.step("addresses"):
        addresses = asyncio.run(_addresses(settings, report))
    with report.step("browser"), browser(f"http://{settings.api_host}:{settings.api_port}") as chromium:
        console.print("Chromium: every rendition, from the first to the last")
        report.episodes = [_shown(chromium, episode, addresses[episode.episode_no]) for episode in report.episodes]
        report.screenshot = _picture(chromium, addresses[CLIPS[0].episode_no], home.path / SCREENSHOT)
    report.judge()
    return settings


def _processed(settings: Settings, console: Console, folder: Path) -> list[Episode]:
    """Submit the files as a person would, and wait until every job has ended."""
    submitted = json.loads(juliu("media", "submit", str(folder), "--drama", str(DRAMA_ID), "--json"))
    engine = engine_of(settings)
    try:
        jobs = JobQueue(engine, lambda: int(time.time() * 1000))
        ended = follow(jobs, [one["job_id"] for one in submitted["jobs"]], console, _DONE_WITHIN_S)
    finally:
        engine.dispose()
    if troubles := [_trouble(view) for view in ended if view.job.state is not JobState.DONE]:
        raise NotPlayable("\n".join(troubles))
    return sorted((_episode(view) for view in ended), key=lambda episode: episode.episode_no)


def _episode(view: JobView) -> Episode:
    cpu_s = sum(step.cpu_ms for step in view.steps) / 1000
    return Episode(view.job.episode_no, view.job.job_id, str(view.job.state), round(cpu_s, 2))


def _trouble(view: JobView) -> str:
    said = "; ".join(f"{step.step}: {step.reason} {step.text}" for step in view.steps if step.reason)
    return f"job {view.job.job_id} of episode {view.job.episode_no} is {view.job.state}: {said}"


async def _addresses(settings: Settings, report: MediaReport) -> dict[int, str]:
    """Where each episode is for the viewer; what the key service tells another goes into the report."""
    secret, now_s = settings.jwt_secret.get_secret_value(), int(time.time())

    def token_of(user_id: int) -> str:
        return issue(secret, user_id, Scope.VIEWER, now_s, _TOKEN_DAYS)

    with closing(Client(settings.api_host, settings.api_port, token_of, lines=_LINES)) as client:
        addresses = await viewer.addresses(client, settings, [clip.episode_no for clip in CLIPS])
        first = CLIPS[0]
        report.key_answers = await viewer.tried_by_another(client, addresses[first.episode_no], rungs_of(first)[0])
    return addresses


def _shown(chromium: Browser, episode: Episode, address: str) -> Episode:
    """The episode with every rendition as it was on the screen."""
    rungs, title = chromium.rungs(address), _title(episode.episode_no)
    until_s = _UNTIL_S if len(rungs) > 1 else _SHORT_S
    return replace(episode, shown=[chromium.play(address, rung, title, until_s) for rung in rungs])


def _picture(chromium: Browser, address: str, to: Path) -> str:
    """A picture of the screen while the first episode plays on it, in its best rendition."""
    chromium.play(address, rungs_of(CLIPS[0])[-1], _title(CLIPS[0].episode_no), _UNTIL_S)
    chromium.screenshot(to)
    return str(to)


def _title(episode_no: int) -> str:
    return f"{TITLE} 第{episode_no}集"
