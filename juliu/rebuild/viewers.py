"""What is kept of each viewer: progress, reactions, heat marks, history and what was seen; and the heat of dramas."""
# ruff: noqa: S608

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from clickhouse_connect.driver.client import Client

from domain import bitmap, counters, hotness, keys, registers, state
from domain.handlers import MAX_DRAMA_INDEX, marked
from infra.clickhouse.totals import SLICE, UPTO, rows_of
from juliu.rebuild import plays
from juliu.rebuild.bulk import Bulk
from juliu.rebuild.plays import Played
from juliu.rebuild.stand import Target

HeatTotals = dict[tuple[int, str, int, int], float]  # (partition, decay, epoch, drama) -> sum of weights
CountTotals = Counter[tuple[int, int, int]]  # (partition, drama, counter) -> number

# by viewer, the last word on each thing that can be reacted to
_REACTIONS = f"""
SELECT p, user_id, max(last), groupArray((kind, drama_id, episode_no, toUnixTimestamp64Milli(at.1), at.3, at.4, at.2))
FROM
(
    SELECT
        any(partition) AS p, user_id, drama_id, episode_no, max(offset) AS last,
        multiIf(event_type IN ('liked', 'unliked'), 'l', event_type = 'disliked', 'd', 'f') AS kind,
        max((ts, session_id, seq, toUInt8(event_type IN ('liked', 'followed', 'disliked')))) AS at
    FROM events
    WHERE event_type IN ('liked', 'unliked', 'followed', 'unfollowed', 'disliked') AND {UPTO} AND {SLICE}
    GROUP BY user_id, kind, drama_id, episode_no
)
GROUP BY p, user_id
"""


@dataclass
class Viewer:
    """One viewer of the slice."""

    p: int
    last: int = 0  # offset of the last event that renewed the life of something here
    progress: dict[int, registers.Register] = field(default_factory=dict)
    reactions: list[str] = field(default_factory=list)  # name, text, name, text ...
    marks: dict[int, tuple[int, ...]] = field(default_factory=dict)
    recent: dict[int, int] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)


@dataclass
class Slice:
    """The viewers of one slice, one after the other, and what they add to the numbers and the heat of dramas."""

    bulk: Bulk
    target: Target
    viewers: int = 0
    heat: HeatTotals = field(default_factory=lambda: defaultdict(float))
    counts: CountTotals = field(default_factory=Counter)

    def write(self, client: Client, which: dict[str, Any]) -> None:
        """All of the slice into the new namespaces, with the lives that the fold would have given, or a day longer.

        Holds the reactions of all viewers, and what else there is of one.
        """
        waiting: dict[int, Viewer] = {}
        for p, user_id, last, reactions in rows_of(client, _REACTIONS, which):
            waiting[user_id] = viewer = Viewer(p, last)
            self._react(viewer, reactions)
        for played in plays.played(client, which):
            viewer = waiting.pop(played.user_id, Viewer(played.partition))
            self._play(viewer, played)
            self._write(played.user_id, viewer)
        for user_id, viewer in waiting.items():
            self._write(user_id, viewer)

    def _write(self, user_id: int, viewer: Viewer) -> None:
        self.viewers += 1
        life_s = self.target.life_s(viewer.p, viewer.last, keys.USER_LIFE_S)
        if life_s > 0:
            _write(self.bulk, self.target.namespaces[viewer.p], user_id, viewer, life_s)

    def _react(self, viewer: Viewer, reactions: list[tuple[Any, ...]]) -> None:
        for kind, drama_id, episode_no, ts_ms, seq, on, session_id in reactions:
            name = _reaction_field(kind, drama_id, episode_no)
            viewer.reactions += (name, registers.encode(((ts_ms, session_id, seq), (on,))))
            self.counts[viewer.p, drama_id, _REACTED[kind]] += on

    def _play(self, viewer: Viewer, played: Played) -> None:
        for drama_id, (stamp, value) in played.progress:
            new = registers.write(viewer.progress.get(drama_id), stamp, value)
            if new is not None:
                viewer.progress[drama_id] = new
        for drama_id, ts_ms in played.recent:
            if ts_ms > viewer.recent.get(drama_id, -1):
                viewer.recent[drama_id] = ts_ms
        viewer.seen.update(index for index in played.seen if 0 <= index < MAX_DRAMA_INDEX)
        for drama_id, counter, n in played.counts:
            self.counts[viewer.p, drama_id, counter] += n
        for heat in sorted(played.heats):  # in the order of the log
            self._warm(viewer, heat)
        viewer.last = max(viewer.last, played.last)

    def _warm(self, viewer: Viewer, heat: plays.Heat) -> None:
        marks = marked(viewer.marks.get(heat.drama_id, ()), heat)
        if marks is None:
            return
        viewer.marks[heat.drama_id] = marks
        for decay in hotness.DECAYS:
            epoch, weight = hotness.weight(heat.ts_ms, decay)
            self.heat[viewer.p, decay.name, epoch, heat.drama_id] += weight


_REACTED = {"l": counters.LIKES, "f": counters.FOLLOWS, "d": counters.DISLIKES}


def _reaction_field(kind: str, drama_id: int, episode_no: int) -> str:
    if kind == "l":
        return state.like_field(drama_id, episode_no)
    return state.follow_field(drama_id) if kind == "f" else state.dislike_field(drama_id)


def _write(bulk: Bulk, namespace: int, user_id: int, viewer: Viewer, life_s: int) -> None:
    key = keys.user(namespace, viewer.p, user_id)
    marks = [x for drama, marks in viewer.marks.items() for x in (state.marks_field(drama), state.ENCODERS["v"](marks))]
    where = [x for drama, at in viewer.progress.items() for x in (state.progress_field(drama), registers.encode(at))]
    if where or viewer.reactions:
        bulk.put("HSET", key, *where, *viewer.reactions, *marks)
        bulk.put("EXPIRE", key, life_s)
    if viewer.recent:
        key = keys.recent(namespace, viewer.p, user_id)
        latest = sorted(viewer.recent.items(), key=lambda x: (x[1], str(x[0])))[-keys.RECENT_KEPT :]
        bulk.put("ZADD", key, *(x for drama, ts_ms in latest for x in (ts_ms, drama)))
        bulk.put("EXPIRE", key, life_s)
    if viewer.seen:
        key = keys.seen(namespace, viewer.p, user_id)
        bulk.put("SET", key, bytes(bitmap.of(viewer.seen, max(viewer.seen) // 8 + 1)), "EX", life_s)
