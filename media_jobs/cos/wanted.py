"""What a step wants of CI, what is written down of it, and what CI tells: the words that jobs.py works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

NUMBER = "${Number}"  # in the output of a job that writes several files; CI puts its numbers there
SLACK_MS = 600_000  # between our clock and CI's; so long a job may take to be listed
ORDER = ("Success", "Running", "Submitted", "Pause")  # which of several to keep; the others are no use
WAITS = ("Submitted", "Pause")  # CI cancels only what it has not begun
_SHANGHAI = timezone(timedelta(hours=8))


class Wanted(NamedTuple):
    """One job: its name within the step, what CI is to do, and where (a key below `work/` is ours to delete)."""

    name: str
    operation: Mapping[str, Any]
    output: str
    tag: str = "Transcode"


@dataclass
class Entry:
    """What is written down of one."""

    output: str
    asks: int = 0
    asked_ms: int = 0  # the first time, and the last
    last_ms: int = 0
    job: str = ""
    fails: int = 0
    round: int = 0  # what an earlier round made has failed or is gone: nobody looks for it again
    rounds: int = 0  # of the job when `fails` was counted: who says "again" has as many tries as before
    tag: str = "Transcode"

    @property
    def unclear(self) -> bool:
        """Whether CI may have jobs of it that we do not know."""
        return self.asks > 1 or (self.asks > 0 and not self.job)

    def begin_anew(self, token: int) -> None:
        """Whatever CI has of it is no use.  A round's number is never given twice: it is never below the lease's."""
        self.job, self.asks, self.asked_ms, self.last_ms, self.round = "", 0, 0, 0, max(self.round + 1, token)


class Told(NamedTuple):
    """A job as CI tells it."""

    job: str
    state: str
    output: str
    words: str

    @property
    def ours(self) -> bool:
        """Whether what it makes is on the way, and ours to delete."""
        return self.output.startswith("work/")


def told(answer: Mapping[str, Any]) -> list[Told]:
    """The jobs of an answer."""
    return [told_of(row) for row in answer.get("JobsDetail") or []]


def told_of(row: Mapping[str, Any]) -> Told:
    """One of them."""
    output = (row.get("Operation") or {}).get("Output") or {}
    words = f"{row.get('Code')}: {row.get('Message')}"
    return Told(str(row["JobId"]), str(row["State"]), str(output.get("Object", "")), words)


def user_data(row: Mapping[str, Any]) -> str:
    """What we had CI remember."""
    return str((row.get("Operation") or {}).get("UserData"))


def time_of(at_ms: int) -> str:
    """As CI reads it."""
    return datetime.fromtimestamp(at_ms / 1000, _SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S%z")
