"""What a file's headers claim of it: size, length, codecs.  Claims only; `report` says what decoding it found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

Json = Mapping[str, Any]
ANAMORPHIC = (Fraction(1, 4), Fraction(4))  # pixel shapes beyond this are damage, not intent
UNEVEN = 0.2  # of a frame's length: millisecond time bases round by less at 60 fps


class NotMedia(ValueError):
    """ffprobe's answer has no such shape: nothing can be said of the file."""


@dataclass(frozen=True)
class Audio:
    """The first sound track."""

    codec: str
    sample_rate: int
    channels: int
    bps: int  # 0: not told
    duration_ms: int = 0  # of this track alone; 0: not told


@dataclass(frozen=True)
class Video:
    """The first moving picture, as it is to be seen: turned, and with square pixels."""

    codec: str
    profile: str
    pixel_format: str
    width: int
    height: int
    coded_width: int
    coded_height: int
    rotation: int  # degrees clockwise, 0..359, already in width and height
    fps: Fraction  # mean; 0: not told
    variable: bool  # frames come at uneven distances
    interlaced: bool
    hdr: bool
    bps: int  # 0: not told
    duration_ms: int = 0  # of this track alone; 0: not told


@dataclass(frozen=True)
class Probe:
    """What the file claims.  `duration_ms` is 0 where it claims none; `extension` is lower case, without the dot."""

    container: str  # ffmpeg's name of the real format, the first of its synonyms: mov, matroska, mpegts, ...
    extension: str
    size_bytes: int
    duration_ms: int
    bps: int
    streams: int
    video: Video | None
    audio: Audio | None

    def seen(self) -> Video:
        """The picture.  Raises NotMedia where there is none: look at the verdict first."""
        if self.video is None:
            raise NotMedia("no picture")
        return self.video


def parse(answer: Json, extension: str, size_bytes: int, frame_times: Sequence[float] = ()) -> Probe:
    """From `ffprobe -show_streams -show_format -of json` and the first frames' times in seconds, in any order.

    Raises NotMedia where the answer is not of that shape.  Numbers that are no numbers count as not told.
    """
    form, streams = answer.get("format"), answer.get("streams")
    if not isinstance(form, Mapping) or not isinstance(streams, list):
        raise NotMedia("ffprobe told neither format nor streams")
    return Probe(
        container=str(form.get("format_name", "")).split(",")[0],
        extension=extension.lower().lstrip("."),
        size_bytes=size_bytes,
        duration_ms=_duration_ms(form, streams),
        bps=_whole(form.get("bit_rate")),
        streams=len(streams),
        video=_video(_first(streams, "video"), frame_times),
        audio=_audio(_first(streams, "audio")),
    )


def is_uneven(times: Sequence[float]) -> bool:
    """Whether frames at these times (s, any order) come at uneven distances.  Fewer than 3 tell nothing: False."""
    ordered = sorted(times)
    gaps = [later - earlier for earlier, later in pairwise(ordered)]
    if len(gaps) < 2:
        return False
    typical = sorted(gaps)[len(gaps) // 2]
    return any(abs(gap - typical) > max(UNEVEN * typical, 0.0015) for gap in gaps)


def _first(streams: list[Json], kind: str) -> Json | None:
    """The first stream of a kind that is no cover picture."""
    for stream in streams:
        cover = stream.get("disposition", {}).get("attached_pic") == 1
        if stream.get("codec_type") == kind and not cover:
            return stream
    return None


def _duration_ms(form: Json, streams: list[Json]) -> int:
    """The longest that anything in the file claims: a bound is asked of the worst claim."""
    claims = [form.get("duration"), *(stream.get("duration") for stream in streams)]
    return max(_ms(claim) for claim in claims)


def _video(stream: Json | None, frame_times: Sequence[float]) -> Video | None:
    if stream is None:
        return None
    coded = _whole(stream.get("width")), _whole(stream.get("height"))
    rotation = _rotation(stream)
    width, height = _square(*coded, _ratio(stream.get("sample_aspect_ratio")))
    if rotation % 180 == 90:
        width, height = height, width
    return Video(
        codec=str(stream.get("codec_name", "")),
        profile=str(stream.get("profile", "")),
        pixel_format=str(stream.get("pix_fmt", "")),
        width=width,
        height=height,
        coded_width=coded[0],
        coded_height=coded[1],
        rotation=rotation,
        fps=_ratio(stream.get("avg_frame_rate")) or _ratio(stream.get("r_frame_rate")),
        variable=is_uneven(frame_times),
        interlaced=stream.get("field_order", "progressive") not in ("progressive", "unknown"),
        hdr=stream.get("color_transfer") in ("smpte2084", "arib-std-b67"),
        bps=_whole(stream.get("bit_rate")),
        duration_ms=_ms(stream.get("duration")),
    )


def _audio(stream: Json | None) -> Audio | None:
    if stream is None:
        return None
    return Audio(
        codec=str(stream.get("codec_name", "")),
        sample_rate=_whole(stream.get("sample_rate")),
        channels=_whole(stream.get("channels")),
        bps=_whole(stream.get("bit_rate")),
        duration_ms=_ms(stream.get("duration")),
    )


def _rotation(stream: Json) -> int:
    """Degrees clockwise; a phone's matrix counts the other way round, an old file's tag does not."""
    for side in stream.get("side_data_list", []):
        if "rotation" in side:
            return round(-_number(side["rotation"])) % 360
    return round(_number(stream.get("tags", {}).get("rotate"))) % 360


def _square(width: int, height: int, shape: Fraction) -> tuple[int, int]:
    """The size with square pixels; the other side than they stretch shrinks: nothing is ever upscaled."""
    if not ANAMORPHIC[0] <= shape <= ANAMORPHIC[1] or shape == 1:
        return width, height
    return (width, round(height / shape)) if shape > 1 else (round(width * shape), height)


def _ratio(value: object) -> Fraction:
    """`30000/1001` or `1:1`; 0 for what is none."""
    try:
        return Fraction(str(value).replace(":", "/"))
    except (ValueError, ZeroDivisionError):
        return Fraction(0)


def _number(value: object) -> float:
    """A finite number of at least -1e12 and at most 1e12, else 0."""
    try:
        number = float(str(value))
    except ValueError:
        return 0.0
    return number if math.isfinite(number) and abs(number) <= 1e12 else 0.0


def _ms(seconds: object) -> int:
    return max(0, round(1000 * _number(seconds)))


def _whole(value: object) -> int:
    return max(0, round(_number(value)))
