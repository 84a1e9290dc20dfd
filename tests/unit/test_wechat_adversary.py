"""What a hostile reader found on WeChat's side: tries used up too fast, rounds that go in a circle."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from domain.media.steps import Kind, Step
from domain.media.trouble import Failure, Later, StepFailed
from infra.media.job import Job
from media_jobs.steps import pull
from media_jobs.wechat.answers import Refused, meant
from tests.standins.wechat_state import PASSED, REFILL
from tests.wechat_rig import DRAMA, SIZE, Rig

AWAY_S = 20 * 60


@pytest.fixture
def rig(tmp_path):
    made = Rig(tmp_path)
    made.hand_in()
    return made


def drama_job(rig: Rig, job: Job, facts: dict[Step, dict[str, Any]]) -> None:
    for step in (Step.MATERIALS, Step.SUBMIT, Step.AUDIT):
        rig.until_done(job, step, facts)


def test_a_storage_that_is_away_for_twenty_minutes_does_not_use_up_the_pulls(rig):
    """60000 comes within seconds: asked again at once, six tries would be over in a minute and a half."""
    job, facts = rig.job(Kind.EPISODE, 1), {}
    facts = rig.began(job)
    rig.reachable, back_s = False, rig.now_s + AWAY_S
    while "media_id" not in facts.get(Step.PULL, {}):
        rig.reachable = rig.now_s >= back_s
        try:
            facts[Step.PULL] |= rig.once(job, Step.PULL, facts)
        except KeyError:
            facts[Step.PULL] = {}
        except Later as later:
            rig.now_s += later.after_s
    assert rig.account.calls["pullupload"] <= pull.MAX_PULLS


def test_an_event_of_the_pull_that_failed_does_not_end_the_rest(rig):
    job = rig.job(Kind.EPISODE, 1)
    facts: dict[Step, dict[str, Any]] = rig.began(job) | {Step.PULL: {}}
    rig.reachable = False
    for _ in range(20):  # events wake the step as often as WeChat likes
        with pytest.raises(Later):
            rig.once(job, Step.PULL, facts)
    assert rig.account.calls["pullupload"] == 1


def test_what_was_deleted_on_wechat_is_pulled_anew_in_the_next_round(rig):
    job = rig.job(Kind.EPISODE, 1)
    facts: dict[Step, dict[str, Any]] = rig.began(job)
    rig.until_done(job, Step.PULL, facts)
    del rig.account.media[facts[Step.PULL]["media_id"]]
    with pytest.raises(StepFailed, match="wechat_gone"):
        rig.until_done(job, Step.MEDIA_ID, facts)
    again = job._replace(rounds=1)
    rig.until_done(again, Step.PULL, facts)
    rig.until_done(again, Step.MEDIA_ID, facts)
    assert rig.dramas.media(DRAMA)[1].media_id == facts[Step.MEDIA_ID]["media_id"] in rig.account.media


def test_what_is_to_be_mended_is_handed_in_once_more_in_the_next_round(rig):
    rig.uploaded()
    rig.traits.audit = REFILL
    job, facts = rig.job(Kind.DRAMA), dict[Step, dict[str, Any]]()
    with pytest.raises(StepFailed, match="wechat_refill"):
        drama_job(rig, job, facts)
    rig.traits.audit, rig.now_s = PASSED, rig.now_s + 3_600
    drama_job(rig, job._replace(rounds=1), facts)
    assert rig.account.calls["auditdrama"] == 2
    assert len(rig.playing()) == rig.episodes


def test_papers_that_do_not_get_through_use_up_one_urgent_audit(rig, monkeypatch):
    rig.hand_in(expedited=True)
    rig.uploaded()
    taken, vod, tries = Counter[str](), rig.platform.vod, iter([True] * 4)
    upload = vod.material

    def material(path: Any, content_type: str) -> str:
        if next(tries, False):
            raise Refused("material", 70000, "")
        return upload(path, content_type)

    monkeypatch.setattr(vod, "take", lambda name: taken.update([name]))
    monkeypatch.setattr(vod, "material", material)
    rig.run(rig.job(Kind.DRAMA))
    assert taken == {"expedited": 1}


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_token_that_is_refused_twice_ends_no_job(code):
    """Somebody else has refreshed it in between: nothing of that is a person's to mend in the material."""
    said = meant(Refused("pullupload", code, ""))
    assert isinstance(said, StepFailed)
    assert said.kind is Failure.AGAIN


def test_of_two_episodes_that_are_replaced_at_once_none_is_lost(rig):
    """WeChat tells the drama's latest audit only, so each takes the other's for its own."""
    rig.uploaded()
    rig.run(rig.job(Kind.DRAMA))
    before = rig.playing()
    for number in (1, 2):
        rig.run(rig.job(Kind.EPISODE, number, size=SIZE + number))
    jobs = {number: rig.job(Kind.REPLACEMENT, number) for number in (1, 2)}
    facts: dict[int, dict[Step, dict[str, Any]]] = {number: {} for number in jobs}
    for _ in range(60):
        for number, job in list(jobs.items()):
            with suppress(Later):
                rig.once(job, Step.REPLACE, facts[number])
                del jobs[number]
        rig.now_s += 900
    assert jobs == {}
    assert [number for number, media_id in rig.playing().items() if media_id != before[number]] == [1, 2]
