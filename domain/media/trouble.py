"""What a step says instead of being done: its kind tells who acts next; and how long to wait before trying again."""

from __future__ import annotations

import re
from enum import StrEnum
from random import Random

MAX_ATTEMPTS = 12  # with delay_s about an hour in all: longer outages are a person's to end (`juliu media retry`)
FIRST_S, CAP_S = 5.0, 900.0
MAX_AFTER_S = 86_400.0
MAX_REASON, MAX_TEXT = 64, 500
_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


class Failure(StrEnum):
    """Who must act: people (the material or the account), time (we try again), or nobody (it will never work)."""

    MEND = "mend"
    AGAIN = "again"
    GIVE_UP = "give_up"


class StepFailed(Exception):
    """A step did not succeed.

    `reason`: code of its raiser's closed list, [a-z0-9_], at most 64 characters.  `text`: what a person should do, cut
    at 500.  `after_s`: wait at least so long before the next attempt (AGAIN only), cut at a day.
    Raises ValueError for a reason that is no code.
    """

    def __init__(self, kind: Failure, reason: str, text: str, after_s: float = 0.0) -> None:
        if not _REASON.match(reason):
            raise ValueError(f"no code of a reason: {reason[:80]!r}")
        kept = text[:MAX_TEXT].encode(errors="replace").decode()  # names of files may hold what is no character
        super().__init__(f"{kind}: {reason}: {kept}")
        self.kind, self.reason, self.text = kind, reason, kept
        self.after_s = min(max(after_s, 0.0), MAX_AFTER_S)


class Later(Exception):
    """Nothing is wrong, it is not done yet: ask again after `after_s` (cut to 1 s .. a day).  No attempt is used."""

    def __init__(self, after_s: float) -> None:
        super().__init__(f"ask again after {after_s} s")
        self.after_s = min(max(after_s, 1.0), MAX_AFTER_S)


class LeaseLost(Exception):
    """The step is not ours any more: drop the work.  Whoever holds it now was not touched."""


class Cancelled(LeaseLost):
    """Somebody has cancelled the job: drop the work."""


def delay_s(attempt: int, random: Random) -> float:
    """Seconds to wait after failed attempt number `attempt` (1, 2, ...): exponential, half of it at random.

    At most CAP_S.  Raises ValueError below 1.
    """
    if attempt < 1:
        raise ValueError(f"attempts are numbered from 1, not {attempt}")
    longest = min(CAP_S, FIRST_S * 2.0 ** min(attempt - 1, 16))
    return longest * (0.5 + 0.5 * random.random())
