"""Which media came of a pull whose answer was lost: listmedia tells name, time, size and length, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.media.steps import Kind, Step
from domain.media.trouble import Later
from tests.standins.wechat_state import Media
from tests.wechat_builders import TITLE
from tests.wechat_rig import SIZE, Rig

NAME = f"{TITLE} - 第1集"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    made.hand_in()
    return made


def another(rig: Rig, media_id: int = 5, after_s: int = 5, **fields: int) -> None:
    """What another pull of the same name and size left."""
    rig.account.media[media_id] = Media(media_id, NAME, SIZE, "another", int(rig.now_s) + after_s, **fields)


def test_before_we_have_asked_for_anything_nothing_is_ours(rig):
    job = rig.job(Kind.EPISODE, 1)
    another(rig)
    rig.now_s += 3_600  # it was probed, checked and encoded meanwhile
    facts = rig.run(job)
    assert facts[Step.MEDIA_ID]["media_id"] != 5
    assert rig.account.calls["pullupload"] == 1


def test_what_came_before_we_asked_is_not_ours_although_the_job_is_older(rig):
    job = rig.job(Kind.EPISODE, 1)
    another(rig)
    rig.now_s += 3_600
    rig.traits.lose = ["pullupload"]
    facts = rig.run(job)
    assert facts[Step.MEDIA_ID]["media_id"] != 5
    assert rig.account.calls["pullupload"] == 1


def test_what_is_longer_is_another_file(rig):
    rig.traits.lose = ["pullupload"]
    job = rig.job(Kind.EPISODE, 1)
    another(rig, duration=75)
    facts = rig.run(job)
    assert facts[Step.MEDIA_ID]["media_id"] != 5
    assert 5 in rig.account.media
    assert rig.account.calls["pullupload"] == 1


def test_where_there_are_more_than_we_have_asked_for_none_is_taken_and_one_is_pulled_whose_number_we_know(rig):
    rig.traits.lose = ["pullupload"]
    job = rig.job(Kind.EPISODE, 1)
    another(rig)
    facts = rig.run(job)
    assert rig.account.calls["pullupload"] == 2
    kept = facts[Step.MEDIA_ID]["media_id"]
    assert [one.media_id for one in rig.account.named(NAME)] == [kept]
    assert rig.account.tasks[max(rig.account.tasks)].media_id == kept


def test_two_of_our_own_are_as_good_as_each_other(rig):
    rig.traits.lose, rig.traits.pull_takes = ["pullupload", "pullupload"], 12
    facts = rig.run(rig.job(Kind.EPISODE, 1))
    assert rig.account.calls["pullupload"] == 2
    assert len(rig.account.named(NAME)) == 1
    assert facts[Step.MEDIA_ID]["media_id"] in rig.account.media


def test_a_job_of_an_older_version_that_noted_no_length_goes_on(rig):
    rig.traits.lose = ["pullupload"]
    job = rig.job(Kind.EPISODE, 1)
    facts = rig.began(job)
    with pytest.raises(Later):
        rig.once(job, Step.PULL, facts)
    facts[Step.PULL]["asked"].pop("seconds")
    rig.until_done(job, Step.PULL, facts)
    rig.until_done(job, Step.MEDIA_ID, facts)
    assert rig.account.calls["pullupload"] == 1
