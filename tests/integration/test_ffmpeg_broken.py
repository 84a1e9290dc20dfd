"""Broken and hostile files: each gets a clear verdict, reads nothing else, and leaves nothing running."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from domain.media.limits import Limits
from domain.media.trouble import Failure, StepFailed
from domain.media.verdict import Code, verdict
from media_jobs.ffmpeg.inspection import inspect
from media_jobs.ffmpeg.probing import probe
from media_jobs.ffmpeg.source import content_hash
from media_jobs.watch import Unwatched
from tests.videos import a_clip, ffmpeg, left_running, needs_ffmpeg

pytestmark = needs_ffmpeg
LIMITS, NOBODY = Limits(), Unwatched()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After each test no process that it began is there any more."""
    yield
    assert left_running() == []


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good file, its index in front."""
    return a_clip(tmp_path_factory.mktemp("clip") / "good.mp4", "-movflags", "+faststart")


def judged(path: Path) -> tuple[set[Code], set[Code]]:
    """(codes that reject, codes that warn) after a whole look; a file that cannot be read is rejected by its reason."""
    try:
        found = probe(path, LIMITS, NOBODY)
        reasons = verdict(found)
        if not any(reason.rejects for reason in reasons):
            reasons = verdict(found, inspect(path, found, LIMITS, NOBODY))
    except StepFailed as error:
        return ({Code(error.reason)} if error.kind is Failure.MEND and error.text else set()), set()
    return {one.code for one in reasons if one.rejects}, {one.code for one in reasons if not one.rejects}


def cut(path: Path, target: Path, share: float = 0.5) -> Path:
    """The first part of a file."""
    body = path.read_bytes()
    target.write_bytes(body[: int(len(body) * share)])
    return target


def written(path: Path, body: bytes) -> Path:
    path.write_bytes(body)
    return path


def spoiled(path: Path, target: Path) -> Path:
    """Each fiftieth byte of the second half another one."""
    body = bytearray(path.read_bytes())
    for at in range(len(body) // 2, len(body), 50):
        body[at] ^= 0x55
    target.write_bytes(body)
    return target


def test_a_good_file_is_only_small(clip: Path):
    assert judged(clip) == (set(), {Code.SMALL})


BROKEN: dict[str, tuple[Callable[[Path, Path], Path], Code]] = {
    "zero length": (lambda clip, at: written(at / "a.mp4", b""), Code.EMPTY),
    "cut, index in front": (lambda clip, at: cut(clip, at / "a.mp4"), Code.TRUNCATED),
    "cut, index at the end": (lambda clip, at: cut(a_clip(at / "b.mp4"), at / "a.mp4", 0.9), Code.TRUNCATED),
    "cut mkv": (lambda clip, at: cut(a_clip(at / "b.mkv"), at / "a.mkv"), Code.TRUNCATED),
    "cut ts": (lambda clip, at: cut(a_clip(at / "b.ts"), at / "a.ts", 0.503), Code.TRUNCATED),
    "spoiled": (lambda clip, at: spoiled(clip, at / "a.mp4"), Code.DAMAGED),
    "no sound": (lambda clip, at: a_clip(at / "a.mp4", sound=""), Code.NO_AUDIO),
    "no picture": (lambda clip, at: a_clip(at / "a.mp4", "-vn"), Code.NO_VIDEO),
    "black": (lambda clip, at: a_clip(at / "a.mp4", picture="color=c=black"), Code.ALL_BLACK),
    "silent": (lambda clip, at: a_clip(at / "a.mp4", sound="anullsrc"), Code.ALL_SILENT),
    "picture ends": (lambda clip, at: a_clip(at / "a.mp4", picture="testsrc2=d=1", seconds=5), Code.PICTURE_ENDS),
    "too short": (lambda clip, at: a_clip(at / "a.mp4", seconds=0.4), Code.TOO_SHORT),
    "noise": (lambda clip, at: written(at / "a.mp4", bytes(range(256)) * 400), Code.UNREADABLE),
    "words": (lambda clip, at: written(at / "a.mp4", "第一集\n".encode() * 400), Code.UNREADABLE),
    "a picture": (lambda clip, at: a_clip(at / "a.jpg", "-frames:v", "1", "-c:v", "mjpeg", sound=""), Code.CONTAINER),
    "another codec": (lambda clip, at: a_clip(at / "a.mkv", "-c:v", "huffyuv", "-pix_fmt", "yuv422p"), Code.CODEC),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_rejected_for_what_it_is(case: str, clip: Path, tmp_path: Path):
    made, code = BROKEN[case]
    rejecting, _ = judged(made(clip, tmp_path))
    assert code in rejecting


ODD: dict[str, tuple[Callable[[Path, Path], Path], Code]] = {
    "odd sizes": (
        lambda clip, at: a_clip(at / "a.mp4", "-vf", "scale=181:321", "-pix_fmt", "yuv444p"),
        Code.ODD_SIZE,
    ),
    "uneven frames": (
        lambda clip, at: a_clip(at / "a.mp4", "-vf", "select=lt(mod(n\\,7)\\,3)", "-fps_mode", "vfr", rate="30"),
        Code.VARIABLE_RATE,
    ),
    "another extension": (lambda clip, at: a_clip(at / "a.mp4", "-f", "matroska"), Code.EXTENSION),
    "lying": (lambda clip, at: a_clip(at / "a.mp4", size="320x180"), Code.LANDSCAPE),
}


@pytest.mark.parametrize("case", ODD)
def test_an_odd_file_is_taken_and_told(case: str, clip: Path, tmp_path: Path):
    made, code = ODD[case]
    rejecting, warning = judged(made(clip, tmp_path))
    assert (rejecting, code in warning) == (set(), True)


def test_a_turned_file_is_told_upright(tmp_path: Path):
    turned = tmp_path / "turned.mp4"
    ffmpeg("-i", a_clip(tmp_path / "a.mp4", size="320x180"), "-c", "copy", "-metadata:s:v:0", "rotate=90", turned)
    video = probe(turned, LIMITS, NOBODY).seen()
    assert (video.width, video.height) == (180, 320)
    assert judged(turned) == (set(), {Code.SMALL, Code.ROTATED})


def ten_hours(path: Path) -> Path:
    """A second of picture whose last frame comes ten hours later."""
    late = ("-vf", "setpts=if(lt(N\\,14)\\,PTS\\,PTS+36000/TB)", "-fps_mode", "vfr")
    return a_clip(path, *late, seconds=40_000, picture="testsrc2=d=1", sound="sine=d=1")


def test_ten_hours_are_refused_by_their_claim_alone(tmp_path: Path):
    long = ten_hours(tmp_path / "a.mp4")
    found = probe(long, LIMITS, NOBODY)
    assert found.duration_ms > 36_000_000
    assert [reason.code for reason in verdict(found) if reason.rejects] == [Code.TOO_LONG]


def test_a_hole_of_hours_is_not_decoded_past_the_limit(tmp_path: Path):
    """Even a file that claimed less would be left at the limit."""
    long = ten_hours(tmp_path / "a.mp4")
    found = probe(long, LIMITS, NOBODY)
    assert inspect(long, found, LIMITS, NOBODY).decoded_ms <= LIMITS.duration_ms + 2_000


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path: Path):
    bomb = a_clip(tmp_path / "a.mp4", picture="color=c=red", size="8192x8192", rate="2", seconds=1)
    assert bomb.stat().st_size < 500_000
    small = Limits(memory_mb=150)  # one such frame has 100 MB, and a decoder keeps several
    with pytest.raises(StepFailed) as failed:
        probe(bomb, small, NOBODY)
    assert failed.value.reason == Code.TOO_MANY_PIXELS


def test_covers_and_subtitles_do_no_harm(clip: Path, tmp_path: Path):
    words = written(tmp_path / "words.srt", b"1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    cover = a_clip(tmp_path / "cover.jpg", "-frames:v", "1", "-c:v", "mjpeg", sound="")
    both = tmp_path / "both.mp4"
    picture = (
        "-map",
        "0",
        "-map",
        "1",
        "-map",
        "2",
        "-c",
        "copy",
        "-c:s",
        "mov_text",
        "-disposition:v:1",
        "attached_pic",
    )
    ffmpeg("-i", clip, "-i", words, "-i", cover, *picture, both)
    assert judged(both) == (set(), {Code.SMALL})


@pytest.mark.parametrize(
    "name",
    [
        "-i",
        "-version.mp4",
        "concat:good.mp4|good.mp4",
        "http:good.mp4",
        "a\nb.mp4",
        "%05d.mp4",
        "剧名 - 第1集.mp4",
        "'$(x)`.mp4",
    ],
)
def test_a_hostile_name_is_only_a_name(name: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(clip.read_bytes())
    rejecting, warning = judged(Path(name))
    assert rejecting == set()
    assert Code.SMALL in warning


class Ear:
    """Listens on the loopback, and counts who comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.came = self._socket.getsockname()[1], 0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            self.came += 1
            caller.close()

    def close(self) -> None:
        """Who has come by now is counted; nobody else is heard."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


PRETENDERS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{there}\n#EXT-X-ENDLIST\n",
    "hls with a key": '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=AES-128,URI="{there}"\n'
    "#EXTINF:2,\n{there}\n",
    "concat": "ffconcat version 1.0\nfile '{there}'\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT2S"><Period><AdaptationSet><Representation id="1" bandwidth="1">'
    "<BaseURL>{there}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\na=control:{there}\n",
    "smil": '<smil><body><video src="{there}"/></body></smil>',
    "m3u": "#EXTM3U\n{there}\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{there}"/></svg>',
}


@pytest.mark.parametrize("ending", ["mp4", "m3u8"])
@pytest.mark.parametrize("kind", PRETENDERS)
def test_a_text_that_points_elsewhere_is_refused_unread(kind: str, ending: str, clip: Path, tmp_path: Path):
    """Neither the address nor a file beside it is opened: either would have made a video of it."""
    ear = Ear()
    (tmp_path / "good.mp4").write_bytes(clip.read_bytes())
    try:
        for there in (f"http://127.0.0.1:{ear.port}/a.mp4", "good.mp4", f"file:{tmp_path}/good.mp4", "/etc/passwd"):
            text = written(tmp_path / f"a.{ending}", PRETENDERS[kind].format(there=there).encode())
            with pytest.raises(StepFailed) as failed:
                probe(text, LIMITS, NOBODY)
            assert failed.value.reason in (Code.CONTAINER, Code.UNREADABLE)
    finally:
        ear.close()
    assert ear.came == 0


def test_links_pipes_and_devices_are_no_files(clip: Path, tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "link.mp4").symlink_to(clip)
    for path in (tmp_path / "pipe.mp4", tmp_path / "link.mp4", Path("/dev/zero"), tmp_path, tmp_path / "nothing.mp4"):
        for look in (probe, content_hash):
            with pytest.raises(StepFailed) as failed:
                look(path, LIMITS, NOBODY)
            assert failed.value.reason == Code.NOT_A_FILE


def test_a_file_that_is_too_large_is_not_opened(clip: Path):
    with pytest.raises(StepFailed) as failed:
        probe(clip, Limits(file_bytes=1_000), NOBODY)
    assert failed.value.reason == Code.TOO_LARGE


def test_the_hash_is_of_the_content_and_tells_how_far_it_is(clip: Path):
    told: list[int] = []
    watch = type("W", (), {"progress": staticmethod(told.append)})()
    assert content_hash(clip, LIMITS, watch) == sha256(clip.read_bytes()).hexdigest()
    assert told == sorted(told)
    assert told[-1] == 1000
