"""What media jobs leave behind goes, and nothing that plays or that somebody needs: on MySQL, storage in memory."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from domain.media import names
from domain.media.leftovers import Why
from domain.media.steps import JobState, Step
from domain.media.trouble import Failure, StepFailed
from infra.fold_store import Wait
from infra.media.job import JobFilter, NotNow, TidiedAway
from infra.media.tidy_book import LEASE_MS, Lost, Taken
from infra.settings import Settings
from media_jobs.engine import Unfinished
from tests import storages
from tests.memory_storage import MemoryStorage
from tests.tidy_scene import DRAMA, FIRST, SECOND, THIRD, Scene, source

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
OLD = f"hls/{DRAMA}/1/{FIRST[:12]}/"
ROUNDS = 60


@pytest.fixture
def scene(fresh: Settings, tmp_path: Path) -> Iterator[Scene]:
    one = Scene(fresh, tmp_path)
    yield one
    one.close()


class Broken(MemoryStorage):
    """The scene's files; what is deleted is deleted, and after `most` keys nothing answers."""

    def __init__(self, its: MemoryStorage, most: int) -> None:
        super().__init__()
        self.files, self.changed_ms, self.deleted, self._most = its.files, its.changed_ms, list[str](), most

    def delete(self, keys: Sequence[str]) -> None:
        left = self._most - len(self.deleted)
        super().delete(keys[:left])
        self.deleted += keys[:left]
        if left < len(keys):
            raise StepFailed(Failure.AGAIN, "storage_unavailable", "away")


def test_what_was_replaced_goes_a_day_later_and_what_plays_stays(scene):
    scene.done(FIRST)
    scene.days(2)
    scene.done(SECOND)
    scene.days(0.9)
    scene.tidy()
    assert scene.plays(FIRST)
    scene.days(1.1)
    scene.tidy()
    assert (scene.below(OLD), scene.below(f"posters/{DRAMA}/1/{FIRST[:12]}/")) == ([], [])
    assert scene.plays(SECOND)
    assert (scene.rows("media_keys"), scene.rows("media_playlists")) == (1, 2)
    assert scene.below("incoming/") == [source(FIRST), source(SECOND)]  # for a week
    scene.days(6)
    scene.tidy()
    assert scene.below("incoming/") == []
    assert scene.plays(SECOND)


def test_the_source_of_what_failed_stays_and_is_begun_again(scene):
    job_id = scene.submit(wechat=True)
    leased = scene.jobs.lease("a", 1_000, [Step.PROBE])
    scene.jobs.fail(leased, StepFailed(Failure.MEND, "no_audio", ""))
    scene.days(60)
    scene.tidy()
    assert scene.below("incoming/") == [source(FIRST)]
    scene.jobs.retry(job_id)
    scene.days(100)
    scene.tidy()
    assert scene.below("incoming/") == [source(FIRST)]
    scene.jobs.cancel(job_id)
    scene.days(8)
    scene.tidy()
    assert scene.below("incoming/") == []


def test_the_plain_file_goes_when_wechat_has_it(scene):
    scene.done(FIRST, wechat=True)
    key = names.mezzanine(DRAMA, 1, FIRST[:12])
    scene.days(2.9)
    scene.tidy()
    assert scene.below("mezzanine/") == [key]
    scene.days(1.1)
    scene.tidy()
    assert scene.below("mezzanine/") == []
    assert scene.plays(FIRST)


def test_an_upload_that_no_job_named_is_found_and_goes(scene):
    scene.storage.put_bytes("incoming/7/2/never.mp4", b"x", "")
    scene.storage.put_bytes("incoming/9/1/of-no-drama.mp4", b"x", "")
    scene.days(6)
    scene.tidy()
    assert len(scene.below("incoming/")) == 2
    scene.days(2)
    scene.tidy()
    assert scene.below("incoming/") == []


def test_uploads_that_nobody_ended_go_after_a_week(scene):
    scene.storage.cut = [Unfinished(name, 5, scene.clock.now_ms) for name in "ab"]
    scene.days(6.9)
    scene.tidy()
    assert len(scene.storage.cut) == 2
    scene.days(0.2)
    scene.tidy()
    assert scene.storage.cut == []


@pytest.mark.parametrize("most", range(8))
def test_whatever_is_deleted_when_it_breaks_off_the_next_turn_ends_it_and_nothing_else_goes(scene, most):
    scene.done(FIRST)
    scene.days(1)
    scene.done(SECOND)
    scene.days(2)
    broken = Broken(scene.storage, most)
    if most < 6:
        with pytest.raises(Wait):
            scene.a_tidier(broken).turn()
        assert scene.plays(SECOND)
        with pytest.raises(TidiedAway):  # a job would find files that go under its feet
            scene.submit(FIRST)
        scene.clock.pass_ms(LEASE_MS + 1)
    scene.tidy()
    assert scene.below(OLD) == []
    assert scene.plays(SECOND)
    assert (scene.rows("media_keys"), scene.rows("media_playlists")) == (1, 2)
    scene.done(FIRST)  # the old file comes back
    assert scene.plays(FIRST)


@pytest.mark.parametrize("engine", [storages.local, storages.cos], ids=["local", "cos"])
def test_on_both_engines_what_plays_is_all_that_is_left(scene, engine, tmp_path):
    for kept in engine(tmp_path / "store"):
        scene.clock.now_ms = int(time.time() * 1_000)  # by which the engines tell when a file was written
        scene.storage = kept.storage
        scene.tidier = scene.a_tidier()
        kept.cut("incoming/7/1/cut.mp4")
        kept.fill([f"work/{DRAMA}/1/{FIRST[:12]}/360p.mp4", f"incoming/{DRAMA}/3/never.mp4"])
        scene.done(FIRST, wechat=True)
        scene.done(SECOND, wechat=True)
        scene.tidy()
        before = scene.below("")
        scene.days(8)
        scene.tidy()
        assert scene.below("") == [key for key in before if f"/{SECOND[:12]}/" in key]
        assert scene.plays(SECOND)
        assert kept.storage.unfinished(scene.clock.now_ms, 10) == []


def test_playlists_go_before_what_they_name(scene):
    scene.done(FIRST)
    scene.done(SECOND)
    scene.days(2)
    broken = Broken(scene.storage, 100)
    scene.a_tidier(broken).turn()
    its = [key.removeprefix(OLD) for key in broken.deleted if key.startswith(OLD)]
    assert its[:2] == ["master.m3u8", "720p/index.m3u8"]
    assert len(its) == 5


def test_what_the_catalogue_was_put_back_to_meanwhile_stays(scene):
    scene.done(FIRST)
    scene.done(SECOND)
    scene.days(2)
    taken = scene.book.take()
    assert scene.book.decide(taken, scene.tidier.lying(DRAMA, 1))
    scene.publish(FIRST)  # by an import of an older file
    scene.clock.pass_ms(LEASE_MS + 1)
    scene.tidy()
    assert scene.plays(FIRST)
    assert len(scene.below(f"posters/{DRAMA}/1/")) == 2  # with its posters
    assert scene.plays(SECOND)  # done later than what plays
    assert scene.submit(THIRD) > 0


def test_who_slept_over_its_lease_touches_nothing_any_more(scene):
    scene.done(FIRST)
    scene.done(SECOND)
    scene.days(2)
    sleeper = scene.book.take((DRAMA, 1))
    decided = scene.book.decide(sleeper, scene.tidier.lying(DRAMA, 1))
    assert [one.why for one in decided] == [Why.REPLACED] * 2
    assert scene.book.take((DRAMA, 1)) is None  # it is another's
    scene.clock.pass_ms(LEASE_MS + 1)
    scene.tidy()
    scene.done(FIRST)  # comes back, and plays
    awake = sleeper._replace(going=decided)
    for act in (
        lambda: scene.tidier.episode(awake), lambda: scene.book.renew(awake), lambda: scene.book.done(awake, 1),
        lambda: scene.book.unlist(awake, OLD), lambda: scene.book.forget_keys(awake, OLD),
        lambda: scene.book.decide(awake, []),
    ):  # fmt: skip
        with pytest.raises(Lost):
            act()
    assert scene.plays(FIRST)


def test_a_source_that_went_while_it_was_put_is_put_again(scene):
    scene.done(FIRST)
    scene.done(SECOND)
    scene.days(8)
    tidied = scene.jobs.tidied(DRAMA, 1)
    scene.tidy()
    assert scene.jobs.tidied(DRAMA, 1) == tidied + 1
    with pytest.raises(TidiedAway):
        scene.submit(FIRST, tidied=tidied)
    assert scene.submit(FIRST, tidied=scene.jobs.tidied(DRAMA, 1)) > 0


def test_a_source_that_was_put_while_it_was_going_is_put_again(scene):
    scene.done(FIRST)
    scene.done(SECOND)
    scene.days(8)
    scene.book.decide(scene.book.take((DRAMA, 1)), scene.tidier.lying(DRAMA, 1))
    tidied = scene.jobs.tidied(DRAMA, 1)  # asked, and put, before the page is deleted that was decided
    scene.storage.put_bytes(source(FIRST), b"source", "video/mp4")
    scene.clock.pass_ms(LEASE_MS + 1)
    scene.tidy()
    assert scene.below("incoming/") == []
    with pytest.raises(TidiedAway):
        scene.submit(FIRST, tidied=tidied)


def test_what_is_no_key_of_storage_keeps_no_job_away(scene):
    scene.done(FIRST)
    scene.storage.files[f"{OLD}a by-stander.ts"] = b"by other hands"
    scene.done(SECOND)
    scene.days(8)
    scene.tidy()
    assert scene.below(OLD) == [f"{OLD}a by-stander.ts"]
    assert scene.submit(THIRD) > 0


def test_a_job_whose_files_went_is_not_begun_again_to_play_nothing(scene):
    scene.done(FIRST)
    job_id = scene.done(SECOND, until=Step.CDN)
    scene.jobs.cancel(job_id)
    scene.days(6.9)
    scene.tidy()
    assert scene.plays(SECOND)  # as soon as it is published
    scene.days(1.1)
    scene.tidy()
    assert not scene.plays(SECOND)
    with pytest.raises(NotNow, match="submit the file again"):
        scene.jobs.retry(job_id)
    assert scene.plays(FIRST)


def test_who_retries_while_files_go_is_told_and_may_when_they_are_gone(scene):
    scene.done(FIRST)
    scene.done(SECOND)
    job_id = scene.submit(THIRD)
    scene.jobs.fail(scene.jobs.lease("a", 1_000, [Step.PROBE]), StepFailed(Failure.MEND, "no_audio", ""))
    scene.days(8)
    assert scene.book.decide(scene.book.take((DRAMA, 1)), scene.tidier.lying(DRAMA, 1))
    with pytest.raises(TidiedAway):
        scene.jobs.retry(job_id)
    scene.clock.pass_ms(LEASE_MS + 1)
    scene.tidy()
    scene.jobs.retry(job_id)
    assert scene.below("incoming/") == [source(THIRD)]


def test_who_begins_a_job_and_who_decides_to_delete_see_each_other(scene):
    """Whichever comes first: never is a file deleted that an active job was begun with."""
    its, gate, won = random.Random(5), threading.Barrier(2), Counter[str]()
    scene.done(SECOND)
    for _ in range(ROUNDS):
        scene.jobs.cancel(scene.submit(FIRST, again=True))
        scene.days(8)
        taken = scene.book.take((DRAMA, 1))
        looks = its.randrange(12)

        def begin() -> int:
            gate.wait(30)
            try:
                return scene.submit(FIRST, again=True, tidied=scene.jobs.tidied(DRAMA, 1))
            except TidiedAway:
                return 0

        def decide(taken: Taken = taken, looks: int = looks) -> list[Any]:
            lying = scene.tidier.lying(DRAMA, 1)
            gate.wait(30)
            for _ in range(looks):  # sometimes sooner, sometimes later
                scene.jobs.tidied(DRAMA, 1)
            return [one.key for one in scene.book.decide(taken, lying)]

        with ThreadPoolExecutor(2) as pool:
            begun, going = pool.submit(begin), pool.submit(decide)
        assert not (begun.result() and source(FIRST) in going.result())
        won["job" if begun.result() else "tidied"] += 1
        scene.clock.pass_ms(LEASE_MS + 1)
        scene.tidy()
        assert bool(begun.result()) == bool(scene.below(source(FIRST)))
        for view in scene.jobs.jobs(JobFilter(state=JobState.ACTIVE), 0, 10):
            scene.jobs.cancel(view.job.job_id)
    assert min(won["job"], won["tidied"]) > 0


def test_rows_of_old_jobs_go_once_clickhouse_has_their_ends(scene):
    first, second = scene.done(FIRST), scene.done(SECOND)
    scene.days(91)
    scene.told = set()
    scene.tidy()
    scene.days(2)
    scene.jobs.records_sent([record.record_id for record in scene.jobs.records(1_000) if record.job_id != first])
    scene.told = None
    scene.tidy()
    assert scene.rows("media_jobs") == 2  # a record of the first waits
    scene.jobs.records_sent([record.record_id for record in scene.jobs.records(1_000)])
    scene.days(2)
    scene.tidy()
    assert [view.job.job_id for view in scene.jobs.jobs(JobFilter(), 0, 10)] == [second]
    assert scene.rows("media_steps") == 5
    assert scene.plays(SECOND)


def test_a_preview_changes_nothing(scene):
    scene.done(FIRST)
    scene.done(SECOND)
    scene.days(8)
    before = scene.below("")
    told = {one.key: one.why for one in scene.tidier.preview(DRAMA, 1)}
    assert told == {
        source(FIRST): Why.DONE, source(SECOND): Why.DONE, OLD: Why.REPLACED,
        f"posters/{DRAMA}/1/{FIRST[:12]}/": Why.REPLACED,
    }  # fmt: skip
    assert scene.below("") == before
    assert scene.submit(FIRST) > 0
