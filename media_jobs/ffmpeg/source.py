"""How a hostile file is opened: only as one of a few containers, with a few decoders, from this disk and no other file.

A text file that pretends to be video (HLS, DASH, concat, SDP) would have ffmpeg open other files and addresses: their
formats are not on the list, and no protocol but `file` is.  The name is absolute after `file:`, so `-i`, `concat:..`,
`http://..` and newlines in it are just a name.  `mov` follows no reference to another file unless it is told to.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from domain.media.limits import Limits
from domain.media.trouble import Failure, StepFailed
from domain.media.verdict import Code
from infra.content_hash import sha256_of
from media_jobs.ffmpeg.sandbox import Bounds
from media_jobs.watch import Watch

CONTAINERS = "mov,matroska,mpegts,flv,avi,mpeg"
VIDEO_DECODERS = "h264,hevc,mpeg4,mpeg2video,mpeg1video,vp8,vp9,libdav1d,av1,prores,dnxhd"
AUDIO_DECODERS = (
    "aac,mp3,mp3float,mp2,mp2float,ac3,eac3,opus,libopus,vorbis,flac,alac,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be"
)
OTHER_DECODERS = "mov_text,ass,ssa,subrip,webvtt,cc_dec,png,mjpeg"  # of subtitles and covers: opened, never used
DECODER_THREADS = 4  # each holds frames: without a number there are as many as the machine has cores
ANALYZE_S = 10  # of the stream; where the headers say nothing, more does not help
PROBE_BYTES = 32 * 1024 * 1024


def opened(path: Path, limits: Limits) -> list[str]:
    """ffmpeg's and ffprobe's options for reading a file, with `-i` and its name at the end."""
    return [
        *("-protocol_whitelist", "file,pipe"),
        *("-format_whitelist", CONTAINERS),
        *("-codec_whitelist", f"{VIDEO_DECODERS},{AUDIO_DECODERS},{OTHER_DECODERS}"),
        *("-max_pixels", str(limits.pixels), "-threads", str(DECODER_THREADS)),
        *("-probesize", str(PROBE_BYTES)),
        *("-analyzeduration", str(ANALYZE_S * 1_000_000)),
        *("-i", f"file:{path.absolute()}"),
    ]


def bounds(limits: Limits, duration_ms: int) -> Bounds:
    """What a program may use on a video of this length; one that is cut off at the limit never needs more."""
    length_ms = min(duration_ms, limits.duration_ms)
    return Bounds(
        wall_s=limits.wall_s(length_ms),
        cpu_s=limits.cpu_s(length_ms),
        memory_mb=limits.memory_mb,
        address_mb=limits.address_mb,
        file_bytes=limits.file_bytes,
    )


def size_of(path: Path, limits: Limits) -> int:
    """Bytes of a plain file.  StepFailed(MEND) for what is none (a link, a pipe, a device), for none and too many."""
    try:
        found = path.lstat()
    except FileNotFoundError as error:
        raise _mend(Code.NOT_A_FILE, "The file is not there any more. Upload it again.") from error
    if not stat.S_ISREG(found.st_mode):
        raise _mend(Code.NOT_A_FILE, "This is no plain file.")
    if found.st_size == 0:
        raise _mend(Code.EMPTY, "The file is empty. Upload it again.")
    if found.st_size > limits.file_bytes:
        raise _mend(Code.TOO_LARGE, f"{found.st_size} bytes; at most {limits.file_bytes} are taken.")
    return found.st_size


def content_hash(path: Path, limits: Limits, watch: Watch) -> str:
    """SHA-256 of the file in hex, read a block at a time.  StepFailed as of `size_of`."""
    size = size_of(path, limits)
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", buffering=0) as file:
        return sha256_of(file, size, watch.progress)


def _mend(code: Code, text: str) -> StepFailed:
    return StepFailed(Failure.MEND, code, text)
