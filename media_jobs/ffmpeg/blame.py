"""Whose fault it is that a program did not do its work: the file's, or this machine's at this moment."""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from domain.media.trouble import Failure, StepFailed
from domain.media.verdict import Code
from media_jobs.ffmpeg.sandbox import CAUGHT, Failed, NotDone, OverCpu, OverMemory, OverTime
from media_jobs.ffmpeg.sinks import TooMuchOutput


class Trouble(StrEnum):
    """Reasons that are not the file's."""

    TOO_SLOW = "too_slow"
    KILLED = "killed"
    NO_SPACE = "no_space"
    NO_PROGRAM = "no_program"
    DISK = "disk"
    INCOMPLETE = "incomplete"
    NOT_ALIGNED = "not_aligned"


# What ffmpeg writes, and what it means; the first that is found counts.
_SAID = (
    ("No space left on device", Failure.AGAIN, Trouble.NO_SPACE, "The disk is full."),
    ("max pixel count", Failure.MEND, Code.TOO_MANY_PIXELS, "A frame is far too large. Export at 1080x1920."),
    ("Picture size", Failure.MEND, Code.TOO_MANY_PIXELS, "A frame has an impossible size. Export at 1080x1920."),
    ("Format not on whitelist", Failure.MEND, Code.CONTAINER, "This is no MP4, MOV, MKV, TS, FLV, AVI or MPEG file."),
    ("not on whitelist", Failure.MEND, Code.CODEC, "A track is in a codec that is not taken. Export as H.264 and AAC."),
    ("moov atom not found", Failure.MEND, Code.TRUNCATED, "The end of the file is missing. Upload it again."),
    ("Cannot allocate memory", Failure.MEND, Code.TOO_COSTLY, "It takes more memory than a video should."),
)
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")


@contextmanager
def blamed(*, on_slow: Failure = Failure.AGAIN) -> Iterator[None]:
    """Turns what the sandbox raises into a StepFailed; what else is raised goes through.

    `on_slow`: MEND where a file that takes so long has not yet been found good.
    """
    try:
        yield
    except NotDone as error:
        raise _step_failed(error, on_slow) from error
    except TooMuchOutput as error:
        raise StepFailed(Failure.MEND, Code.UNREADABLE, "Its headers are longer than any video's.") from error
    except OSError as error:
        raise StepFailed(Failure.AGAIN, _of_system(error), f"This machine could not do it: {error}") from error


def _of_system(error: OSError) -> Trouble:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Trouble.NO_SPACE
    return Trouble.NO_PROGRAM if error.errno == errno.ENOENT else Trouble.DISK


def _step_failed(error: NotDone, on_slow: Failure) -> StepFailed:
    match error:
        case OverTime():
            reason = Code.TOO_COSTLY if on_slow is Failure.MEND else Trouble.TOO_SLOW
            return StepFailed(on_slow, reason, f"It took too long: {error}")
        case OverCpu() | OverMemory():
            return StepFailed(Failure.MEND, Code.TOO_COSTLY, f"It takes more than a video should: {error}")
        case Failed():
            return _of_code(error.code, error.tail)
    raise AssertionError(error)


def _of_code(code: int, tail: str) -> StepFailed:
    """Codes: 127 and 126 are the shell's, for a program that is not there; negative ones are signals."""
    for said, kind, reason, text in _SAID:
        if said in tail:
            return StepFailed(kind, reason, text)
    if code in (126, 127):
        return StepFailed(Failure.AGAIN, Trouble.NO_PROGRAM, f"ffmpeg is not installed here: {tail[-200:]}")
    if code in (-signal.SIGKILL, -signal.SIGTERM, CAUGHT):
        return StepFailed(Failure.AGAIN, Trouble.KILLED, "The program was killed; perhaps memory is short here.")
    if code == -signal.SIGXFSZ:
        return StepFailed(Failure.MEND, Code.TOO_COSTLY, "What is made of it grows past all bounds.")
    return StepFailed(Failure.MEND, Code.UNREADABLE, f"It cannot be read as video: {_last_line(tail)}")


def _last_line(tail: str) -> str:
    """The last thing that was said, without addresses, as far as it can be shown."""
    line = _ADDRESS.sub("", tail.rpartition("\n")[2])
    return "".join(character for character in line if character.isprintable())[:200]
