"""The steps of an episode up to its publication, on twins: what lies where, in which order, and what is refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from domain.media import names
from domain.media.report import Span
from domain.media.steps import Step, StepState
from domain.media.trouble import Failure, Later, StepFailed
from media_jobs.steps import kept
from tests.media_scene import PROBE, REPORT, Scene

HASH = hashlib.sha256(b"a source").hexdigest()
HLS = f"hls/7/1/{HASH[:12]}"
MASTER = f"{HLS}/master.m3u8"
TO_LADDER = (Step.PROBE, Step.CHECK, Step.LADDER)


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def refused(scene: Scene, step: Step) -> StepFailed:
    with pytest.raises(StepFailed) as told:
        scene.run(step)
    return told.value


def test_a_probe_and_a_report_come_back_from_json_as_they_were():
    report = replace(REPORT, black=(Span(0, 400), Span(900, 1_000)))
    assert kept.read(kept.plain(PROBE), type(PROBE)) == PROBE
    assert kept.read(kept.plain(report), type(report)) == report


def test_what_an_older_version_noted_otherwise_is_refused_clearly():
    with pytest.raises(StepFailed, match="submit the file again"):
        kept.read({"container": 1}, type(PROBE))


def test_probe_tells_the_jobs_hash(scene):
    assert scene.done(Step.PROBE)["content_hash"] == HASH
    assert scene.jobs.job(scene.job_id).job.content_hash == HASH


def test_a_file_that_is_not_the_one_submitted_is_refused(tmp_path):
    scene = Scene(tmp_path, content_hash="b" * 64)
    told = refused(scene, Step.PROBE)
    assert (told.kind, told.reason) == (Failure.MEND, "source_changed")


def test_headers_alone_refuse_ten_hours_before_anything_is_decoded(scene):
    scene.engine.probed = replace(PROBE, duration_ms=36_000_000)
    told = refused(scene, Step.PROBE)
    assert (told.kind, told.reason) == (Failure.MEND, "too_long")


def test_what_is_black_throughout_is_refused_after_decoding(scene):
    scene.done(Step.PROBE)
    scene.engine.report = replace(REPORT, black=(Span(0, 5_000),))
    told = refused(scene, Step.CHECK)
    assert (told.kind, told.reason) == (Failure.MEND, "all_black")


def test_warnings_are_kept_and_posters_lie_under_their_names(scene):
    scene.engine.probed = replace(PROBE, extension="avi")
    facts = scene.done(Step.PROBE, Step.CHECK)
    assert [one["code"] for one in facts["warnings"]] == ["extension"]
    assert scene.storage.puts == [f"{names.posters(7, 1, HASH[:12])}/0-240.webp"]


def test_the_ladder_leaves_everything_but_the_master_playlist(scene):
    facts = scene.done(*TO_LADDER)
    files = [key for key in scene.storage.files if key.startswith(HLS)]
    assert len(files) == facts["files"] == 3 * (1 + 3)
    assert MASTER not in files
    assert [one["rung"]["name"] for one in facts["rungs"]] == ["360p", "540p", "720p"]
    assert facts["usage"]["cdn_play_bytes"] == 54


def test_the_master_playlist_comes_last(scene):
    facts = scene.done(*TO_LADDER, Step.STORE)
    assert scene.storage.puts[-1] == facts["master_key"] == MASTER
    assert scene.storage.files[MASTER] == b"#EXTM3U master"
    assert (facts["mended"], facts["extras_deleted"], facts["replaces"]) == (False, 0, False)


def test_where_the_api_does_not_see_the_storage_it_gets_the_playlists(scene):
    scene.object_storage = True
    scene.done(*TO_LADDER, Step.STORE)
    rungs = {f"{HLS}/{rung}/index.m3u8": "#EXTM3U 1" for rung in ("360p", "540p", "720p")}
    assert scene.told.playlists == {MASTER: "#EXTM3U master", **rungs}


@pytest.mark.parametrize("damage", ["lost", "other"])
def test_what_does_not_lie_there_as_it_was_made_is_made_anew(scene, damage):
    scene.done(*TO_LADDER)
    victim = f"{HLS}/540p/00001.ts"
    if damage == "lost":
        del scene.storage.files[victim]
    else:
        scene.storage.files[victim] = bytes(len(scene.storage.files[victim]))
    assert scene.done(Step.STORE)["mended"] is True
    assert scene.engine.made == 2
    assert scene.storage.files[victim][-2:] == bytes([2, 1])


def test_a_storage_that_keeps_nothing_is_tried_again_later(scene):
    scene.done(*TO_LADDER)
    scene.storage.head = lambda key: None
    told = refused(scene, Step.STORE)
    assert (told.kind, told.reason) == (Failure.AGAIN, "stored_otherwise")
    assert MASTER not in scene.storage.files


def test_extras_of_another_try_are_deleted_and_nothing_else(scene):
    scene.done(*TO_LADDER)
    for key in (f"{HLS}/540p/00003.ts", f"{HLS}/1080p/index.m3u8", "hls/7/1/ffffffffffff/360p/00009.ts"):
        scene.storage.files[key] = b"x"
    assert scene.done(Step.STORE)["extras_deleted"] == 2
    assert "hls/7/1/ffffffffffff/360p/00009.ts" in scene.storage.files


def test_what_a_service_is_paid_for_stands_in_the_facts(scene):
    scene.engine.paid = True
    assert scene.done(*TO_LADDER)["usage"]["ci_ms"] == {"360p": 5_005, "540p": 5_005, "720p": 5_005}
    assert scene.done(Step.MEZZANINE)["usage"]["ci_ms"] == {"720p": 5_000}


def test_what_a_service_left_on_the_way_is_deleted(scene):
    scene.done(*TO_LADDER)
    scene.storage.files[f"work/7/1/{HASH[:12]}/720p-3.mp4"] = b"x"
    assert scene.done(Step.STORE)["extras_deleted"] == 1


def test_publishing_names_the_master_and_the_length_that_was_encoded(scene):
    facts = scene.done(*TO_LADDER, Step.STORE, Step.CDN)
    assert scene.told.published == [(7, 1, MASTER, 5_005)]
    assert scene.told.purged == []
    assert len(scene.told.prefetched) == 9
    assert facts["prefetched"] is True


def test_a_cdn_is_purged_only_where_something_else_lay_there_before(scene):
    scene.done(*TO_LADDER)
    scene.storage.files[MASTER] = b"an older one"
    scene.done(Step.STORE, Step.CDN)
    assert scene.told.purged == [f"{HLS}/"]


def test_an_episode_is_published_although_nothing_was_fetched_ahead(scene):
    scene.told.prefetch_fails = StepFailed(Failure.AGAIN, "cdn_away", "")
    assert scene.done(*TO_LADDER, Step.STORE, Step.CDN)["prefetched"] is False
    assert len(scene.told.published) == 1


@pytest.mark.parametrize("again", range(6))
def test_every_step_may_be_done_again_from_its_beginning(scene, again):
    for number, step in enumerate((*TO_LADDER, Step.STORE, Step.CDN, Step.MEZZANINE)):
        leased = scene.lease(step)
        if number == again:
            scene.run(step, leased)
        scene.jobs.finish(leased, scene.run(step, leased), 1)
    assert scene.jobs.job(scene.job_id).steps[4].state is StepState.DONE
    assert sorted(key for key in scene.storage.files if key.startswith(HLS)) == sorted(
        [MASTER, *(f"{HLS}/{rung}/{name}" for rung in ("360p", "540p", "720p")
                   for name in ("index.m3u8", "00000.ts", "00001.ts", "00002.ts"))]
    )  # fmt: skip


def test_the_mezzanine_says_where_it_lies_and_how_large_it_is(scene):
    facts = scene.done(Step.PROBE, Step.CHECK, Step.MEZZANINE)
    assert "ci_ms" not in facts["usage"]
    assert (facts["key"], facts["size"]) == (names.mezzanine(7, 1, HASH[:12]), 5)


def test_where_a_service_reads_the_file_by_itself_what_storage_told_of_it_is_kept(scene):
    scene.engine.paid = True
    assert scene.done(Step.PROBE)["source_crc64"] == str(scene.storage.head("incoming/7/1/a.mp4").crc64)


def test_where_nobody_else_reads_it_that_is_not_asked_for(scene):
    assert "source_crc64" not in scene.done(Step.PROBE)


def test_while_posters_are_waited_for_the_file_is_not_decoded_again(scene):
    scene.engine.busy, scene.engine.taken = 2, 48
    scene.done(Step.PROBE)
    for _ in range(2):
        leased = scene.lease(Step.CHECK)
        with pytest.raises(Later):
            scene.run(Step.CHECK, leased)
        scene.jobs.later(leased, 8)
        scene.now_ms += 8_000
    facts = scene.done(Step.CHECK)
    assert scene.engine.inspected == 1
    assert facts["usage"] == {"stored_bytes": 4, "ci_snapshots": 48}


def test_who_says_again_has_it_looked_at_again(scene):
    scene.done(Step.PROBE)
    scene.engine.busy = 1
    leased = scene.lease(Step.CHECK)
    with pytest.raises(Later):
        scene.run(Step.CHECK, leased)
    scene.jobs.cancel(scene.job_id)
    scene.jobs.retry(scene.job_id)
    scene.done(Step.CHECK)
    assert scene.engine.inspected == 2
