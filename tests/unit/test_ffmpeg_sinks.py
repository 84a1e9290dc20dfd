"""Where output goes, bounded; progress; how frames for posters are chosen; whose fault a failure is."""

from __future__ import annotations

import numpy as np
import pytest

from domain.media.report import Loudness
from domain.media.trouble import Failure, StepFailed
from domain.media.verdict import Code
from media_jobs.ffmpeg.blame import Trouble, blamed
from media_jobs.ffmpeg.levels import levelled
from media_jobs.ffmpeg.progress import Progress
from media_jobs.ffmpeg.sandbox import Failed, OverCpu, OverMemory, OverTime
from media_jobs.ffmpeg.sharpness import chosen, sharpness
from media_jobs.ffmpeg.sinks import LONGEST_LINE, Kept, Lines, Tail, TooMuchOutput
from media_jobs.watch import Part


def test_what_is_kept_has_an_end():
    kept = Kept(10)
    kept.feed(b"12345")
    kept.feed(b"67890")
    assert bytes(kept.body) == b"1234567890"
    with pytest.raises(TooMuchOutput):
        kept.feed(b"1")


def test_a_tail_is_the_last_of_it():
    tail = Tail()
    for _ in range(10_000):
        tail.feed(b"noise\n")
    tail.feed(b"the end\xff\n")
    assert tail.text().endswith("the end\ufffd")
    assert len(tail.text()) <= 4_000


def test_lines_are_told_whole_wherever_they_are_cut_and_the_last_without_an_end():
    told: list[str] = []
    lines = Lines(told.append)
    for chunk in (b"a", b"b\nc\r\n", b"\n", b"d", b""):
        lines.feed(chunk)
    assert told == ["ab", "c", "", "d"]


def test_a_line_without_end_is_cut():
    told: list[str] = []
    lines = Lines(told.append)
    for _ in range(100):
        lines.feed(b"x" * 1000)
    lines.feed(b"\n")
    assert [len(line) for line in told] == [LONGEST_LINE]


def test_progress_never_falls_and_knows_no_end_it_was_not_told():
    progress = Progress(2_000)
    for line in ("out_time_us=N/A", "frame=12", "out_time_us=1000000", "out_time_us=500000", "speed=1x", "nonsense"):
        progress.line(line)
    assert (progress.out_ms, progress.frames, progress.permille()) == (1_000, 12, 500)
    assert Progress(0).permille() == 0


def test_a_part_tells_its_share():
    told: list[int] = []
    part = Part(type("W", (), {"progress": staticmethod(told.append)})(), 800, 1000)
    part.progress(0)
    part.progress(500)
    part.progress(1000)
    assert told == [800, 900, 1000]


def frames(*kinds: str) -> np.ndarray:
    """Frames of 40 x 30: sharp and blurred checks, black, flat white."""
    sharp = np.indices((40, 30)).sum(axis=0) // 4 % 2 * 200
    ramp = np.tile(np.linspace(40, 200, 30), (40, 1))
    of = {"sharp": sharp, "blurred": ramp, "black": np.full((40, 30), 5), "white": np.full((40, 30), 250)}
    return np.stack([of[kind].astype(np.uint8) for kind in kinds])


def test_the_sharpest_of_each_part_is_chosen_and_black_or_flat_ones_never():
    clip = frames("black", "blurred", "sharp", "blurred", "white", "blurred", "black", "sharp", "sharp")
    found = chosen(clip, 3)
    assert sorted(one.number for one in found) == [2, 3, 7]
    assert [one.number for one in found] == [2, 7, 3], "the best first: 3 is blurred"


def test_a_part_with_nothing_to_show_leaves_its_place_to_the_next_best():
    clip = frames("black", "black", "black", "sharp", "blurred", "sharp")
    assert [one.number for one in chosen(clip, 2)] == [3, 5]
    assert [one.number for one in chosen(clip, 4)] == [3, 5, 4]


def test_of_a_black_film_nothing_is_chosen():
    assert chosen(frames("black", "white"), 3) == []


def test_sharp_is_sharper_than_blurred():
    assert sharpness(frames("sharp")[0]) > 100 * max(1.0, sharpness(frames("blurred")[0]))


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (OverTime("x"), Failure.AGAIN, Trouble.TOO_SLOW),
        (OverCpu("x"), Failure.MEND, Code.TOO_COSTLY),
        (OverMemory("x"), Failure.MEND, Code.TOO_COSTLY),
        (Failed(1, "[out] No space left on device"), Failure.AGAIN, Trouble.NO_SPACE),
        (Failed(1, "[hls @ 0x1] Format not on whitelist 'mov'"), Failure.MEND, Code.CONTAINER),
        (Failed(1, "[png @ 0x1] Codec (png) not on whitelist"), Failure.MEND, Code.CODEC),
        (Failed(1, "moov atom not found"), Failure.MEND, Code.TRUNCATED),
        (Failed(-9, ""), Failure.AGAIN, Trouble.KILLED),
        (Failed(-11, "x"), Failure.MEND, Code.UNREADABLE),
        (Failed(-25, ""), Failure.MEND, Code.TOO_COSTLY),
        (Failed(127, "nice: ffmpeg: not found"), Failure.AGAIN, Trouble.NO_PROGRAM),
        (Failed(1, "[x @ 0x55ec65307280] it is\x1b[31m odd"), Failure.MEND, Code.UNREADABLE),
        (FileNotFoundError(2, "no setpriv"), Failure.AGAIN, Trouble.NO_PROGRAM),
        (OSError(28, "No space left"), Failure.AGAIN, Trouble.NO_SPACE),
        (PermissionError(13, "not ours"), Failure.AGAIN, Trouble.DISK),
        (Failed(255, "Exiting normally, received signal 15."), Failure.AGAIN, Trouble.KILLED),
        (TooMuchOutput("x"), Failure.MEND, Code.UNREADABLE),
    ],
)
def test_a_failure_is_blamed_on_the_file_or_on_the_machine(error, kind, reason):
    with pytest.raises(StepFailed) as failed, blamed():
        raise error
    assert (failed.value.kind, failed.value.reason) == (kind, reason)
    assert failed.value.text.isprintable()
    assert "0x" not in failed.value.text


def test_a_file_that_takes_too_long_before_it_is_found_good_is_to_blame():
    with pytest.raises(StepFailed) as failed, blamed(on_slow=Failure.MEND):
        raise OverTime("x")
    assert (failed.value.kind, failed.value.reason) == (Failure.MEND, Code.TOO_COSTLY)


def test_what_the_filter_does_not_take_is_cut():
    filters = levelled(Loudness(29.95, 120.0, -3.0, -150.0))
    assert "measured_I=0.00:measured_TP=99.00:measured_LRA=0.00:measured_thresh=-99.00" in filters
    assert "loudnorm" not in levelled(None)
