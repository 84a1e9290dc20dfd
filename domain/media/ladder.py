"""Which renditions an episode gets, by its source: never larger than that, sizes even, one constant rate of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from domain.media.probe import Probe

SEGMENT_S = 2
NEARLY = 0.9  # a source of 1072 is a "1080p" of its own size: dropping to 720 would cost its viewers a third

# Short side, video bit/s (cap of the rate control), audio bit/s: H.264 at 25-30 fps; the middle of what HLS
# authoring specifications and short-video apps use for phones on mobile networks.
_STEPS = (
    ("360p", 360, 600_000, 64_000),
    ("540p", 540, 1_100_000, 96_000),
    ("720p", 720, 2_000_000, 128_000),
    ("1080p", 1080, 3_800_000, 128_000),
)
NAMES = tuple(name for name, *_ in _STEPS)

# Rates that players and screens know; a source between two gets the upper one, so that no frame is lost.
_RATES = tuple(
    Fraction(rate)
    for rate in ("10", "12", "15", "20", "24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60")
)


@dataclass(frozen=True)
class Rung:
    """One rendition: its name, its size as seen, bit/s of picture (cap of the rate control, over 1 s) and of sound."""

    name: str
    width: int
    height: int
    video_bps: int
    audio_bps: int


@dataclass(frozen=True)
class EncodedRung:
    """A rendition as it came out: bytes of all segments, how many, bit/s at most and on average, codecs (RFC 6381)."""

    rung: Rung
    bytes: int
    segments: int
    bandwidth: int
    average_bandwidth: int
    codecs: str


@dataclass(frozen=True)
class Encoded:
    """All renditions of an episode, smallest first, and what making them took."""

    rungs: tuple[EncodedRung, ...]
    fps: Fraction
    duration_ms: int
    cpu_s: float


def rungs_of(probe: Probe) -> list[Rung]:
    """The ladder of a source, smallest first; at least one, which for a source below 360 has the source's own size.

    Raises NotMedia where there is no picture.
    """
    video = probe.seen()
    short = min(video.width, video.height)
    fitting = [step for step in _STEPS if short >= NEARLY * step[1]] or [_STEPS[0]]
    return [_rung(video.width, video.height, step) for step in fitting]


def rate_of(probe: Probe) -> Fraction:
    """Frames a second of every rendition: constant, so that key frames can stand at the same instants in all."""
    fps = probe.seen().fps or Fraction(25)
    return next((rate for rate in _RATES if rate >= fps * Fraction(999, 1000)), _RATES[-1])


def mezzanine_of(probe: Probe) -> Rung:
    """The size of the one plain file: the source's own, at most that of the largest rung."""
    return rungs_of(probe)[-1]


def aligned(cuts: Sequence[Sequence[float]], fps: Fraction) -> bool:
    """Whether renditions, given as the lengths (s) of their segments, are cut at the same instants: to half a frame."""
    first, *others = cuts
    slack = float(1 / (2 * fps))
    return all(
        len(other) == len(first) and all(abs(a - b) <= slack for a, b in zip(first, other, strict=True))
        for other in others
    )


def _rung(width: int, height: int, step: tuple[str, int, int, int]) -> Rung:
    name, short, video_bps, audio_bps = step
    scale = min(1.0, short / min(width, height))
    return Rung(name, _even(width * scale), _even(height * scale), video_bps, audio_bps)


def _even(length: float) -> int:
    """The even number below, at least 2: 4:2:0 has one colour for two pixels, and larger would be upscaled."""
    return max(2, int(length + 1e-6) // 2 * 2)
