"""Which playbacks became valid and which heat, when: by SQL, and by domain.playback where their order matters."""
# ruff: noqa: S608

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from domain import events, playback
from infra.clickhouse.totals import IRREGULAR, SLICE, UPTO, rows_of
from juliu.rebuild import rows
from juliu.rebuild.rows import PLAYED, Row

AT_ONCE = 2_000  # viewers whose irregular playbacks are read together: their ids travel with the query

_PLAY = "user_id, session_id, play_id"
_ODD = f"{IRREGULAR} OR min(drama_index) != max(drama_index) OR min(episode_no) != max(episode_no)"
_PIECE = "from_ms < least(to_ms, duration_ms)"
_NEEDED = f"least({playback.VALID_MS}, length_ms)"

# Of a viewer's regular playbacks that became valid: the event that made each valid, and the later of that and of its
# qualified start, which heats.  n is the piece of content with which it became valid.
_VALID = f"""
SELECT p, user_id, max(last), countIf(odd), groupArrayIf(
    (drama, index, episode, piece.4, heats, if(starts, start.2, piece.4), if(starts, start.3, piece.5),
     if(starts, start.1, piece.1)), NOT odd AND n > 0)
FROM
(
    SELECT
        p, user_id, last, odd, drama, index, episode, start,
        arrayFirstIndex(
            i -> arrayReduce('intervalLengthSum', arraySlice(pieces.2, 1, i), arraySlice(pieces.3, 1, i)) >= {_NEEDED},
            if(odd, [], arrayEnumerate(pieces))) AS n,
        pieces[n] AS piece,
        start.1 >= 0 AS heats,
        heats AND start.1 > piece.1 AS starts
    FROM
    (
        SELECT
            user_id, any(partition) AS p, any(drama_id) AS drama, any(drama_index) AS index, any(episode_no) AS episode,
            max(duration_ms) AS length_ms, max(offset) AS last, {_ODD} AS odd,
            arraySort(groupArrayIf(
                (toInt64(offset), from_ms, least(to_ms, duration_ms), toUnixTimestamp64Milli(ts),
                 toUnixTimestamp64Milli(received_at)), {_PIECE})) AS pieces,
            minIf((toInt64(offset), toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(received_at)), qualified)
                AS first_start,
            if(max(qualified), first_start, (toInt64(-1), toInt64(0), toInt64(0))) AS start
        FROM events WHERE {PLAYED} AND {UPTO} AND {SLICE}
        GROUP BY {_PLAY}
    )
)
WHERE odd OR n > 0
GROUP BY p, user_id
"""

_ODD_PLAYS = f"""
{PLAYED} AND user_id IN {{viewers:Array(UInt64)}} AND ({_PLAY}) IN
    (SELECT {_PLAY} FROM events
     WHERE {PLAYED} AND {UPTO} AND {SLICE} AND user_id IN {{viewers:Array(UInt64)}} GROUP BY {_PLAY} HAVING {_ODD})
"""


class Valid(NamedTuple):
    """The viewer had a valid play of this drama."""

    drama_id: int
    drama_index: int
    ts_ms: int


class Heat(NamedTuple):
    """A qualified valid play, which heats its drama unless the viewer's marks say that it was heated."""

    offset: int
    drama_id: int
    episode_no: int
    ts_ms: int
    received_at_ms: int


class Played(NamedTuple):
    """What the playbacks of one viewer did; `last` is the offset of their last event.  Heats are in no order."""

    partition: int
    user_id: int
    last: int
    valid: list[Valid]
    heats: list[Heat]


def played(client: Client, which: dict[str, Any]) -> Iterator[Played]:
    """The viewers of one slice who had a valid play; a viewer may come twice."""
    odd: list[int] = []
    for p, user_id, last, others, found in rows_of(client, _VALID, which):
        if others:
            odd.append(user_id)
        valid = [Valid(drama, index, ts) for drama, index, _, ts, *_ in found]
        heats = [Heat(at, drama, ep, ts, recv) for drama, _, ep, _, heats, ts, recv, at in found if heats]
        yield Played(p, user_id, last, valid, heats)
    for at in range(0, len(odd), AT_ONCE):
        found_rows = rows.read(client, _ODD_PLAYS, which | {"viewers": odd[at : at + AT_ONCE]})
        for (p, user_id), of_viewer in itertools.groupby(found_rows, lambda row: (row.partition, row.event.user_id)):
            yield _folded(p, user_id, of_viewer)


def _folded(p: int, user_id: int, of_viewer: Iterable[Row]) -> Played:
    """A viewer's irregular playbacks, as domain.handlers takes their events."""
    out = Played(p, user_id, 0, [], [])
    plays: dict[tuple[str, str], playback.Playback] = {}
    last = 0
    for row in of_viewer:
        event = row.event
        assert isinstance(event, events.PlayStarted | events.Heartbeat | events.PlayEnded)
        at = (event.session_id, event.play_id)
        before = plays.get(at, playback.NEW)
        plays[at] = after = _after(before, event)
        if after[0] & playback.VALID and not before[0] & playback.VALID:
            out.valid.append(Valid(event.drama_id, event.drama_index, event.ts_ms))
        if _heats(after) and not _heats(before):
            out.heats.append(Heat(row.offset, event.drama_id, event.episode_no, event.ts_ms, event.received_at_ms))
        last = max(last, row.offset)
    return out._replace(last=last)


def _after(play: playback.Playback, event: events.PlayStarted | events.Heartbeat | events.PlayEnded) -> Any:
    if isinstance(event, events.PlayStarted):
        return playback.qualify(play) if event.qualified else play
    return playback.watch(play, event.from_ms, event.to_ms, event.duration_ms)[2]


def _heats(play: playback.Playback) -> bool:
    both = playback.VALID | playback.QUALIFIED
    return play[0] & both == both
