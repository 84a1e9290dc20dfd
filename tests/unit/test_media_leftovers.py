"""What of an episode's files may go, and when: never what plays, what a job needs, or what is new."""

from __future__ import annotations

from typing import Any

import pytest

from domain.media.leftovers import (
    DAY_MS,
    Heap,
    Leftover,
    Lying,
    Past,
    What,
    Why,
    begins_again,
    episode_of,
    heaps,
    leftovers,
    prunable,
)
from domain.media.steps import JobState, Kind

NOW_MS = 1_795_000_000_000
OLD, NEW, LATER = 12 * "a", 12 * "b", 12 * "c"
SOURCE = "incoming/7/1/aaaaaaaaaaaa.mp4"
MEZZANINE = f"mezzanine/7/1/{OLD}.mp4"


def a_job(job_id: int = 1, days: float = 100, hash12: str = OLD, **fields: Any) -> Past:
    """Of an episode, done so many days ago with all its steps."""
    at_ms = int(NOW_MS - days * DAY_MS)
    said = {"kind": Kind.EPISODE, "state": JobState.DONE, "source": SOURCE, "cdn_ms": at_ms, "media_id_ms": at_ms}
    return Past(job_id=job_id, hash12=hash12, ended_ms=at_ms, **{**said, **fields})  # type: ignore[arg-type]


def a_file(key: str, days: float = 200, size: int = 10) -> Lying:
    return Lying(key, size, int(NOW_MS - days * DAY_MS))


def rendition(hash12: str, days: float = 200) -> list[Lying]:
    names = (f"hls/7/1/{hash12}/{name}" for name in ("master.m3u8", "720p/index.m3u8", "720p/00000.ts"))
    return [a_file(name, days) for name in names]


def gone(jobs: list[Past], lying: list[Lying], playing: str = "", named: tuple[str, ...] = ()) -> dict[str, str]:
    return {one.key: one.why.value for one in leftovers(jobs, playing, named, heaps(lying), NOW_MS)}


def test_a_rendition_goes_as_a_whole_a_day_after_another_took_its_place():
    lying = [*rendition(OLD), *rendition(NEW), a_file(f"posters/7/1/{OLD}/0-240.jpg")]
    jobs = [a_job(1, 100, OLD), a_job(2, 1.01, NEW)]
    assert leftovers(jobs, NEW, (), heaps(lying), NOW_MS) == [
        Leftover(What.RENDITION, f"hls/7/1/{OLD}/", Why.REPLACED, 3, 30),
        Leftover(What.POSTERS, f"posters/7/1/{OLD}/", Why.REPLACED, 1, 10),
    ]
    assert gone([a_job(1, 100, OLD), a_job(2, 0.99, NEW)], lying, NEW) == {}


@pytest.mark.parametrize("state", list(JobState))
def test_what_plays_stays_whatever_became_of_its_job(state):
    jobs = [a_job(1, 400, OLD, state=state), a_job(2, 300, NEW), a_job(3, 200, LATER)]
    lying = [*rendition(OLD), *rendition(NEW), *rendition(LATER)]
    for playing in (OLD, NEW, LATER):
        assert f"hls/7/1/{playing}/" not in gone(jobs, lying, playing)


def test_without_a_word_of_the_catalogue_every_rendition_stays():
    jobs = [a_job(1, 100, OLD), a_job(2, 50, NEW)]
    assert gone(jobs, [*rendition(OLD), *rendition(NEW)], "") == {}
    assert gone(jobs, [*rendition(OLD), *rendition(NEW)], LATER) == {}  # made by nobody that we know of


def test_what_was_done_later_stays_where_the_catalogue_was_put_back_by_hand():
    assert gone([a_job(1, 100, OLD), a_job(2, 50, NEW)], [*rendition(OLD), *rendition(NEW)], OLD) == {}


def test_what_a_later_job_left_goes_when_nobody_begins_it_again():
    plays, lying = a_job(1, 300, OLD), [*rendition(OLD), *rendition(NEW, 95)]
    for state, days, why in (
        (JobState.CANCELLED, 6.9, None), (JobState.CANCELLED, 7, "cancelled"), (JobState.FAILED, 89, None),
        (JobState.FAILED, 90, "given_up"), (JobState.REJECTED, 90, "given_up"),
    ):  # fmt: skip
        job = a_job(2, days, NEW, state=state, cdn_ms=None)
        assert gone([plays, job], lying, OLD).get(f"hls/7/1/{NEW}/") == why, (state, days)


def test_nothing_goes_while_a_job_of_the_episode_is_active():
    lying = [*rendition(OLD), *rendition(NEW), a_file(SOURCE), a_file(MEZZANINE), a_file("incoming/7/1/other.mp4")]
    jobs = [a_job(1, 100, OLD), a_job(2, 50, NEW)]
    assert len(gone(jobs, lying, NEW)) == 4
    for kind in (Kind.EPISODE, Kind.REPLACEMENT):
        active = a_job(3, 0, "", state=JobState.ACTIVE, cdn_ms=None, media_id_ms=None, kind=kind, source="other")
        assert gone([*jobs, active], lying, NEW) == {}


@pytest.mark.parametrize(
    ("state", "days", "why"),
    [
        (JobState.DONE, 6.9, None), (JobState.DONE, 7, "done"), (JobState.CANCELLED, 6.9, None),
        (JobState.CANCELLED, 7, "cancelled"), (JobState.FAILED, 89, None), (JobState.REJECTED, 89, None),
        (JobState.FAILED, 90, "given_up"), (JobState.REJECTED, 90, "given_up"),
    ],
)  # fmt: skip
def test_a_source_goes_some_time_after_its_job(state, days, why):
    assert gone([a_job(1, days, state=state)], [a_file(SOURCE)]).get(SOURCE) == why


def test_a_source_stays_for_another_job_that_may_be_begun_again():
    failed = a_job(2, 20, NEW, state=JobState.FAILED)
    assert gone([a_job(1, 30), failed], [a_file(SOURCE)]) == {}
    assert gone([a_job(1, 30), failed, a_job(3, 10, NEW, source="x")], [a_file(SOURCE)]) == {SOURCE: "replaced"}
    audit = a_job(3, 10, "", kind=Kind.REPLACEMENT, source="x")  # of another kind: retry does not mind it
    assert gone([a_job(1, 30), failed, audit], [a_file(SOURCE)]) == {}


def test_a_source_that_was_put_anew_stays_a_week():
    assert gone([a_job(1, 100)], [a_file(SOURCE, 6.9)]) == {}
    assert gone([a_job(1, 100)], [a_file(SOURCE, 7)]) == {SOURCE: "done"}


def test_the_plain_file_goes_when_wechat_has_it_and_no_address_of_it_lives():
    assert gone([a_job(1, 3)], [a_file(MEZZANINE)]) == {}
    assert gone([a_job(1, 3.01)], [a_file(MEZZANINE)]) == {MEZZANINE: "fetched"}
    failed = a_job(1, 20, state=JobState.FAILED, media_id_ms=None)
    assert gone([failed], [a_file(MEZZANINE)]) == {}
    ours_failed = a_job(1, 20, state=JobState.FAILED, cdn_ms=None)  # WeChat's branch is done, ours is not
    assert gone([ours_failed], [a_file(MEZZANINE)]) == {MEZZANINE: "fetched"}


def test_what_no_job_names_goes_after_a_week():
    keys = ["incoming/7/1/never.mp4", f"mezzanine/7/1/{LATER}.mp4", f"work/7/1/{LATER}/360p.mp4"]
    for days, wanted in ((6.9, {}), (7, dict.fromkeys([keys[0], keys[1], f"work/7/1/{LATER}/"], "nobody"))):
        assert gone([], [a_file(key, days) for key in keys]) == wanted
    lying = [*rendition(OLD), *rendition(LATER, 8)]
    assert gone([a_job(1, 100, OLD)], lying, OLD) == {f"hls/7/1/{LATER}/": "nobody"}


def test_what_was_written_today_and_what_the_catalogue_names_stays():
    jobs = [a_job(1, 100, OLD), a_job(2, 50, NEW)]
    fresh = [*rendition(OLD), a_file(f"hls/7/1/{OLD}/720p/00001.ts", 0.9)]
    assert gone(jobs, fresh, NEW) == {}
    named = (SOURCE, f"hls/7/1/{OLD}/720p/index.m3u8")
    assert gone(jobs, [*rendition(OLD), a_file(SOURCE)], NEW, named) == {}


def test_what_is_none_of_ours_is_not_told():
    keys = ["incoming/7/1/a/b.mp4", "hls/7/1/readme.txt", "hls/7/1/xyz/a.ts", "papers/7/0/aaaaaaaaaaaa.jpg", "x/7/1/a"]
    assert gone([a_job()], [a_file(key) for key in keys], OLD) == {}


def test_a_folder_is_told_without_what_storage_cannot_name():
    folder = f"hls/7/1/{OLD}/"
    lying = [a_file(f"{folder}a.ts", 2), a_file(f"{folder}b.ts", 1, size=5), a_file(f"{folder}a b.ts", 0)]
    assert heaps(lying) == [Heap(folder, 2, 15, NOW_MS - DAY_MS)]


def test_what_may_be_retried_and_would_play_stays_where_the_newer_job_was_not_done():
    failed = a_job(1, 20, OLD, state=JobState.FAILED, cdn_ms=None)  # its CDN step
    cancelled = a_job(1, 6, OLD, state=JobState.CANCELLED, cdn_ms=None)
    for older in (failed, cancelled):
        plays = a_job(2, 5, NEW, state=JobState.REJECTED)  # WeChat's branch: ours is published
        assert gone([older, plays], [*rendition(OLD), *rendition(NEW)], NEW) == {}
        done = plays._replace(state=JobState.DONE)  # then `retry` says that the older one is out of date
        assert gone([older, done], [*rendition(OLD), *rendition(NEW)], NEW) == {f"hls/7/1/{OLD}/": "replaced"}


@pytest.mark.parametrize("state", [JobState.CANCELLED, JobState.FAILED, JobState.REJECTED])
@pytest.mark.parametrize("days", [0, 6, 7, 8, 89, 90, 91])
def test_nothing_of_a_job_goes_while_it_may_be_begun_again(state, days):
    job = a_job(2, days, NEW, state=state, cdn_ms=None, media_id_ms=None, source="incoming/7/1/b.mp4")
    its = [*rendition(NEW), a_file(f"posters/7/1/{NEW}/0-240.jpg"), a_file(f"mezzanine/7/1/{NEW}.mp4")]
    lying = [*its, a_file(job.source), *rendition(OLD)]
    assert len(gone([a_job(1, 300, OLD), job], lying, OLD)) == (0 if begins_again(state, job.ended_ms, NOW_MS) else 4)


def test_a_key_says_of_which_episode_it_is():
    assert episode_of("incoming/7/12/a.mp4") == (7, 12)
    for key in ("incoming/7/a.mp4", "papers/7/0/a.jpg", "incoming/x/1/a.mp4", "incoming/7/123456/a.mp4"):
        assert episode_of(key) is None


def test_rows_go_that_nobody_needs():
    done = [a_job(1, 300, OLD), a_job(2, 200, NEW), a_job(3, 100, LATER)]
    assert prunable(done, LATER, NOW_MS) == [1, 2]
    assert prunable(done, OLD, NOW_MS) == [2]  # the latest that was done, and what plays, stay
    for state in (JobState.FAILED, JobState.REJECTED, JobState.CANCELLED):
        assert prunable([a_job(1, 90, state=state)], "", NOW_MS) == [1]
        assert prunable([a_job(1, 89, state=state)], "", NOW_MS) == []
    assert prunable([a_job(1, 300, state=JobState.ACTIVE), a_job(2, 300)], "", NOW_MS) == []
    history = [a_job(number, 300, "", kind=Kind.REPLACEMENT) for number in (1, 2)]
    assert prunable(history, "", NOW_MS) == []
