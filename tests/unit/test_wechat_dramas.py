"""A drama on WeChat's side: what is missing is told, what is handed in is handed in once, and what replaces what."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.media.steps import Kind, Step
from domain.media.trouble import Failure, Later
from domain.media.wechat_drama import Audit
from tests.standins.wechat_state import PASSED, REFILL, REJECTED
from tests.wechat_builders import LI, TITLE, a_dossier, papers
from tests.wechat_rig import DRAMA, SIZE, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    made.hand_in()
    return made


def test_a_drama_passes_and_plays(rig):
    rig.uploaded()
    assert rig.playing() == {}
    rig.run(rig.job(Kind.DRAMA))
    (drama,) = rig.account.submissions(TITLE)
    assert list(rig.playing().values()) == drama.media
    assert rig.dramas.standing(DRAMA).platform_id == drama.drama_id


def test_it_is_handed_in_with_its_record_number_and_papers(rig):
    rig.uploaded()
    rig.run(rig.job(Kind.DRAMA))
    body = rig.account.submissions(TITLE)[0].body
    assert (body["registration_number"], body["media_count"]) == ("V1234567", rig.episodes)
    assert len(body["actor_list"]["actor"]) == 2
    assert len(rig.account.materials) == len(papers(DRAMA))


@pytest.mark.parametrize(
    ("changes", "reason", "word"),
    [
        ({"record_number": " "}, "dossier_incomplete", "备案号"),
        ({"cover": ""}, "dossier_incomplete", "cover"),
        ({"actors": ()}, "dossier_incomplete", "actors"),
        ({"cover": f"papers/{DRAMA}/0/{12 * 'f'}.jpg"}, "paper_unusable", "not in the storage"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_sent(rig, changes, reason, word):
    rig.uploaded()
    rig.hand_in(**changes)
    failed = rig.refused(Kind.DRAMA)
    assert (failed.kind, failed.reason) == (Failure.MEND, reason)
    assert word in failed.text
    assert rig.account.calls["auditdrama"] == 0


def test_without_the_tick_nothing_is_published(rig):
    rig.uploaded()
    rig.dramas.put(a_dossier(DRAMA, record_number="another"), LI)
    assert rig.refused(Kind.DRAMA).reason == "record_not_ticked"
    assert rig.account.calls["auditdrama"] == 0


def test_episodes_under_another_title_are_told(rig):
    rig.uploaded()
    rig.hand_in(title="别的名字")
    assert rig.refused(Kind.DRAMA).reason == "title_differs"


def test_a_lost_answer_to_the_submission_is_looked_up(rig):
    rig.uploaded()
    rig.traits.lose = ["auditdrama"]
    rig.run(rig.job(Kind.DRAMA))
    assert rig.account.calls["auditdrama"] == 1
    assert len(rig.playing()) == rig.episodes


def test_a_title_that_is_taken_by_other_episodes_is_told(rig):
    rig.uploaded()
    rig.run(rig.job(Kind.DRAMA))
    rig.account.submissions(TITLE)[0].media = [1, 2, 3]
    rig.dramas._dramas[DRAMA] = rig.dramas.standing(DRAMA)._replace(platform_id=None)
    assert rig.refused(Kind.DRAMA).reason == "wechat_title_taken"


def test_what_is_to_be_mended_is_told_episode_by_episode_and_handed_in_again(rig):
    rig.uploaded()
    rig.traits.audit = REFILL
    failed = rig.refused(Kind.DRAMA)
    assert (failed.kind, failed.reason) == (Failure.MEND, "wechat_refill")
    assert "第1集: 画面模糊" in failed.text
    assert rig.dramas.standing(DRAMA).audit is Audit.REFILL
    rig.traits.audit = PASSED
    rig.now_s += 4 * 86_400  # WeChat's ids of the papers have ended
    rig.run(rig.job(Kind.EPISODE, 1, size=SIZE + 1))
    rig.run(rig.job(Kind.DRAMA))
    (drama,) = rig.account.submissions(TITLE)
    assert [one["old"] for one in drama.body["replace_media_list"]] != []
    assert list(rig.playing().values()) == drama.media


def test_what_was_said_of_the_submission_before_says_nothing_of_this_one(rig):
    rig.uploaded()
    rig.traits.audit = REFILL
    rig.refused(Kind.DRAMA)
    rig.traits.audit, rig.traits.stale_looks = PASSED, 3
    rig.now_s += 3_600
    rig.run(rig.job(Kind.DRAMA))
    assert len(rig.playing()) == rig.episodes


def test_an_answer_lost_to_a_job_that_is_stopped_is_not_forgotten(rig):
    rig.uploaded()
    rig.traits.audit = REFILL
    rig.refused(Kind.DRAMA)
    rig.traits.audit, rig.traits.lose = PASSED, ["auditdrama"]
    rig.run(rig.job(Kind.EPISODE, 1, size=SIZE + 1))
    job = rig.job(Kind.DRAMA)
    facts = rig.began(job)
    rig.until_done(job, Step.MATERIALS, facts)
    with pytest.raises(Later):
        rig.once(job, Step.SUBMIT, facts)
    for step in (Step.MATERIALS, Step.SUBMIT):
        rig.until_done(job._replace(rounds=1), step, facts)
    assert rig.account.calls["auditdrama"] == 2
    assert [one.media_id for one in rig.dramas.media(DRAMA).values()] == rig.account.submissions(TITLE)[0].media


def test_what_somebody_replaced_in_the_console_is_noticed(rig):
    passed(rig)
    rig.run(rig.job(Kind.EPISODE, 1, size=SIZE + 1))
    new = rig.dramas.media(DRAMA)[1].next_media_id
    rig.account.submissions(TITLE)[0].media[0] = new
    rig.run(rig.job(Kind.DRAMA))
    assert rig.playing()[1] == new


def test_a_final_no_is_final(rig):
    rig.uploaded()
    rig.traits.audit = REJECTED
    assert rig.refused(Kind.DRAMA).reason == "wechat_rejected"
    failed = rig.refused(Kind.DRAMA)
    assert (failed.kind, failed.reason) == (Failure.GIVE_UP, "wechat_rejected")


def test_what_passed_is_not_handed_in_again(rig):
    rig.uploaded()
    rig.run(rig.job(Kind.DRAMA))
    rig.run(rig.job(Kind.DRAMA))
    assert rig.account.calls["auditdrama"] == 1


def passed(rig: Rig) -> None:
    rig.uploaded()
    rig.run(rig.job(Kind.DRAMA))


def test_a_replacement_plays_once_it_has_passed(rig):
    passed(rig)
    before = rig.playing()
    rig.run(rig.job(Kind.EPISODE, 2, size=SIZE + 1))
    assert rig.playing() == before
    rig.run(rig.job(Kind.REPLACEMENT, 2))
    assert rig.playing()[2] == rig.account.submissions(TITLE)[0].media[1] != before[2]


def test_there_has_to_be_something_to_replace_it_with(rig):
    assert rig.refused(Kind.REPLACEMENT, 1).reason == "drama_not_submitted"
    passed(rig)
    assert rig.refused(Kind.REPLACEMENT, 1).reason == "nothing_to_replace"


@pytest.mark.parametrize("lost", ["submitreplacedramamedias", "replacedramamedia"])
def test_lost_answers_to_a_replacement_are_looked_up(rig, lost):
    passed(rig)
    rig.run(rig.job(Kind.EPISODE, 2, size=SIZE + 1))
    rig.traits.lose = [lost]
    rig.run(rig.job(Kind.REPLACEMENT, 2))
    assert rig.playing()[2] == rig.account.submissions(TITLE)[0].media[1]
    assert rig.account.calls[lost] == 1


def test_a_replacement_that_is_not_to_be_seen_yet_is_not_handed_in_again(rig):
    passed(rig)
    rig.run(rig.job(Kind.EPISODE, 2, size=SIZE + 1))
    rig.traits.stale_looks = 3
    rig.run(rig.job(Kind.REPLACEMENT, 2))
    assert rig.account.calls["submitreplacedramamedias"] == 1


def test_before_the_drama_passed_nothing_is_replaced(rig):
    rig.uploaded()
    rig.traits.audit = REFILL
    rig.refused(Kind.DRAMA)
    rig.run(rig.job(Kind.EPISODE, 2, size=SIZE + 1))
    assert rig.refused(Kind.REPLACEMENT, 2).reason == "drama_not_passed"


def test_an_episode_that_comes_after_the_audit_is_told(rig):
    passed(rig)
    rig.dramas.catalogue[DRAMA] = rig.episodes + 1
    rig.run(rig.job(Kind.EPISODE, rig.episodes + 1))
    failed = rig.refused(Kind.DRAMA)
    assert (failed.reason, f"[{rig.episodes + 1}]" in failed.text) == ("episodes_outside", True)
    assert len(rig.playing()) == rig.episodes


def test_a_refused_replacement_leaves_what_plays(rig):
    passed(rig)
    before = rig.playing()
    rig.run(rig.job(Kind.EPISODE, 2, size=SIZE + 1))
    rig.traits.replacement_audit = REFILL
    assert rig.refused(Kind.REPLACEMENT, 2).reason == "wechat_replacement_refused"
    assert rig.playing() == before
