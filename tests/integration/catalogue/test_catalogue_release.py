"""Release moments on real servers: from a file or a command into MySQL, and from there to every process."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis
import redis.asyncio
from sqlalchemy.exc import OperationalError

from domain.media import orders as log_orders
from domain.media.orders import AT_TERMINAL, By, Ordered, Surface, What
from domain.releases import BadSchedule, NeedsRecall, Wanted
from infra.catalogue import releases
from infra.catalogue.follower import CatalogueFollower
from infra.catalogue.media import publish_media
from infra.catalogue.releases import Standing
from infra.catalogue.shelf import RedisShelf
from infra.catalogue.takedown import UnknownDrama, take_down
from infra.fold_store import Wait
from infra.media.queue import JobQueue
from infra.media.release_desk import ReleaseDesk
from tests.catalogue import a_line, an_episode
from tests.catalogue_rig import Juliu, Rig

pytestmark = pytest.mark.servers

DRAMA, EPISODES = 7, 6
PAST_MS, NOW_MS, LATER_MS, DAY_MS = 1_600_000_000_000, 1_795_000_000_000, 4_000_000_000_000, 86_400_000
LATER = "2096-10-02 15:06:40"  # in Shanghai
STANDSTILL_S = 20.0


def line(*moments: Any, **fields: Any) -> dict[str, Any]:
    """EPISODES of DRAMA with these moments; ... and what is missing has none."""
    given = [*moments, *[...] * (EPISODES - len(moments))]
    says = ({} if moment is ... else {"release_ms": moment} for moment in given)
    return a_line(DRAMA, episodes=[an_episode(number, **said) for number, said in enumerate(says, 1)], **fields)


def stored(rig: Rig) -> list[int | None]:
    """What MySQL has."""
    return [row[0] for row in rig.rows("SELECT release_ms FROM episodes WHERE drama_id = 7 ORDER BY episode_no")]


def orders(rig: Rig, wanted: Wanted, drama_id: int = DRAMA) -> Standing:
    """What staff or a terminal do, without publishing it."""
    with rig.engine.begin() as connection:
        return releases.release(connection, drama_id, wanted, AT_TERMINAL, NOW_MS)


def on_record(rig: Rig) -> list[Ordered]:
    """The orders that wait for the log."""
    return [log_orders.decode(record.value) for record in JobQueue(rig.engine).records(100)]


def read(rig: Rig) -> list[int]:
    """What a process that starts now holds."""
    drama = rig.read().drama(DRAMA)
    assert drama is not None
    return [drama.release_ms(number) for number in range(1, EPISODES + 1)]


# -- files -----------------------------------------------------------------------------------------------------------


def test_a_file_sets_moments_and_readers_get_them_in_order(rig: Rig):
    rig.publishes(line(None, PAST_MS, ..., LATER_MS))
    assert stored(rig) == [None, PAST_MS, None, LATER_MS, None, None]
    assert read(rig) == [0, PAST_MS, PAST_MS, LATER_MS, LATER_MS, LATER_MS]


def test_a_file_without_moments_keeps_them_and_null_takes_them_away(rig: Rig):
    rig.publishes(line(..., LATER_MS, LATER_MS + 1))
    assert rig.imports(line()).unchanged == 1
    assert rig.imports(line(title="another")).changed == 1
    assert stored(rig)[:3] == [None, LATER_MS, LATER_MS + 1]
    assert rig.publishes(line(..., None, LATER_MS + 2, title="another")).what == "delta"
    assert stored(rig)[:3] == [None, None, LATER_MS + 2]
    assert rig.imports(line(None, None, LATER_MS + 2, title="another")).unchanged == 1


def test_an_episode_that_is_added_waits_for_those_before_it(rig: Rig):
    rig.publishes(a_line(DRAMA, episodes=[an_episode(1), an_episode(2, release_ms=LATER_MS)]))
    rig.publishes(a_line(DRAMA, how_many=3))
    assert rig.read().release_ms(DRAMA, 3) == LATER_MS


def test_a_video_that_is_made_leaves_the_moment_alone(rig: Rig):
    rig.publishes(line(LATER_MS))
    assert publish_media(rig.engine, DRAMA, 1, "made/1.m3u8", 61_000)
    rig.publishes()
    assert read(rig)[0] == LATER_MS


# -- one drama -------------------------------------------------------------------------------------------------------


def test_a_schedule_is_written_whole_and_published_as_a_delta(rig: Rig):
    rig.publishes(line(), a_line(9))
    wanted = Wanted(first=3, episodes=4, from_ms=LATER_MS, recall=True)
    assert orders(rig, wanted).moments == [0, 0, *[LATER_MS] * 4]
    published = rig.publishes()
    assert (published.what, published.dramas) == ("delta", 1)
    assert read(rig) == [0, 0, *[LATER_MS] * 4]
    orders(rig, wanted)
    assert rig.publishes().what == "nothing"


def test_what_cannot_be_planned_changes_nothing(rig: Rig):
    rig.publishes(line(LATER_MS))
    with pytest.raises(UnknownDrama, match="juliu catalogue import"):
        orders(rig, Wanted(from_ms=LATER_MS), drama_id=404)
    for wanted, error in ((Wanted(from_ms=NOW_MS - 1), BadSchedule), (Wanted(9, from_ms=LATER_MS), BadSchedule)):
        with pytest.raises(error):
            orders(rig, wanted)
    rig.publishes(line(PAST_MS))
    with pytest.raises(NeedsRecall):
        orders(rig, Wanted(1, from_ms=LATER_MS))
    assert (stored(rig)[0], on_record(rig)) == (PAST_MS, [])
    assert rig.publishes().what == "nothing"


def test_it_waits_for_who_writes_dramas(rig: Rig):
    """What is planned is of the drama as it is when it is written: imports and schedules come one after the other."""
    rig.publishes(line())
    with rig.engine.begin() as ours:
        releases.release(ours, DRAMA, Wanted(1, from_ms=LATER_MS, recall=True), AT_TERMINAL, NOW_MS)
        with rig.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 1")
            with pytest.raises(OperationalError, match="1205"):
                connection.exec_driver_sql("SELECT value FROM catalogue_counters WHERE name = 'revision' FOR UPDATE")


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(int(STANDSTILL_S / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it did not become so")


async def test_a_running_process_follows_a_moment_that_is_brought_forward_and_put_off(rig: Rig):
    """It looks every 0.4 s; what it holds is the moment, so at that moment itself nothing has to happen."""
    await asyncio.to_thread(rig.publishes, line(LATER_MS))
    async with redis.asyncio.Redis.from_url(rig.settings.redis_url) as client:
        follower = CatalogueFollower(client)
        await follower.start()
        assert [follower.current.offered(DRAMA, LATER_MS + n) for n in (-1, 0)] == [False, True]
        for moment in (LATER_MS - 5, LATER_MS + 5):
            await asyncio.to_thread(orders, rig, Wanted(1, EPISODES, moment, recall=True))
            await asyncio.to_thread(rig.publishes)
            await until(lambda at=moment: follower.current.release_ms(DRAMA, 1) == at)  # type: ignore[misc]
            assert [follower.current.offered(DRAMA, moment + n) for n in (-1, 0)] == [False, True]
        await follower.stop()


# -- staff, by the API -----------------------------------------------------------------------------------------------


def test_staff_and_the_terminal_are_one_rule_and_readers_have_what_either_says(rig: Rig, juliu: Juliu):
    rig.publishes(line())
    desk, anna = ReleaseDesk(rig.engine, rig.shelf, lambda: NOW_MS), By(Surface.API, "41")
    with pytest.raises(NeedsRecall) as refused:
        desk.release(DRAMA, Wanted(3, from_ms=LATER_MS), anna)
    assert str(refused.value) in juliu("release", "7", "--first", "3", "--from", LATER).stderr
    would = desk.would_be(DRAMA, Wanted(3, 2, LATER_MS, recall=True))
    assert (list(would.moments)[2:4], read(rig), on_record(rig)) == ([LATER_MS] * 2, [0] * EPISODES, [])
    assert desk.release(DRAMA, Wanted(3, 2, LATER_MS, recall=True), anna).moments == would.moments
    assert read(rig) == list(would.moments)
    desk.release(DRAMA, Wanted(3, 1), anna)
    assert (read(rig)[2:4], desk.standing(DRAMA).out(NOW_MS)) == ([NOW_MS, LATER_MS], 3)
    assert [(one.what, one.who, one.episode_no, one.detail) for one in on_record(rig)] == [
        (What.RECALL, "41", 3, f"3 to 6 taken back: 2 at {LATER_MS}, then every {DAY_MS} ms"),
        (What.RELEASE, "41", 3, "1 now"),
    ]


def test_what_was_not_published_is_by_the_same_order_again_and_is_one_on_record(rig: Rig):
    rig.publishes(line(LATER_MS))
    away = RedisShelf(redis.Redis(port=1, socket_connect_timeout=1))
    wanted, anna = Wanted(from_ms=LATER_MS + 1), By(Surface.API, "41")
    with pytest.raises(Wait):
        ReleaseDesk(rig.engine, away, lambda: NOW_MS).release(DRAMA, wanted, anna)
    assert (stored(rig)[0], read(rig)[0]) == (LATER_MS + 1, LATER_MS)
    ReleaseDesk(rig.engine, rig.shelf, lambda: NOW_MS).release(DRAMA, wanted, anna)
    assert (read(rig)[0], len(on_record(rig))) == (LATER_MS + 1, 1)


# -- the command -----------------------------------------------------------------------------------------------------


def test_two_a_day_from_a_moment_on(rig: Rig, juliu: Juliu):
    rig.publishes(line(published=False))
    done = juliu("release", "7", "--from", LATER, "--every", "1d", "--episodes", "2")
    assert done.exit_code == 0, done.stderr
    assert read(rig) == [LATER_MS + n * DAY_MS for n in (0, 0, 1, 1, 2, 2)]
    assert "0 of 6 episodes are released" in done.stdout
    assert done.stdout.count(LATER) == 2
    assert "Published 1 changed dramas" in done.stdout
    again = juliu("release", "7", "--from", "2096-10-02T07:06:40+00:00", "--episodes", "2")
    assert "Nothing new to publish" in again.stdout
    (order,) = on_record(rig)
    assert (order.what, order.surface, order.who, order.episode_no) == (What.SCHEDULE, "cli", "cli", 1)
    assert order.detail == f"2 at {LATER_MS}, then every {DAY_MS} ms"


def test_the_rest_of_a_drama_is_put_off_and_what_is_out_stays(rig: Rig, juliu: Juliu):
    rig.publishes(line(PAST_MS, PAST_MS, LATER_MS - DAY_MS))
    assert juliu("release", "7", "--from", LATER, "--every", "12h").exit_code == 0
    assert read(rig) == [PAST_MS, PAST_MS, *(LATER_MS + n * DAY_MS // 2 for n in range(4))]


def test_some_are_brought_forward_and_it_may_be_said_again(rig: Rig, juliu: Juliu):
    rig.publishes(line(PAST_MS, LATER_MS))
    began_ms = time.time_ns() // 1_000_000
    for _ in range(2):
        assert juliu("release", "7", "--now", "--first", "2", "--episodes", "2").exit_code == 0
    moments = read(rig)
    assert moments[0] == PAST_MS
    assert began_ms <= moments[1] == moments[2] < LATER_MS
    assert moments[3:] == [LATER_MS] * 3


def test_what_viewers_may_watch_is_taken_back_only_where_that_is_said(rig: Rig, juliu: Juliu):
    rig.publishes(line())
    wanted = ("release", "7", "--first", "3", "--from", LATER)
    refused = juliu(*wanted)
    assert refused.exit_code == 1
    assert "episodes 3 to 6 now" in refused.stderr
    assert "--recall" in refused.stderr
    assert juliu("release", "7", "--from", LATER).exit_code == 1  # all are out: from which on?
    assert read(rig) == [0] * EPISODES
    assert juliu(*wanted, "--recall").exit_code == 0
    assert read(rig)[:3] == [0, 0, LATER_MS]


def test_of_a_drama_that_nobody_sees_nothing_is_taken_back(rig: Rig, juliu: Juliu):
    rig.publishes(line())
    take_down(rig.engine, rig.shelf, DRAMA, now_ms=1)
    assert juliu("release", "7", "--from", LATER).exit_code == 0
    assert read(rig)[0] == LATER_MS


def test_a_dry_run_only_says_it(rig: Rig, juliu: Juliu):
    rig.publishes(line())
    done = juliu("release", "7", "--from", LATER, "--first", "2", "--recall", "--dry-run", "--json")
    assert json.loads(done.stdout)["moments"] == [0, *(LATER_MS + n * DAY_MS for n in range(5))]
    assert read(rig) == [0] * EPISODES


@pytest.mark.parametrize(
    "words",
    [
        (), ("--from", LATER, "--now", "--first", "1"), ("--now",), ("--from", "soon"), ("--from", "99999-01-01"),
        ("--from", LATER, "--every", "0d"), ("--from", LATER, "--every", "1y"), ("--from", LATER, "--every", "367d"),
        ("--from", LATER, "--episodes", "0"), ("--from", LATER, "--first", "-1"),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_said_so(rig: Rig, juliu: Juliu, words: tuple[str, ...]):
    rig.publishes(line(published=False))
    assert juliu("release", "7", *words).exit_code == 2
    assert read(rig) == [0] * EPISODES


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("404", "--from", LATER), "no drama 404"), (("7", "--from", "2020-01-01"), "is over"),
        (("7", "--from", LATER, "--first", "7"), "no episode 7"), (("7", "--from", "2099-12-31"), "2099"),
    ],
)  # fmt: skip
def test_what_cannot_be_scheduled_ends_in_1(rig: Rig, juliu: Juliu, words: tuple[str, ...], why: str):
    rig.publishes(line(published=False))
    done = juliu("release", *words)
    assert (done.exit_code, why in done.stderr) == (1, True)


def test_show_says_what_there_is_and_from_when_on(rig: Rig, juliu: Juliu):
    rig.publishes(line(None, PAST_MS, LATER_MS, title="[red]x[/]"))
    said = juliu("show", "7").stdout
    assert "《[red]x[/]》: published" in said
    assert "2 of 6 episodes are released" in said
    assert ("at once" in said, "2020-09-13 20:26:40" in said, said.count(LATER)) == (True, True, 4)
    told = json.loads(juliu("show", "7", "--json").stdout)
    assert (told["out"], told["moments"][:3], told["shown"]) == (2, [0, PAST_MS, LATER_MS], True)
    assert juliu("show", "404").exit_code == 1


def test_without_redis_it_is_in_mysql_and_says_what_to_do(rig: Rig, juliu: Juliu):
    rig.publishes(line(published=False))
    done = juliu("release", "7", "--from", LATER, JULIU_REDIS_URL="redis://127.0.0.1:1/0")
    assert (done.exit_code, "juliu catalogue publish" in done.stderr) == (3, True)
    assert stored(rig)[0] == LATER_MS
