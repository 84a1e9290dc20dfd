"""What a file's headers claim, asked of ffprobe; see domain.media.probe."""

from __future__ import annotations

import json
from pathlib import Path

from domain.media import probe as claims
from domain.media.limits import MIB, Limits
from domain.media.probe import Probe
from domain.media.trouble import Failure, StepFailed
from domain.media.verdict import Code
from media_jobs.ffmpeg.blame import blamed
from media_jobs.ffmpeg.sandbox import run
from media_jobs.ffmpeg.sinks import Kept
from media_jobs.ffmpeg.source import bounds, opened, size_of
from media_jobs.watch import Watch

MOST_JSON = 1 * MIB
FRAMES = 300  # whose times tell whether they come evenly: ten seconds
_ENTRIES = (
    "format=format_name,duration,bit_rate:"
    "stream=codec_type,codec_name,profile,width,height,sample_aspect_ratio,pix_fmt,field_order,color_transfer,"
    "avg_frame_rate,r_frame_rate,duration,bit_rate,sample_rate,channels:"
    "stream_disposition=attached_pic:stream_tags=rotate:stream_side_data=rotation"
)
_FFPROBE = ("ffprobe", "-hide_banner", "-loglevel", "error")


def probe(path: Path, limits: Limits, watch: Watch) -> Probe:
    """What the file claims.  StepFailed(MEND) with a Code for what is no file, or none that can be read."""
    size = size_of(path, limits)
    try:
        with blamed(on_slow=Failure.MEND):
            answer = _ask(path, limits, watch, "-show_entries", _ENTRIES, "-of", "json")
            times = _ask(path, limits, watch, *_times_asked())
    except StepFailed as error:
        if error.reason == Code.TRUNCATED and not _begins_as_mp4(path):  # ffmpeg believed the name
            raise StepFailed(Failure.MEND, Code.UNREADABLE, "This is no video.") from error
        raise
    try:
        return claims.parse(json.loads(answer), path.suffix, size, _times(times))
    except ValueError as error:  # NotMedia and what is no JSON
        raise StepFailed(Failure.MEND, Code.UNREADABLE, f"It cannot be read as video: {error}") from error


def _begins_as_mp4(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8)[4:] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")


def _times_asked() -> tuple[str, ...]:
    entries = ("-select_streams", "V:0", "-show_entries", "packet=pts_time")
    return (*entries, "-read_intervals", f"%+#{FRAMES}", "-of", "csv=p=0")


def _ask(path: Path, limits: Limits, watch: Watch, *asked: str) -> bytes:
    kept = Kept(MOST_JSON)
    run([*_FFPROBE, *asked, *opened(path, limits)], bounds(limits, 0), watch, out=kept)
    return bytes(kept.body)


def _times(lines: bytes) -> list[float]:
    """Seconds; packets without a time (`N/A`) are left out."""
    words = (line.strip().rstrip(",") for line in lines.decode("ascii", "replace").splitlines())
    return [float(word) for word in words if word.replace(".", "", 1).lstrip("-").isdigit()]
