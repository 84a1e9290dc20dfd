"""What every number and register must be, from the events alone: sets and plain loops, sharing nothing with domain/.

It reads the log's JSON objects, not the classes, and keeps everything for ever: no windows, no bounds, no state layout.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

HALF_LIVES_H = {"hot": 24, "slow": 168}
COUNTED = {"impression": "impressions", "clicked": "clicks", "shared": "shares", "unlocked": "unlocks"}
REACTIONS = {
    "liked": ("likes", 1), "unliked": ("likes", 0), "followed": ("follows", 1), "unfollowed": ("follows", 0),
    "disliked": ("dislikes", 1),
}  # fmt: skip
NEEDS_MS = (("views", 3_000), ("valid_plays", 7_000), ("long_plays", 18_000))


def union_ms(ranges: Iterable[tuple[int, int]]) -> int:
    """Milliseconds in the union of half-open ranges."""
    total, end = 0, -1
    for a, b in sorted(ranges):
        total += max(0, b - max(a, end))
        end = max(end, b)
    return total


def thresholds(covered_ms: int, duration_ms: int) -> set[str]:
    """The names of the thresholds that this much unique content passes."""
    names = {name for name, need in NEEDS_MS if covered_ms >= min(need, duration_ms)}
    return names | ({"completes"} if covered_ms * 100 >= duration_ms * 95 else set())


class Play:
    """One playback: its intervals, what it passed, whether it may heat."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []
        self.passed: set[str] = set()
        self.qualified = False
        self.covered_ms = 0


class Expected:
    """Everything that the events add up to.  take() them in the order of the log, per viewer."""

    def __init__(self) -> None:
        self.accepted: set[tuple[int, str, int]] = set()
        self.duplicates = self.late = 0
        self.counts: Counter[tuple[int, str]] = Counter()  # (drama, counter)
        self.reactions: dict[tuple[Any, ...], tuple[Any, int]] = {}  # (user, counter, drama, episode) -> (stamp, on)
        self.progress: dict[tuple[int, int], tuple[Any, tuple[int, int]]] = {}
        self.heat: Counter[tuple[str, int, int]] = Counter()  # (decay, epoch, drama) -> weight
        self.seen: defaultdict[int, set[int]] = defaultdict(set)
        self.recent: defaultdict[int, dict[int, int]] = defaultdict(dict)
        self.plays: defaultdict[tuple[int, str, str], Play] = defaultdict(Play)  # (user, session, playback)
        self.heated: set[tuple[int, int, int, int]] = set()  # (user, drama, episode, half hour) that made it hotter

    def take(self, event: Mapping[str, Any]) -> None:
        """One record of the log."""
        identity = (event["user_id"], event["session_id"], event["seq"])
        if event.get("late"):
            self.late += 1
        elif identity in self.accepted:
            self.duplicates += 1
        else:
            self.accepted.add(identity)
            self._count(event)

    def numbers(self) -> dict[tuple[int, str], int]:
        """(drama, counter) -> number, without zeros."""
        return {at: n for at, n in self.counts.items() if n}

    def _count(self, event: Mapping[str, Any]) -> None:
        kind, drama_id = event["type"], event["drama_id"]
        if kind == "refunded":
            self.counts[drama_id, "unlocks"] -= 1
        elif kind in COUNTED:
            self.counts[drama_id, COUNTED[kind]] += 1
        elif kind in REACTIONS:
            self._react(event, *REACTIONS[kind])
        else:
            self._play(event)

    def _react(self, event: Mapping[str, Any], counter: str, on: int) -> None:
        target = (event["user_id"], counter, event["drama_id"], event.get("episode_no"))
        stamp = (event["ts_ms"], event["session_id"], event["seq"])
        old = self.reactions.get(target)
        if old is None or old[0] < stamp:
            self.counts[event["drama_id"], counter] += on - (old[1] if old else 0)
            self.reactions[target] = (stamp, on)

    def _play(self, event: Mapping[str, Any]) -> None:
        play = self.plays[event["user_id"], event["session_id"], event["play_id"]]
        if event["type"] == "play_started":
            self.counts[event["drama_id"], "starts"] += 1
            before = "valid_plays" in play.passed and play.qualified
            play.qualified |= event.get("qualified", False)
        else:
            self.counts[event["drama_id"], "ends"] += event["type"] == "play_ended"
            before = "valid_plays" in play.passed and play.qualified
            self._watch(event, play)
        if event["type"] != "heartbeat":
            self._recent(event)
        if "valid_plays" in play.passed and play.qualified and not before:
            self._heat(event)
        self._progress(event)

    def _watch(self, event: Mapping[str, Any], play: Play) -> None:
        drama_id, duration_ms = event["drama_id"], event.get("duration_ms", 0)
        play.ranges.append((max(0, event["from_ms"]), min(event["to_ms"], duration_ms)))
        covered_ms = union_ms(play.ranges)
        if covered_ms == play.covered_ms:
            return
        self.counts[drama_id, "content_ms"] += covered_ms - play.covered_ms
        play.covered_ms = covered_ms
        for name in thresholds(covered_ms, duration_ms) - play.passed:
            play.passed.add(name)
            self.counts[drama_id, name] += 1
            if name == "valid_plays":
                self.seen[event["user_id"]].add(event.get("drama_index", 0))
                self._recent(event)

    def _recent(self, event: Mapping[str, Any]) -> None:
        of_user, drama_id = self.recent[event["user_id"]], event["drama_id"]
        of_user[drama_id] = max(of_user.get(drama_id, 0), event["ts_ms"])

    def _heat(self, event: Mapping[str, Any]) -> None:
        at = (event["user_id"], event["drama_id"], event["episode_no"], event["ts_ms"] // (30 * 60_000))
        if at in self.heated:
            return
        self.heated.add(at)
        for decay, hours in HALF_LIVES_H.items():
            half_lives = event["ts_ms"] / (hours * 3_600_000)
            epoch = int(half_lives // 400)
            self.heat[decay, epoch, event["drama_id"]] += 2.0 ** (half_lives - 400 * epoch)

    def _progress(self, event: Mapping[str, Any]) -> None:
        at = (event["user_id"], event["drama_id"])
        stamp = (event["ts_ms"], event["session_id"], event["seq"])
        if at not in self.progress or self.progress[at][0] < stamp:
            self.progress[at] = (stamp, (event["episode_no"], event.get("to_ms", 0)))


def fold(records: Iterable[Mapping[str, Any]]) -> Expected:
    """What a whole log adds up to."""
    expected = Expected()
    for record in records:
        expected.take(record)
    return expected
