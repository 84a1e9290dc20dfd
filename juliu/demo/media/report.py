"""What the media story reports: numbers for programs (demo-media-report.json), a table for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from domain.media import ladder
from juliu.demo.media.browser import Shown
from juliu.demo.media.clips import CLIPS, Clip
from juliu.demo.timed import Timed

_NEAR = 40  # of 255: what encoding, and colours named without their matrix, may shift a channel


@dataclass(frozen=True)
class Episode:
    """An episode as its job left it, and each of its renditions as the browser showed it."""

    episode_no: int
    job_id: int
    state: str
    cpu_s: float
    shown: Sequence[Shown] = ()


@dataclass
class MediaReport(Timed):
    """The outcome; empty until the step that finds out.  `key_answers`: HTTP status by who asked for a key."""

    episodes: list[Episode] = field(default_factory=list)
    key_answers: Mapping[str, int] = field(default_factory=dict)
    screenshot: str = ""
    wrong: list[str] = field(default_factory=list)

    def judge(self) -> None:
        """Say in `wrong` what is not as it must be."""
        found = {episode.episode_no: episode for episode in self.episodes}
        self.wrong = [words for clip in CLIPS for words in _wrong(clip, found.get(clip.episode_no))]
        if self.key_answers != {"viewer": 200, "another": 403}:
            self.wrong.append(f"a key is for who asked for the address, and was answered with {dict(self.key_answers)}")

    @property
    def good(self) -> bool:
        """Every rendition of every episode was on the screen, each with its key, and nobody else got that key."""
        return bool(self.episodes) and not self.wrong

    def write(self, path: Path) -> None:
        """Replace the file at `path`."""
        path.write_text(self.as_json() + "\n", encoding="utf-8")

    def as_json(self) -> str:
        """The document of demo-media-report.json."""
        return json.dumps({**asdict(self), "good": self.good}, ensure_ascii=False, indent=1)


def rungs_of(clip: Clip) -> list[str]:
    """What the ladder of a clip must have, smallest first."""
    return [name for name in ladder.NAMES if int(name.removesuffix("p")) <= min(clip.width, clip.height)]


def _wrong(clip: Clip, episode: Episode | None) -> list[str]:
    """In words, what is not right with one episode."""
    if episode is None or episode.state != "done":
        return [f"episode {clip.episode_no} is {episode.state if episode else 'not there'}"]
    told = [shown.rung for shown in episode.shown]
    if told != rungs_of(clip):
        return [f"episode {clip.episode_no} has {told} for {rungs_of(clip)}"]
    return [
        f"episode {clip.episode_no}, {shown.rung}: {words}"
        for shown in episode.shown
        if (words := _wrong_picture(clip, shown))
    ]


def _wrong_picture(clip: Clip, shown: Shown) -> str:
    if f"{shown.width}p" != shown.rung:
        return f"the picture is {shown.width}x{shown.height}"
    if not (shown.keys and shown.segments and shown.decrypted):
        return f"{shown.keys} keys, {shown.segments} segments, {shown.decrypted} decrypted"
    if max(abs(is_ - must) for is_, must in zip(shown.colour, clip.colour, strict=True)) > _NEAR:
        return f"the strip has the colour {shown.colour}, not {clip.colour}"
    return "" if shown.frames else "no frame"


def show(report: MediaReport, console: Console) -> None:
    """Print the table."""
    table = Table(
        "episode", "job", Column("CPU s", justify="right"), "rendition", Column("picture", justify="right"),
        Column("frames", justify="right"), Column("keys", justify="right"), Column("decrypted", justify="right"),
    )  # fmt: skip
    for episode in report.episodes:
        first = (str(episode.episode_no), f"{episode.job_id} {episode.state}", f"{episode.cpu_s:.1f}")
        for number, shown in enumerate(episode.shown or [None]):
            table.add_row(*(first if number == 0 else ("", "", "")), *(_cells(shown) if shown else ()))
    console.print("\nPlayed in Chromium, encrypted, through the key service", style="bold", highlight=False)
    console.print(table)
    answers = ", ".join(f"{who}: {status}" for who, status in report.key_answers.items())
    console.print(f"the key of the first episode: {answers}", highlight=False)
    for words in report.wrong:
        console.print(words, style="red", markup=False)


def _cells(shown: Shown) -> tuple[str, ...]:
    size = f"{shown.width}x{shown.height}"
    return shown.rung, size, f"{shown.frames:,}", str(shown.keys), f"{shown.decrypted}/{shown.segments}"
