"""Five episodes made by ffmpeg: a moving picture, a tone, the number and a colour of its own in each."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

TITLE = "重生之我在云端剪片子"
_WITHIN_S = 120
_FPS = 15
_STRIP = 0.1  # of the height, at the bottom: in the episode's own colour


class CannotMake(RuntimeError):
    """A program or a font is not there, or failed; the message says what to type or what it said."""


@dataclass(frozen=True)
class Clip:
    """An episode: its number, size and length, how it sounds, and the colour (RGB) of its strip."""

    episode_no: int
    width: int
    height: int
    seconds: int
    tone_hz: int
    colour: tuple[int, int, int]

    @property
    def name(self) -> str:
        """The name of its file, as `juliu media submit` reads it."""
        return f"{TITLE} - 第{self.episode_no}集.mp4"


# The first is large enough for the whole ladder; the others have one rung, so that two cores are done in half a minute.
CLIPS = (
    Clip(1, 1080, 1920, 6, 262, (200, 30, 30)),
    Clip(2, 360, 640, 4, 294, (30, 160, 30)),
    Clip(3, 360, 640, 4, 330, (30, 60, 200)),
    Clip(4, 360, 640, 4, 349, (200, 160, 20)),
    Clip(5, 360, 640, 4, 392, (150, 40, 170)),
)


def make(folder: Path) -> list[Path]:
    """Write all of them into `folder`, which is emptied first.  Raises CannotMake."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    font = chinese_font()
    return [_make(clip, folder / clip.name, font) for clip in CLIPS]


def chinese_font() -> Path:
    """A font that has the words.  Raises CannotMake."""
    try:
        found = _run(["fc-match", "-f", "%{file}|%{lang}", ":lang=zh-cn"])
    except CannotMake as error:
        raise CannotMake(f"no Chinese font is found: `make setup` ({error})") from error
    file, _, languages = found.partition("|")
    if "zh-cn" not in languages.split("|"):
        raise CannotMake("no Chinese font is installed: as root `apt-get install fonts-wqy-microhei`")
    return Path(file)


def _make(clip: Clip, to: Path, font: Path) -> Path:
    picture = f"testsrc2=size={clip.width}x{clip.height}:rate={_FPS}:duration={clip.seconds}"
    tone = f"sine=frequency={clip.tone_hz}:sample_rate=44100:duration={clip.seconds}"
    _run([
        "ffmpeg", "-hide_banner", "-nostdin", "-y", "-loglevel", "error", "-f", "lavfi", "-i", picture,
        "-f", "lavfi", "-i", tone, "-vf", _burnt_in(clip, font),
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest", str(to),
    ])  # fmt: skip
    return to


def _burnt_in(clip: Clip, font: Path) -> str:
    """The filters that write into the picture.  Nothing in them comes from outside."""
    strip = f"drawbox=x=0:y=ih*{1 - _STRIP}:w=iw:h=ih*{_STRIP}:color=0x{bytes(clip.colour).hex()}:t=fill"
    look = f"fontfile={font}:fontcolor=white:borderw=4:bordercolor=black:x=(w-tw)/2"
    number = f"drawtext=text=第{clip.episode_no}集:fontsize=h/8:y=h*0.3:{look}"
    clock = rf"drawtext=text=%{{pts\\:hms}}:fontsize=h/20:y=h*0.5:{look}"
    return ",".join((strip, number, clock))


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own command, arguments from our own code
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_WITHIN_S, check=False
        )
    except FileNotFoundError as error:
        raise CannotMake(f"{command[0]} is not installed: `make setup`") from error
    except subprocess.TimeoutExpired as error:
        raise CannotMake(f"{command[0]} did not end within {_WITHIN_S} s") from error
    if done.returncode:
        raise CannotMake(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
