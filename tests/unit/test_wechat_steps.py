"""The steps on WeChat's side against a WeChat that loses answers, fails, hangs, is slow; and workers that die."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.media.steps import Kind, Step
from domain.media.trouble import Failure, StepFailed
from domain.media.wechat_drama import Audit
from tests.standins.wechat_state import PASSED, REFILL, REJECTED, Media, Traits
from tests.wechat_builders import PAPERS, TITLE, a_dossier
from tests.wechat_rig import DRAMA, SIZE, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    made.hand_in()
    return made


def uploaded(rig: Rig) -> None:
    for number in range(1, rig.episodes + 1):
        rig.run(rig.job(Kind.EPISODE, number))


def refused(rig: Rig, kind: Kind, episode_no: int = 0) -> StepFailed:
    with pytest.raises(StepFailed) as failed:
        rig.run(rig.job(kind, episode_no))
    return failed.value


def playing(rig: Rig) -> dict[int, int]:
    found = rig.dramas.plays([(DRAMA, number) for number in range(1, rig.episodes + 1)])
    return {number: media_id for (_, number), media_id in found.items()}


# -- episodes ----------------------------------------------------------------------------------------------------------


def test_an_episode_becomes_one_media(rig):
    facts = rig.run(rig.job(Kind.EPISODE, 1))
    (media,) = rig.account.named(f"{TITLE} - 第1集")
    assert facts[Step.MEDIA_ID] == {"media_id": media.media_id, "extras": 0}
    assert rig.dramas.media(DRAMA)[1].media_id == media.media_id
    assert rig.account.calls["pullupload"] == 1


def test_no_fact_has_a_signed_address(rig):
    assert "sign=" not in repr(rig.run(rig.job(Kind.EPISODE, 1)))


def test_while_the_account_is_set_up_it_waits(tmp_path):
    rig = Rig(tmp_path, traits=Traits(initialising=7))
    rig.run(rig.job(Kind.EPISODE, 1))
    assert rig.account.calls["pullupload"] == 8
    assert len(rig.account.named(f"{TITLE} - 第1集")) == 1


def test_an_answer_that_was_lost_is_looked_up_and_not_sent_again(rig):
    rig.traits.lose = ["pullupload"]
    rig.run(rig.job(Kind.EPISODE, 1))
    assert rig.account.calls["pullupload"] == 1
    assert len(rig.account.named(f"{TITLE} - 第1集")) == 1


@pytest.mark.parametrize("call", ["pullupload", "auditdrama"])
def test_what_did_not_arrive_is_sent_again_at_once(rig, call):
    uploaded(rig)
    rig.traits.cut = [call]
    job = rig.job(Kind.EPISODE, 1, size=SIZE + 1) if call == "pullupload" else rig.job(Kind.DRAMA)
    began = rig.now_s
    rig.run(job)
    assert rig.now_s - began < 120 + (900 if call == "auditdrama" else 0)  # what the audit itself takes


def test_what_another_job_of_the_episode_left_is_not_taken_for_ours(rig):
    job = rig.job(Kind.EPISODE, 1)
    name = f"{TITLE} - 第1集"
    rig.account.media[5] = Media(5, name, SIZE + 9, "another", int(rig.now_s) + 5)
    facts = rig.run(job)
    assert facts[Step.MEDIA_ID]["media_id"] != 5
    assert 5 in rig.account.media


def test_a_zombie_leaves_the_media_of_a_later_job_alone(rig):
    early, late = rig.job(Kind.EPISODE, 1), rig.job(Kind.EPISODE, 1)
    facts = rig.began(early)
    rig.until_done(early, Step.PULL, facts)
    rig.run(late)
    kept = rig.dramas.media(DRAMA)[1].media_id
    with pytest.raises(StepFailed, match="superseded"):
        rig.until_done(early, Step.MEDIA_ID, facts)
    assert [one.media_id for one in rig.account.named(f"{TITLE} - 第1集")] == [kept]


def test_of_two_pulls_one_media_is_kept_although_the_first_comes_late(rig):
    rig.traits.lose, rig.traits.pull_takes = ["pullupload"], 12  # longer than it is looked for
    facts = rig.run(rig.job(Kind.EPISODE, 1))
    assert rig.account.calls["pullupload"] == 2
    assert len(rig.account.named(f"{TITLE} - 第1集")) == len(rig.account.deleted) == facts[Step.MEDIA_ID]["extras"] == 1


def test_a_failed_pull_is_signed_again(rig):
    rig.traits.pull_fails = 0.5
    rig.run(rig.job(Kind.EPISODE, 1))
    rig.run(rig.job(Kind.EPISODE, 2))
    assert rig.storage.signed == rig.account.calls["pullupload"] > 2


def test_what_cannot_be_fetched_is_told_to_people(rig):
    rig.reachable = False
    failed = refused(rig, Kind.EPISODE, 1)
    assert (failed.kind, failed.reason) == (Failure.MEND, "wechat_pull_failed")
    assert rig.account.calls["pullupload"] == 6


def test_a_pull_that_hangs_is_asked_for_anew_after_a_day(rig):
    rig.traits.pull_hangs = 1
    began = rig.now_s
    rig.run(rig.job(Kind.EPISODE, 1))
    assert rig.now_s - began > 86_400
    assert (rig.account.calls["pullupload"], len(rig.account.named(f"{TITLE} - 第1集"))) == (2, 1)


def test_a_hanging_pull_that_ends_after_all_leaves_nothing_behind(rig):
    rig.traits.pull_hangs, rig.traits.hang_takes = 1, 330  # about a day of asking, and a while
    facts = rig.run(rig.job(Kind.EPISODE, 1))
    (kept,) = rig.account.named(f"{TITLE} - 第1集")
    done = facts[Step.MEDIA_ID]
    assert (done["media_id"], done["extras"]) == (kept.media_id, 1)


def test_another_file_of_the_same_episode_is_another_media(rig):
    rig.run(rig.job(Kind.EPISODE, 1))
    first = rig.dramas.media(DRAMA)[1].media_id
    rig.run(rig.job(Kind.EPISODE, 1, size=SIZE + 1))
    assert rig.dramas.media(DRAMA)[1].media_id != first


@pytest.mark.parametrize("called", [TITLE, f"{TITLE} - 第1集"])
def test_without_a_dossier_the_job_says_what_it_is_called(tmp_path, called):
    rig = Rig(tmp_path)
    rig.run(rig.job(Kind.EPISODE, 1)._replace(title=called))
    assert len(rig.account.named(f"{TITLE} - 第1集")) == 1


@pytest.mark.parametrize("title", ["！不行", "不行。", "名" * 61, "隐\u200b形"])
def test_a_title_that_wechat_would_refuse_is_told_before(rig, title):
    rig.hand_in(title=title)
    assert refused(rig, Kind.EPISODE, 1).reason == "wechat_name"
    assert rig.account.calls["pullupload"] == 0


# -- dramas ------------------------------------------------------------------------------------------------------------


def test_a_drama_passes_and_plays(rig):
    uploaded(rig)
    assert playing(rig) == {}
    rig.run(rig.job(Kind.DRAMA))
    (drama,) = rig.account.submissions(TITLE)
    assert list(playing(rig).values()) == drama.media
    assert rig.dramas.standing(DRAMA).platform_id == drama.drama_id


def test_it_is_handed_in_with_its_record_number_and_papers(rig):
    uploaded(rig)
    rig.run(rig.job(Kind.DRAMA))
    body = rig.account.submissions(TITLE)[0].body
    assert (body["registration_number"], body["media_count"]) == ("V1234567", rig.episodes)
    assert len(body["actor_list"]["actor"]) == 2
    assert len(rig.account.materials) == len(PAPERS)


@pytest.mark.parametrize(
    ("changes", "reason", "word"),
    [
        ({"record_number": " "}, "dossier_incomplete", "备案号"),
        ({"cover": ""}, "dossier_incomplete", "cover"),
        ({"actors": ()}, "dossier_incomplete", "actors"),
        ({"cover": "incoming/papers/gone.jpg"}, "paper_unusable", "not in the storage"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_sent(rig, changes, reason, word):
    uploaded(rig)
    rig.hand_in(**changes)
    failed = refused(rig, Kind.DRAMA)
    assert (failed.kind, failed.reason) == (Failure.MEND, reason)
    assert word in failed.text
    assert rig.account.calls["auditdrama"] == 0


def test_without_the_tick_nothing_is_published(rig):
    uploaded(rig)
    rig.dramas.put(a_dossier(DRAMA, record_number="another"))
    assert refused(rig, Kind.DRAMA).reason == "record_not_ticked"
    assert rig.account.calls["auditdrama"] == 0


def test_episodes_under_another_title_are_told(rig):
    uploaded(rig)
    rig.hand_in(title="别的名字")
    assert refused(rig, Kind.DRAMA).reason == "title_differs"


def test_a_lost_answer_to_the_submission_is_looked_up(rig):
    uploaded(rig)
    rig.traits.lose = ["auditdrama"]
    rig.run(rig.job(Kind.DRAMA))
    assert rig.account.calls["auditdrama"] == 1
    assert len(playing(rig)) == rig.episodes


def test_a_title_that_is_taken_by_other_episodes_is_told(rig):
    uploaded(rig)
    rig.run(rig.job(Kind.DRAMA))
    rig.account.submissions(TITLE)[0].media = [1, 2, 3]
    rig.dramas._dramas[DRAMA] = rig.dramas.standing(DRAMA)._replace(platform_id=None)
    assert refused(rig, Kind.DRAMA).reason == "wechat_title_taken"


def test_what_is_to_be_mended_is_told_episode_by_episode_and_handed_in_again(rig):
    uploaded(rig)
    rig.traits.audit = REFILL
    failed = refused(rig, Kind.DRAMA)
    assert (failed.kind, failed.reason) == (Failure.MEND, "wechat_refill")
    assert "第1集: 画面模糊" in failed.text
    assert rig.dramas.standing(DRAMA).audit is Audit.REFILL
    rig.traits.audit = PASSED
    rig.run(rig.job(Kind.EPISODE, 1, size=SIZE + 1))
    rig.run(rig.job(Kind.DRAMA))
    (drama,) = rig.account.submissions(TITLE)
    assert [one["old"] for one in drama.body["replace_media_list"]] != []
    assert list(playing(rig).values()) == drama.media


def test_what_was_said_of_the_submission_before_says_nothing_of_this_one(rig):
    uploaded(rig)
    rig.traits.audit = REFILL
    refused(rig, Kind.DRAMA)
    rig.traits.audit, rig.traits.stale_looks = PASSED, 3
    rig.now_s += 3_600
    rig.run(rig.job(Kind.DRAMA))
    assert len(playing(rig)) == rig.episodes


def test_a_final_no_is_final(rig):
    uploaded(rig)
    rig.traits.audit = REJECTED
    assert refused(rig, Kind.DRAMA).reason == "wechat_rejected"
    failed = refused(rig, Kind.DRAMA)
    assert (failed.kind, failed.reason) == (Failure.GIVE_UP, "wechat_rejected")


def test_what_passed_is_not_handed_in_again(rig):
    uploaded(rig)
    rig.run(rig.job(Kind.DRAMA))
    rig.run(rig.job(Kind.DRAMA))
    assert rig.account.calls["auditdrama"] == 1


# -- replacements ------------------------------------------------------------------------------------------------------


def passed(rig: Rig) -> None:
    uploaded(rig)
    rig.run(rig.job(Kind.DRAMA))


def test_a_replacement_plays_once_it_has_passed(rig):
    passed(rig)
    before = playing(rig)
    rig.run(rig.job(Kind.EPISODE, 2, size=SIZE + 1))
    assert playing(rig) == before
    rig.run(rig.job(Kind.REPLACEMENT, 2))
    assert playing(rig)[2] == rig.account.submissions(TITLE)[0].media[1] != before[2]


def test_there_has_to_be_something_to_replace_it_with(rig):
    assert refused(rig, Kind.REPLACEMENT, 1).reason == "drama_not_submitted"
    passed(rig)
    assert refused(rig, Kind.REPLACEMENT, 1).reason == "nothing_to_replace"


@pytest.mark.parametrize("lost", ["submitreplacedramamedias", "replacedramamedia"])
def test_lost_answers_to_a_replacement_are_looked_up(rig, lost):
    passed(rig)
    rig.run(rig.job(Kind.EPISODE, 2, size=SIZE + 1))
    rig.traits.lose = [lost]
    rig.run(rig.job(Kind.REPLACEMENT, 2))
    assert playing(rig)[2] == rig.account.submissions(TITLE)[0].media[1]
    assert rig.account.calls[lost] == 1


def test_a_replacement_that_is_not_to_be_seen_yet_is_not_handed_in_again(rig):
    passed(rig)
    rig.run(rig.job(Kind.EPISODE, 2, size=SIZE + 1))
    rig.traits.stale_looks = 3
    rig.run(rig.job(Kind.REPLACEMENT, 2))
    assert rig.account.calls["submitreplacedramamedias"] == 1


def test_a_refused_replacement_leaves_what_plays(rig):
    passed(rig)
    before = playing(rig)
    rig.run(rig.job(Kind.EPISODE, 2, size=SIZE + 1))
    rig.traits.replacement_audit = REFILL
    assert refused(rig, Kind.REPLACEMENT, 2).reason == "wechat_replacement_refused"
    assert playing(rig) == before


# -- everything at once ------------------------------------------------------------------------------------------------

PATIENCE = 20  # times that a person says "again"
BAD: dict[str, Any] = {
    "initialising": 3, "no_answer": 0.1, "not_done": 0.1, "system_error": 0.1, "pull_fails": 0.1, "empty_links": 2,
    "event_lost": 0.3, "event_twice": 0.3, "wrong_case": True,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_whatever_fails_and_whenever_workers_die_each_episode_is_there_once(tmp_path, seed):
    rig = Rig(tmp_path, episodes=4, traits=Traits(**BAD), seed=seed, deaths=0.05)
    rig.hand_in()
    for number in range(1, rig.episodes + 1):
        rig.run(rig.job(Kind.EPISODE, number), PATIENCE)
    _mended(rig)
    rig.run(rig.job(Kind.EPISODE, 3, size=SIZE + 1), PATIENCE)
    rig.run(rig.job(Kind.REPLACEMENT, 3), PATIENCE)
    (drama,) = rig.account.submissions(TITLE)
    assert drama.media == list(playing(rig).values())
    assert len(rig.account.media) - len(drama.media) == 2  # what 1 and 3 had before: WeChat does not delete these
    assert rig.died > 0


def _mended(rig: Rig) -> None:
    """WeChat wants another episode 1, and gets it."""
    rig.traits.audit = REFILL
    with pytest.raises(StepFailed, match="wechat_refill"):
        rig.run(rig.job(Kind.DRAMA), PATIENCE)
    rig.traits.audit = PASSED
    rig.run(rig.job(Kind.EPISODE, 1, size=SIZE + 1), PATIENCE)
    rig.run(rig.job(Kind.DRAMA), PATIENCE)
