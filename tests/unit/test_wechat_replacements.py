"""A verdict counts for the media that it was said of: WeChat's latest audit of a drama may be another episode's."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from domain.media.steps import Kind, Step
from domain.media.trouble import Failure, Later, StepFailed
from tests.standins.wechat_state import PASSED, REJECTED
from tests.wechat_rig import DRAMA, SIZE, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A drama that plays, with another file for each of its episodes."""
    made = Rig(tmp_path)
    made.hand_in()
    made.uploaded()
    made.run(made.job(Kind.DRAMA))
    for number in range(1, made.episodes + 1):
        made.run(made.job(Kind.EPISODE, number, size=SIZE + number))
    return made


def begun(rig: Rig, number: int) -> tuple[Any, dict[Step, dict[str, Any]]]:
    """A replacement that was handed in, and waits."""
    job, facts = rig.job(Kind.REPLACEMENT, number), dict[Step, dict[str, Any]]()
    with pytest.raises(Later):
        rig.once(job, Step.REPLACE, facts)
    return job, facts


def ended(rig: Rig, number: int) -> None:
    """WeChat has looked at what was handed in last."""
    (drama,) = rig.account.dramas.values()
    drama.replacement.status, drama.replacement.audited_s = drama.replacement.becomes, int(rig.now_s)


def test_a_no_to_another_episode_is_no_no_to_this_one(rig):
    before = rig.playing()
    first, facts = begun(rig, 1)
    ended(rig, 1)
    rig.traits.replacement_audit = REJECTED
    second, others = begun(rig, 2)
    ended(rig, 2)
    rig.until_done(first, Step.REPLACE, facts)
    assert rig.playing()[1] != before[1]
    with pytest.raises(StepFailed, match="wechat_replacement_refused"):
        rig.until_done(second, Step.REPLACE, others)
    assert rig.playing()[2] == before[2]
    assert rig.account.calls["submitreplacedramamedias"] == 2


def test_a_yes_to_another_episode_is_no_yes_to_this_one(rig):
    before = rig.playing()
    rig.traits.replacement_audit = REJECTED
    first, facts = begun(rig, 1)
    ended(rig, 1)
    rig.traits.replacement_audit = PASSED
    begun(rig, 2)
    ended(rig, 2)
    with pytest.raises(StepFailed, match="wechat_replacement_refused"):
        rig.until_done(first, Step.REPLACE, facts)
    assert rig.playing() == before
    assert rig.account.calls["submitreplacedramamedias"] == 2


def test_a_no_to_the_same_media_of_an_earlier_time_says_nothing(rig):
    rig.traits.replacement_audit = REJECTED
    job, facts = begun(rig, 1)
    ended(rig, 1)
    with pytest.raises(StepFailed, match="wechat_replacement_refused"):
        rig.until_done(job, Step.REPLACE, facts)
    rig.traits.replacement_audit, rig.traits.stale_looks = PASSED, 3
    rig.now_s += 3_600
    rig.until_done(job._replace(rounds=1), Step.REPLACE, facts)
    assert rig.playing()[1] == rig.dramas.media(DRAMA)[1].media_id
    assert rig.account.calls["submitreplacedramamedias"] == 2


def test_just_after_the_pass_wechat_may_refuse_for_a_while_and_nothing_is_handed_in_again(rig):
    before = rig.playing()
    rig.traits.replace_lags = 3
    job, facts = begun(rig, 1)
    rig.until_done(job, Step.REPLACE, facts)
    assert rig.playing()[1] != before[1]
    assert rig.account.calls["submitreplacedramamedias"] == 1


def test_where_wechat_tells_nothing_of_the_media_the_dramas_audit_counts_if_it_is_of_that_time(rig):
    before = rig.playing()
    rig.traits.silent_media = True
    job, facts = begun(rig, 1)
    rig.until_done(job, Step.REPLACE, facts)
    assert rig.playing()[1] != before[1]
    assert rig.account.calls["submitreplacedramamedias"] == 1


def test_nor_is_anybody_refused_then_by_what_was_said_of_another(rig):
    before = rig.playing()
    rig.traits.silent_media = True
    first, facts = begun(rig, 1)
    ended(rig, 1)
    rig.now_s += 900
    rig.traits.replacement_audit = REJECTED
    begun(rig, 2)
    ended(rig, 2)
    rig.traits.replacement_audit = PASSED
    rig.now_s += 900
    rig.until_done(first, Step.REPLACE, facts)
    assert rig.playing()[1] != before[1]


def overtaken(rig: Rig, job: Any, facts: dict[Step, dict[str, Any]]) -> None:
    """Each time that it is looked at, WeChat's latest audit is somebody else's."""
    for _ in range(200):
        (drama,) = rig.account.dramas.values()
        drama.replacement.created_s, drama.replacement.status = int(rig.now_s) + 100_000, PASSED
        with suppress(Later):
            rig.once(job, Step.REPLACE, facts)
        rig.now_s += 1_000


def test_what_is_overtaken_again_and_again_is_told_to_people(rig):
    rig.traits.silent_media = True
    job, facts = begun(rig, 1)
    with pytest.raises(StepFailed) as caught:
        overtaken(rig, job, facts)
    assert (caught.value.kind, caught.value.reason) == (Failure.MEND, "wechat_replacement_unseen")
    assert rig.account.calls["submitreplacedramamedias"] == 4
