"""What the playbacks of viewers add up to: by SQL, and by domain.playback where the order of their events matters."""
# ruff: noqa: S608

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from domain import counters, events, playback
from domain.registers import Register, write
from infra.clickhouse.totals import FIRED, IRREGULAR, SLICE, UPTO, rows_of
from juliu.rebuild import rows
from juliu.rebuild.rows import PLAYED, Row

AT_ONCE = 2_000  # viewers whose irregular playbacks are read together: their ids travel with the query

# what a slice needs past this goes to ClickHouse's disk
SPILLING = {"max_bytes_before_external_group_by": 300_000_000, "max_threads": 2}

_PLAY = "user_id, session_id, play_id"
_ODD = f"{IRREGULAR} OR min(drama_index) != max(drama_index) OR min(episode_no) != max(episode_no)"
_PIECE = "from_ms < least(to_ms, duration_ms)"
_NEEDED = f"least({playback.VALID_MS}, length_ms)"
_BITS = (playback.VIEW, playback.VALID, playback.LONG, playback.COMPLETE)

# By viewer, each playback.  n is the piece of content with which it became valid; it heats with the later of that event
# and of its qualified start.
_PLAYS = f"""
SELECT p, user_id, max(last), groupArray(
    (odd, drama, index, episode, watched, length_ms, n, piece.4, heats, if(starts, start.2, piece.4),
     if(starts, start.3, piece.5), if(starts, start.1, piece.1), toUnixTimestamp64Milli(at.1), at.2, at.3, at.4, at.5,
     recent))
FROM
(
    SELECT
        *,
        arrayFirstIndex(
            i -> arrayReduce('intervalLengthSum', arraySlice(pieces.2, 1, i), arraySlice(pieces.3, 1, i)) >= {_NEEDED},
            if(odd OR watched < {_NEEDED}, [], arrayEnumerate(pieces))) AS n,
        pieces[n] AS piece,
        n > 0 AND start.1 >= 0 AS heats,
        heats AND start.1 > piece.1 AS starts
    FROM
    (
        SELECT
            user_id, any(partition) AS p, any(drama_id) AS drama, any(drama_index) AS index, any(episode_no) AS episode,
            max(duration_ms) AS length_ms, max(offset) AS last, {_ODD} AS odd,
            intervalLengthSumIf(from_ms, least(to_ms, duration_ms), {_PIECE}) AS watched,
            arraySort(groupArrayIf(
                (toInt64(offset), from_ms, least(to_ms, duration_ms), toUnixTimestamp64Milli(ts),
                 toUnixTimestamp64Milli(received_at)), {_PIECE})) AS pieces,
            minIf((toInt64(offset), toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(received_at)), qualified)
                AS first_start,
            if(max(qualified), first_start, (toInt64(-1), toInt64(0), toInt64(0))) AS start,
            max((ts, session_id, seq, episode_no, to_ms)) AS at,
            toUnixTimestamp64Milli(maxIf(ts, event_type != 'heartbeat')) AS recent
        FROM events WHERE {PLAYED} AND {UPTO} AND {SLICE}
        GROUP BY {_PLAY}
    )
)
GROUP BY p, user_id
"""

_ODD_PLAYS = f"""
{PLAYED} AND user_id IN {{viewers:Array(UInt64)}} AND ({_PLAY}) IN
    (SELECT {_PLAY} FROM events
     WHERE {PLAYED} AND {UPTO} AND {SLICE} AND user_id IN {{viewers:Array(UInt64)}} GROUP BY {_PLAY} HAVING {_ODD})
"""


class Heat(NamedTuple):
    """A qualified valid play, which heats its drama unless the viewer's marks say that it was heated."""

    offset: int
    drama_id: int
    episode_no: int
    ts_ms: int
    received_at_ms: int


class Played:
    """What playbacks of one viewer did.  `last` is the offset of their last event; heats are in no order."""

    def __init__(self, partition: int, user_id: int, last: int = 0) -> None:
        self.partition, self.user_id, self.last = partition, user_id, last
        self.progress: list[tuple[int, Register]] = []  # drama, where the viewer was; several of a drama
        self.recent: list[tuple[int, int]] = []  # drama, ts_ms of a start, an end or a valid play
        self.seen: list[int] = []  # drama indexes
        self.heats: list[Heat] = []
        self.counts: list[tuple[int, int, int]] = []  # drama, counter, how many

    def add(self, play: Any) -> None:
        """A regular playback, as _PLAYS tells it."""
        _, drama, index, episode_no, watched_ms, length_ms, n, valid_ms, heats, *rest = play
        heat_ms, heat_received_ms, heat_offset, ts_ms, session_id, seq, last_episode_no, position_ms, recent_ms = rest
        self.progress.append((drama, ((ts_ms, session_id, seq), (last_episode_no, position_ms))))
        if recent_ms:
            self.recent.append((drama, recent_ms))
        if watched_ms:
            self._count(drama, watched_ms, playback.passed(watched_ms, length_ms))
        if n:
            self.seen.append(index)
            self.recent.append((drama, valid_ms))
        if heats:
            self.heats.append(Heat(heat_offset, drama, episode_no, heat_ms, heat_received_ms))

    def fold(self, of_viewer: Iterable[Row]) -> None:
        """Irregular playbacks, as domain.handlers takes their events."""
        plays: dict[tuple[str, str], playback.Playback] = {}
        progress: dict[int, Register] = {}
        for row in of_viewer:
            event = row.event
            assert isinstance(event, events.PlayStarted | events.Heartbeat | events.PlayEnded)
            at = (event.session_id, event.play_id)
            plays[at] = self._event(row.offset, event, plays.get(at, playback.NEW))
            position_ms = 0 if isinstance(event, events.PlayStarted) else event.to_ms
            stamp = (event.ts_ms, event.session_id, event.seq)
            new = write(progress.get(event.drama_id), stamp, (event.episode_no, position_ms))
            progress[event.drama_id] = new or progress[event.drama_id]
            self.last = max(self.last, row.offset)
        self.progress += progress.items()

    def _event(self, offset: int, event: Any, before: playback.Playback) -> playback.Playback:
        fresh, fired = 0, 0
        if isinstance(event, events.PlayStarted):
            after = playback.qualify(before) if event.qualified else before
        else:
            fresh, fired, after = playback.watch(before, event.from_ms, event.to_ms, event.duration_ms)
        self._count(event.drama_id, fresh, fired)
        if not isinstance(event, events.Heartbeat) or fired & playback.VALID:
            self.recent.append((event.drama_id, event.ts_ms))
        if fired & playback.VALID:
            self.seen.append(event.drama_index)
        if _heats(after) and not _heats(before):
            self.heats.append(Heat(offset, event.drama_id, event.episode_no, event.ts_ms, event.received_at_ms))
        return after

    def _count(self, drama_id: int, content_ms: int, fired: int) -> None:
        self.counts.append((drama_id, counters.CONTENT_MS, content_ms))
        self.counts += [(drama_id, counter, 1) for bit, counter in zip(_BITS, FIRED, strict=True) if fired & bit]


def played(client: Client, which: dict[str, Any]) -> Iterator[Played]:
    """The viewers of one slice who played anything, each once."""
    odd: dict[int, Played] = {}
    for p, user_id, last, plays in rows_of(client, _PLAYS, which, SPILLING):
        viewer, is_odd = Played(p, user_id, last), False
        for play in plays:
            if play[0]:
                is_odd = True
            else:
                viewer.add(play)
        if not is_odd:
            yield viewer
            continue
        odd[user_id] = viewer
        if len(odd) == AT_ONCE:
            yield from _with_odd(client, which, odd)
            odd = {}
    yield from _with_odd(client, which, odd)


def _with_odd(client: Client, which: dict[str, Any], viewers: dict[int, Played]) -> Iterator[Played]:
    """The viewers with their irregular playbacks too."""
    if not viewers:
        return
    found = rows.read(client, _ODD_PLAYS, which | {"viewers": list(viewers)})
    for user_id, of_viewer in itertools.groupby(found, lambda row: row.event.user_id):
        viewers[user_id].fold(of_viewer)
    yield from viewers.values()


def _heats(play: playback.Playback) -> bool:
    both = playback.VALID | playback.QUALIFIED
    return play[0] & both == both
