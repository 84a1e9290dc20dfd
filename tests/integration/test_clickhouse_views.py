"""The analysts' views on a small log whose numbers were worked out by hand, and on the golden set of playbacks."""

from __future__ import annotations

import asyncio
import datetime
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest

from domain import events, playback
from domain.blocks import Block
from infra.clickhouse.clickhouse_row_store import ClickHouseRowStore
from infra.clickhouse.client import connect
from infra.clickhouse.http import Http
from infra.clickhouse.migrate import migrate
from infra.clickhouse.row_store import Insert, month
from infra.settings import Settings
from tests.golden.playbacks import playbacks

pytestmark = pytest.mark.servers

NOW_MS = int(time.time() * 1000)
DAY_MS, DAYS_8 = 86_400_000, 8 * 3_600_000
MIDNIGHT_MS = (NOW_MS + DAYS_8) // DAY_MS * DAY_MS - DAYS_8 - 2 * DAY_MS  # in Shanghai, the day before yesterday
TODAY = datetime.datetime.fromtimestamp(MIDNIGHT_MS / 1000, datetime.UTC).date() + datetime.timedelta(days=1)
BEFORE = TODAY - datetime.timedelta(days=1)
ANN, BOB, CAT, DAN = 1, 2, 3, 4
MINUTE = 60_000


class Script:
    """A log written by hand: minutes are minutes after midnight of TODAY in Shanghai."""

    def __init__(self) -> None:
        self.events: list[events.AnyEvent] = []
        self._seqs: dict[str, int] = {}

    def say(self, kind: type[Any], user_id: int, minute: float, session: str = "", **fields: Any) -> None:
        session = session or f"session of {user_id}"
        self._seqs[session] = seq = self._seqs.get(session, 0) + 1
        at_ms = MIDNIGHT_MS + int(minute * MINUTE)
        base = {"event_id": str(uuid.uuid4()), "seq": seq, "at_ms": at_ms, "ts_ms": at_ms, "received_at_ms": NOW_MS}
        self.events.append(
            kind(**base, user_id=user_id, session_id=session, drama_id=fields.pop("drama_id", 9), **fields)
        )

    def play(self, user_id: int, minute: float, play: int, *intervals: tuple[int, int], **fields: Any) -> None:
        """A playback of a minute's episode; the last interval is that of play_ended, unless ends=False."""
        ends, watched = fields.pop("ends", True), [*intervals]
        what = {"play_id": str(uuid.UUID(int=play)), "episode_no": 1, "duration_ms": MINUTE, **fields}
        self.say(events.PlayStarted, user_id, minute, **what, qualified=True, first_frame_ms=300, request_id="q")
        last = watched.pop() if ends else (0, 0)
        for n, (a, b) in enumerate(watched, 1):
            self.say(events.Heartbeat, user_id, minute + n / 10, **what, from_ms=a, to_ms=b, wall_ms=b - a, stalls=1)
        if ends:
            at, (a, b) = minute + len(watched) / 10 + 0.1, last
            self.say(
                events.PlayEnded, user_id, at, **what, from_ms=a, to_ms=b, wall_ms=b - a, stall_ms=40, reason="next"
            )


def the_log() -> list[events.AnyEvent]:
    """Three viewers, two dramas, two days."""
    log = Script()
    for position in range(3):
        log.say(events.Impression, ANN, -30, position=position, source="hot", request_id="q")
    log.say(events.Clicked, ANN, -29, position=1, source="hot", request_id="q")
    log.play(ANN, -28, 1, (0, 5_000), (5_000, 10_000), (10_000, 12_000))  # 12 s: view, valid
    log.play(
        ANN, -27, 2, (0, 5_000), (0, 5_000), (4_000, 6_000), episode_no=2
    )  # 6 s of it, though 12 s were sent: a view
    log.play(ANN, -0.05, 3, (0, 30_000), (30_000, 58_000))  # over midnight; 58 s: all four bits
    log.play(BOB, 5, 4, (0, 2_000), (50_000, 90_000))  # 2 s, and 10 s up to the end: valid
    log.play(BOB, 6, 5, (0, 2_500), ends=False)  # killed: nothing reaches 3 s
    log.play(BOB, 7, 6, (0, 2_000), duration_ms=2_000, drama_id=8)  # all of an episode of 2 s: all four bits
    log.play(CAT, 8, 7, (3_000, 3_000), episode_no=2)  # nothing watched
    for minute, kind in ((-20, "Liked"), (-19, "Liked"), (-18, "Unliked"), (3, "Liked")):
        log.say(getattr(events, kind), ANN, minute, episode_no=1)
    log.say(events.Unliked, BOB, 9, episode_no=1)  # never liked
    log.say(events.Liked, BOB, 10, episode_no=2)
    for minute, kind in ((-10, "Followed"), (10, "Unfollowed")):
        log.say(getattr(events, kind), CAT, minute)
    log.say(events.Followed, BOB, 11)
    for _ in range(2):
        log.say(events.Disliked, CAT, 12, drama_id=8)
        log.say(events.Shared, CAT, 13, episode_no=1)
    log.say(events.Shared, ANN, 14, session="another", episode_no=1)
    log.say(events.Unlocked, ANN, -5, session=events.SERVER_SESSION, episode_no=4, bonus_coins=30, paid_coins=20)
    log.say(events.Unlocked, ANN, 20, session=events.SERVER_SESSION, episode_no=5, paid_coins=50)
    log.say(events.Unlocked, ANN, 21, session=events.SERVER_SESSION, paid_coins=300)
    log.say(events.Unlocked, BOB, 22, session=events.SERVER_SESSION, episode_no=4, bonus_coins=50)
    log.say(events.Refunded, BOB, 30, session=events.SERVER_SESSION, episode_no=4, bonus_coins=50)
    log.say(events.Refunded, DAN, 31, session=events.SERVER_SESSION, drama_id=8, paid_coins=9)  # of an older unlock
    return log.events


def store(settings: Settings, what: Iterable[events.AnyEvent]) -> None:
    """Put them into `events`, by the worker's own way."""
    asyncio.run(_store(settings, [(offset, events.encode(event)) for offset, event in enumerate(what)]))


async def _store(settings: Settings, rows: list[tuple[int, bytes]]) -> None:
    http = Http(settings)
    assert await ClickHouseRowStore(http).insert(Insert("events", 0, Block(0, len(rows) - 1), month(NOW_MS), rows))
    await http.close()


@pytest.fixture(scope="module")
def databases(stack: Settings) -> Iterator[list[Settings]]:
    """One for the log by hand, one for the golden set."""
    made = [stack.model_copy(update={"clickhouse_database": f"views_{name}"}) for name in ("hand", "golden")]
    for settings in made:
        migrate(settings)
    yield made
    with connect(stack) as client:
        for settings in made:
            client.command(f"DROP DATABASE {settings.clickhouse_database} SYNC")


@pytest.fixture(scope="module")
def hand(databases: list[Settings]) -> Settings:
    store(databases[0], the_log())
    return databases[0]


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with connect(settings) as client:
        return [tuple(row) for row in client.query(sql).result_rows]


def test_plays_has_a_row_a_playback(hand):
    found = rows(
        hand,
        "SELECT day, user_id, drama_id, episode_no, ended, watched_ms, furthest_ms, bits FROM plays ORDER BY first_at",
    )
    assert found == [
        (BEFORE, ANN, 9, 1, True, 12_000, 12_000, 16 + 3),
        (BEFORE, ANN, 9, 2, True, 6_000, 6_000, 16 + 1),
        (BEFORE, ANN, 9, 1, True, 58_000, 58_000, 16 + 15),
        (TODAY, BOB, 9, 1, True, 12_000, 60_000, 16 + 3),
        (TODAY, BOB, 9, 1, False, 2_500, 2_500, 16),
        (TODAY, BOB, 8, 1, True, 2_000, 2_000, 16 + 15),
        (TODAY, CAT, 9, 2, True, 0, 0, 16),
    ]


def test_plays_tells_of_the_player(hand):
    found = rows(
        hand,
        "SELECT started, reason, wall_ms, stalls, stall_ms, first_frame_ms, request_id, is_view, is_valid, is_long,"
        " is_complete, qualified FROM plays WHERE user_id = 1 ORDER BY first_at LIMIT 1",
    )
    assert found == [(True, "next", 12_000, 2, 40, 300, "q", True, True, False, False, True)]


def test_drama_daily_has_a_row_a_day_and_drama(hand):
    found = rows(
        hand,
        "SELECT day, drama_id, impressions, clicks, starts, ends, viewers, views, valid_plays, long_plays, completes,"
        " content_ms, likes_change, follows_change, dislikes, shares, unlocks FROM drama_daily ORDER BY day, drama_id",
    )
    assert found == [
        (BEFORE, 9, 3, 1, 3, 2, 1, 3, 2, 1, 1, 76_000, 0, 1, 0, 0, 1),
        (TODAY, 8, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2_000, 0, 0, 1, 0, -1),
        (TODAY, 9, 0, 0, 3, 3, 2, 1, 1, 0, 0, 14_500, 2, 0, 0, 3, 2),
    ]


def test_reactions_daily_counts_what_changed(hand):
    found = rows(
        hand,
        "SELECT day, drama_id, likes, unlikes, follows, unfollows, dislikes, shares, likes_change, follows_change"
        " FROM reactions_daily ORDER BY day, drama_id",
    )
    assert found == [
        (BEFORE, 9, 1, 1, 1, 0, 0, 0, 0, 1),
        (TODAY, 8, 0, 0, 0, 0, 1, 0, 0, 0),
        (TODAY, 9, 2, 0, 1, 1, 0, 3, 2, 0),
    ]


def test_unlock_daily_tells_what_was_paid_and_what_came_back(hand):
    found = rows(
        hand,
        "SELECT day, drama_id, unlocks, viewers, paid_coins, bonus_coins, refunds, paid_coins_back, bonus_coins_back"
        " FROM unlock_daily ORDER BY day, drama_id",
    )
    assert found == [
        (BEFORE, 9, 1, 1, 20, 30, 0, 0, 0),
        (TODAY, 8, 0, 0, 0, 0, 1, 9, 0),
        (TODAY, 9, 3, 2, 350, 50, 1, 0, 50),
    ]


def test_episode_dropoff_tells_who_stayed(hand):
    found = rows(
        hand,
        "SELECT drama_id, episode_no, viewers, valid_viewers, completed_viewers, next_viewers, complete_rate,"
        " next_rate, median_furthest_ms, duration_ms FROM episode_dropoff ORDER BY drama_id, episode_no",
    )
    assert found == [
        (8, 1, 1, 1, 1, 0, 1.0, 0.0, 2_000, 2_000),
        (9, 1, 2, 2, 1, 1, 0.5, 0.5, 60_000, 60_000),
        (9, 2, 1, 0, 0, 0, 0.0, 0.0, 6_000, 60_000),
    ]


def test_user_daily_has_a_row_a_day_and_viewer(hand):
    found = rows(
        hand,
        "SELECT day, user_id, sessions, impressions, clicks, views, valid_plays, completes, dramas, episodes,"
        " content_ms, wall_ms, reactions, unlocks, dateDiff('second', first_at, last_at) FROM user_daily"
        " ORDER BY day, user_id",
    )
    assert found == [
        (BEFORE, ANN, 1, 3, 1, 3, 2, 1, 1, 2, 76_000, 82_000, 3, 1, 1797),
        (BEFORE, CAT, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0),
        (TODAY, ANN, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 1257),
        (TODAY, BOB, 1, 0, 0, 2, 2, 1, 2, 2, 16_500, 46_500, 3, 1, 1020),
        (TODAY, CAT, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 5, 0, 300),
    ]


def test_the_rule_in_sql_is_the_rule_in_python_on_ten_thousand_playbacks(databases):
    golden = list(playbacks())
    sent = [event for each in golden for event in each.events()]
    store(databases[1], [msgspec.structs.replace(event, received_at_ms=NOW_MS) for event in sent])
    wanted = {each.user_id: (each.content_ms, 16 | each.bits) for each in golden}
    assert {each.user_id: by_python(each.events()) for each in golden} == wanted
    found = rows(databases[1], "SELECT user_id, watched_ms, bits FROM plays")
    assert len(found) == len(golden) == 10_000
    assert {user_id: (watched_ms, bits) for user_id, watched_ms, bits in found} == wanted


def by_python(what: list[Any]) -> tuple[int, int]:
    """What the counters worker makes of a playback."""
    play, watched_ms = playback.NEW, 0
    for event in what:
        if isinstance(event, events.PlayStarted):
            play = playback.qualify(play)
        else:
            fresh, _, play = playback.watch(play, event.from_ms, event.to_ms, event.duration_ms)
            watched_ms += fresh
    return watched_ms, play[0]
