"""An episode on WeChat's side: pulled once, whatever WeChat loses, fails and delays."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.media.steps import Kind, Step
from domain.media.trouble import Failure, Later, StepFailed
from tests.standins.wechat_state import Media, Traits
from tests.wechat_builders import TITLE
from tests.wechat_rig import DRAMA, SIZE, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    made.hand_in()
    return made


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
    rig.uploaded()
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
    rig.now_s += 120
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


def test_a_job_that_was_stopped_goes_on_with_the_pull_that_it_began(rig):
    rig.traits.pull_takes = 20
    job = rig.job(Kind.EPISODE, 1)
    facts = rig.began(job)
    with pytest.raises(Later):
        rig.once(job, Step.PULL, facts)
    rig.until_done(job._replace(rounds=1), Step.PULL, facts)
    assert rig.account.calls["pullupload"] == 1


def test_another_title_in_the_next_round_is_another_pull(rig):
    job = rig.job(Kind.EPISODE, 1)
    facts = rig.began(job)
    with pytest.raises(Later):
        rig.once(job, Step.PULL, facts)
    rig.hand_in(title="别的名字")
    rig.until_done(job._replace(rounds=1), Step.PULL, facts)
    assert len(rig.account.named("别的名字 - 第1集")) == 1


def test_what_cannot_be_fetched_is_told_to_people(rig):
    rig.reachable = False
    failed = rig.refused(Kind.EPISODE, 1)
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
    assert rig.refused(Kind.EPISODE, 1).reason == "wechat_name"
    assert rig.account.calls["pullupload"] == 0
