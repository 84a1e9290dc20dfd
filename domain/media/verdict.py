"""Whether a file may become an episode: a closed list of reasons, some of which reject and some of which only warn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.media.limits import Limits
from domain.media.probe import Audio, Probe, Video
from domain.media.report import Report, Span, total_ms


class Code(StrEnum):
    """Why; the value is what stands in MySQL, in records and in the docs."""

    # Nothing can be read: said by media_jobs.ffmpeg when it opens the file, never in a list beside others.
    EMPTY = "empty"
    NOT_A_FILE = "not_a_file"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    CONTAINER = "container"
    TOO_COSTLY = "too_costly"
    # These reject.
    NO_VIDEO = "no_video"
    NO_AUDIO = "no_audio"
    CODEC = "codec"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    SHAPE = "shape"
    TOO_MANY_STREAMS = "too_many_streams"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    ALL_BLACK = "all_black"
    ALL_SILENT = "all_silent"
    PICTURE_ENDS = "picture_ends"
    # These warn.
    SMALL = "small"
    LANDSCAPE = "landscape"
    ROTATED = "rotated"
    ODD_SIZE = "odd_size"
    VARIABLE_RATE = "variable_rate"
    INTERLACED = "interlaced"
    HDR = "hdr"
    EXTENSION = "extension"
    BLACK = "black"
    SILENT = "silent"
    LOUDNESS = "loudness"
    LENGTH = "length"
    GLITCHES = "glitches"
    SOUND_ENDS = "sound_ends"


@dataclass(frozen=True)
class Reason:
    """One thing to say of a file; `text` tells a person what was found and, where it rejects, what to do."""

    code: Code
    rejects: bool
    text: str


VIDEO_CODECS = frozenset((
    "h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video", "vp8", "vp9", "av1", "prores", "dnxhd", "mjpeg",
))  # fmt: skip
AUDIO_CODECS = frozenset((
    "aac", "mp3", "mp2", "ac3", "eac3", "opus", "vorbis", "flac", "alac",
    "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be",
))  # fmt: skip
EXTENSIONS = {
    "mov": frozenset(("mp4", "mov", "m4v", "3gp", "3g2", "m4a", "mj2")),
    "matroska": frozenset(("mkv", "webm")),
    "mpegts": frozenset(("ts", "m2ts", "mts")),
    "flv": frozenset(("flv",)),
    "avi": frozenset(("avi",)),
    "mpeg": frozenset(("mpg", "mpeg", "vob")),
}
SHORT_MISSING_MS, SHORT_MISSING = 500, 0.03  # what decoding may find less than claimed: sound and picture end apart
EARLY_MS, EARLY = 3_000, 0.1  # by which one track may end before the other
FEW_ERRORS = 3
DAMAGE_PER_1000 = 10  # complaints for 1,000 frames above which viewers would see it
TS_PACKETS = (188, 192, 204)  # bytes
MOSTLY = 0.9
LONG_BLACK_MS, LONG_SILENT_MS = 3_000, 5_000
LOUD = (-30.0, -8.0)  # LUFS; outside, levelling lifts noise, or clipped sound stays clipped
SMALL_SIDE = 324  # below nine tenths of the smallest rung


def verdict(probe: Probe, report: Report | None = None, limits: Limits | None = None) -> list[Reason]:
    """What there is to say, what rejects first; without a report only what the headers tell."""
    limits = limits or Limits()
    found = [*_of_headers(probe, limits), *(_of_content(probe, report, limits) if report else ())]
    return sorted(found, key=lambda reason: not reason.rejects)


def rejects(reasons: list[Reason]) -> bool:
    """Whether one of them rejects."""
    return any(reason.rejects for reason in reasons)


def _of_headers(probe: Probe, limits: Limits) -> list[Reason]:
    if probe.video is None:
        return [_no(Code.NO_VIDEO, "There is no picture in the file. Export the episode as MP4 (H.264) again.")]
    return [
        *_of_amounts(probe, limits),
        *_of_tracks(probe.video, probe.audio),
        *_of_codecs(probe, probe.video),
        *_of_size(probe.video, limits),
        *_of_oddities(probe, probe.video),
    ]


def _of_amounts(probe: Probe, limits: Limits) -> list[Reason]:
    found = []
    if probe.audio is None:
        found.append(_no(Code.NO_AUDIO, "There is no sound track. Export the episode with its sound."))
    if probe.duration_ms > limits.duration_ms:
        text = f"It claims {_time(probe.duration_ms)}; at most {_time(limits.duration_ms)} is taken."
        found.append(_no(Code.TOO_LONG, text))
    if 0 < probe.duration_ms < limits.shortest_ms:
        found.append(_no(Code.TOO_SHORT, f"It claims {probe.duration_ms} ms; at least {limits.shortest_ms} is taken."))
    if probe.container == "mpegts" and all(probe.size_bytes % packet for packet in TS_PACKETS):
        found.append(_no(Code.TRUNCATED, "It ends in the middle of a packet: its end is missing. Upload it again."))
    if probe.streams > limits.streams:
        found.append(_no(Code.TOO_MANY_STREAMS, f"{probe.streams} tracks; at most {limits.streams} are taken."))
    return found


def _of_tracks(video: Video, audio: Audio | None) -> list[Reason]:
    """Only what both tracks claim can be compared."""
    if audio is None or not (video.duration_ms and audio.duration_ms):
        return []
    later_ms, lengths = audio.duration_ms - video.duration_ms, (audio.duration_ms, video.duration_ms)
    if abs(later_ms) <= max(EARLY_MS, EARLY * max(lengths)):
        return []
    text = f"The picture has {_time(video.duration_ms)}, the sound {_time(audio.duration_ms)}"
    if later_ms > 0:
        return [_no(Code.PICTURE_ENDS, f"{text}: the picture would stand still. Export the episode again.")]
    return [_warn(Code.SOUND_ENDS, f"{text}: the rest is silent.")]


def _of_codecs(probe: Probe, video: Video) -> list[Reason]:
    found = []
    if video.codec not in VIDEO_CODECS:
        found.append(_no(Code.CODEC, f"Pictures in {video.codec or 'an unknown codec'} are not taken; H.264 is."))
    if probe.audio and probe.audio.codec not in AUDIO_CODECS:
        sound = probe.audio.codec or "an unknown codec"
        found.append(_no(Code.CODEC, f"Sound in {sound} is not taken; AAC always is."))
    return found


def _of_size(video: Video, limits: Limits) -> list[Reason]:
    size, short, long = f"{video.width}x{video.height}", *sorted((video.width, video.height))
    if max(video.width * video.height, video.coded_width * video.coded_height) > limits.pixels:
        return [_no(Code.TOO_MANY_PIXELS, f"{size} is more than {limits.pixels} pixels. Export at 1080x1920.")]
    if short < limits.shortest_side:
        return [_no(Code.TOO_SMALL, f"{size}: a side has less than {limits.shortest_side} pixels.")]
    if long > limits.longest_ratio * short:
        return [_no(Code.SHAPE, f"{size} is no shape of a screen.")]
    found = [_warn(Code.SMALL, f"{size} is below 360p: blurred on every phone.")] if short < SMALL_SIDE else []
    if video.width > video.height:
        found.append(_warn(Code.LANDSCAPE, f"{size} lies; dramas stand."))
    return found


def _of_oddities(probe: Probe, video: Video) -> list[Reason]:
    wrong_name = probe.extension not in EXTENSIONS.get(probe.container, frozenset((probe.extension,)))
    told = (
        (Code.ROTATED, video.rotation, f"Turned by {video.rotation} degrees; renditions stand upright."),
        (Code.ODD_SIZE, (video.width | video.height) & 1, "A side has an odd number of pixels; one line is lost."),
        (Code.VARIABLE_RATE, video.variable, "Frames come at uneven distances; renditions have even ones."),
        (Code.INTERLACED, video.interlaced, "The picture is interlaced; renditions are not."),
        (Code.HDR, video.hdr, "The picture is HDR; colours may look pale. Export in SDR (BT.709)."),
        (Code.EXTENSION, wrong_name, f"Named .{probe.extension[:10]}, but it is {probe.container}."),
    )
    return [_warn(code, text) for code, is_so, text in told if is_so]


def _of_content(probe: Probe, report: Report, limits: Limits) -> list[Reason]:
    if report.frames == 0:
        return [_no(Code.DAMAGED, "Not one frame could be decoded. Export the episode again.")]
    return [
        *_of_length(probe, report, limits),
        *_of_damage(report),
        *_of_black(report),
        *(_of_sound(report) if probe.audio else ()),
    ]


def _of_length(probe: Probe, report: Report, limits: Limits) -> list[Reason]:
    lacking = probe.duration_ms - report.decoded_ms
    lengths = f"It claims {_time(probe.duration_ms)}, and has {_time(report.decoded_ms)}"
    if report.decoded_ms > limits.duration_ms:
        return [_no(Code.TOO_LONG, f"It is longer than {_time(limits.duration_ms)}.")]
    if lacking > max(SHORT_MISSING_MS, SHORT_MISSING * probe.duration_ms):
        return [_no(Code.TRUNCATED, f"{lengths}: its end is missing. Upload it again.")]
    if report.decoded_ms < limits.shortest_ms:
        return [_no(Code.TOO_SHORT, f"{report.decoded_ms} ms were decoded; at least {limits.shortest_ms} is taken.")]
    if -lacking > max(SHORT_MISSING_MS, SHORT_MISSING * probe.duration_ms):
        return [_warn(Code.LENGTH, f"{lengths}.")]
    return []


def _of_damage(report: Report) -> list[Reason]:
    if report.damaged > max(FEW_ERRORS, DAMAGE_PER_1000 * report.frames // 1000):
        text = f"{report.damaged} errors in {report.frames} frames. Export the episode again."
        return [_no(Code.DAMAGED, text)]
    return [_warn(Code.GLITCHES, f"{report.damaged} errors in {report.frames} frames.")] if report.damaged else []


def _of_black(report: Report) -> list[Reason]:
    if total_ms(report.black) > MOSTLY * report.decoded_ms:
        return [_no(Code.ALL_BLACK, "The picture is black nearly throughout. Export the episode again.")]
    return _spans(Code.BLACK, report.black, LONG_BLACK_MS, "Black")


def _of_sound(report: Report) -> list[Reason]:
    loudness = report.loudness
    if loudness is None or total_ms(report.silent) > MOSTLY * report.decoded_ms:
        return [_no(Code.ALL_SILENT, "The sound track is silent nearly throughout. Export the episode again.")]
    found = _spans(Code.SILENT, report.silent, LONG_SILENT_MS, "Silent")
    if not LOUD[0] <= loudness.integrated <= LOUD[1]:
        found.append(_warn(Code.LOUDNESS, f"{loudness.integrated:.1f} LUFS: listen whether levelling it sounds well."))
    return found


def _spans(code: Code, spans: tuple[Span, ...], least_ms: int, word: str) -> list[Reason]:
    """One warning that tells the first few of the long spans."""
    long = [f"{_time(span.from_ms)}-{_time(span.to_ms)}" for span in spans if span.ms >= least_ms]
    return [_warn(code, f"{word} at {', '.join(long[:5])}{' and more' if len(long) > 5 else ''}.")] if long else []


def _no(code: Code, text: str) -> Reason:
    return Reason(code, True, text)


def _warn(code: Code, text: str) -> Reason:
    return Reason(code, False, text)


def _time(ms: int) -> str:
    """1:02:03 or 2:03."""
    hours, seconds = divmod(ms // 1000, 3600)
    return f"{hours}:{seconds // 60:02d}:{seconds % 60:02d}" if hours else f"{seconds // 60}:{seconds % 60:02d}"
