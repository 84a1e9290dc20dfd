"""What the WeChat stand-in holds: media, tasks, dramas, and how long things take, counted in calls and not in time.

`now_s` is the account's own clock: by default real time, since presigned addresses and `t` are checked against it.
Everything that happens by chance comes from one seed.  Nothing is made unique for the caller: who sends twice has two.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PENDING, REJECTED, PASSED, REFILL = 1, 2, 3, 4


@dataclass
class Traits:
    """How badly it behaves; all zero: not at all."""

    initialising: int = 0  # the first so many uploads are answered -2
    pull_takes: int = 2  # calls of gettask before a pull is over
    audit_takes: int = 2  # calls that look at a drama before its audit is over
    empty_links: int = 2  # first links after the pass that have no address
    lose: list[str] = field(default_factory=list)  # calls whose next answer is lost
    cut: list[str] = field(default_factory=list)  # calls that do not arrive, once each
    no_answer: float = 0.0  # the answer is cut off after all was done
    not_done: float = 0.0  # the connection is cut before anything was done
    system_error: float = 0.0  # -1, half of the time after it was done
    pull_fails: float = 0.0  # a task ends with 60000
    pull_hangs: int = 0  # the first so many tasks hang
    hang_takes: int = 1 << 30  # calls of gettask before a hanging one ends after all
    stale_looks: int = 0  # calls that still see what a drama was before it was handed in again
    sizes_as_text: bool = True  # file_size is a text, as the page says
    audit: int = PASSED  # what it comes to
    replacement_audit: int = PASSED
    silent_media: bool = False  # getmedia leaves the audit out, as it has at times
    replace_lags: int = 0  # the first so many replacements that passed are refused, as minutes after the pass
    calls_a_minute: int = 0  # 45011 past so many; 0: no limit
    event_lost: float = 0.0
    event_twice: float = 0.0
    wrong_case: bool = False  # of the keys in events


@dataclass
class Media:
    media_id: int
    name: str
    size: int
    context: str
    created_s: int
    drama_id: int = 0
    reason: str = ""
    duration: int = 0  # s; 0: not known yet


@dataclass
class Task:
    task_id: int
    name: str
    address: str
    context: str
    looks_left: int
    status: int = 1
    errcode: int = 0
    media_id: int = 0


@dataclass
class Audit:
    status: int
    becomes: int
    looks_left: int
    created_s: int
    audited_s: int = 0
    pair: tuple[int, int] = (0, 0)  # of a replacement


@dataclass
class Drama:
    drama_id: int
    name: str
    media: list[int]
    body: dict[str, Any]
    created_s: int
    audit: Audit
    replacement: Audit | None = None
    before: Audit | None = None
    stale_left: int = 0
    links_left: int = 0
    down: bool = False


@dataclass
class Account:
    """One app.  `lock` is held for each call; what tests read they read under it too, or when all is quiet."""

    appid: str = "wx0123456789abcdef"
    secret: str = "s" * 32
    traits: Traits = field(default_factory=Traits)
    seed: int = 1
    now_s: Callable[[], int] = lambda: int(time.time())
    size_of: Callable[[str], int | None] = lambda _address: 1_000  # fetches; None: it cannot be fetched
    seconds_of: Callable[[str], int] = lambda _address: 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    calls: Counter[str] = field(default_factory=Counter)
    media: dict[int, Media] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    dramas: dict[int, Drama] = field(default_factory=dict)
    replacements: dict[int, Audit] = field(default_factory=dict)  # by the new media's id, the latest of each
    materials: dict[str, int] = field(default_factory=dict)  # id -> when it was uploaded
    tokens: list[str] = field(default_factory=list)  # the last two are good
    bad_tokens: set[str] = field(default_factory=set)  # refused although they are the latest
    links: list[int] = field(default_factory=list)
    packages: list[dict[str, Any]] = field(default_factory=list)
    used: list[dict[str, int]] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)  # as they were sent, repeated ones twice

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._next = 70_000

    def number(self) -> int:
        """The next id of anything."""
        self._next += 1
        return self._next

    def happens(self, share: float) -> bool:
        return share > 0 and self.chance.random() < share

    def named(self, name: str) -> list[Media]:
        """All media of this name that there are."""
        with self.lock:
            return [one for one in self.media.values() if one.name == name]

    def submissions(self, name: str) -> list[Drama]:
        """All dramas that were handed in under this name."""
        with self.lock:
            return [one for one in self.dramas.values() if one.name == name]
