"""What WeChat's codes mean for a step, and that a person finds each reason in the docs."""

from __future__ import annotations

import re

import pytest

from domain.media.trouble import Failure, Later, StepFailed
from infra.place import ROOT
from media_jobs.wechat.answers import _ADVICE, NotSent, Refused, TooFast, Unclear, advice, meant

STEPS = ("pull", "media_id", "materials", "submit", "audit", "replace")


@pytest.mark.parametrize("code", sorted(_ADVICE))
def test_each_code_is_a_step_s_word(code):
    said = meant(Refused("pullupload", code, "剧集名称不符合规范 rid: 1"))
    if advice(code).who == "later":
        assert isinstance(said, Later)
        return
    assert isinstance(said, StepFailed)
    assert (said.reason, said.kind.value) == (advice(code).reason, advice(code).who)
    assert "rid: 1" in said.text


@pytest.mark.parametrize(
    ("code", "kind"), [(10090042, Failure.MEND), (70000, Failure.AGAIN), (10090019, Failure.GIVE_UP)]
)
def test_who_has_to_act(code, kind):
    assert meant(Refused("x", code, "")).kind is kind


def test_an_unknown_code_is_for_people():
    said = meant(Refused("x", 123456, "what?"))
    assert (said.kind, said.reason) == (Failure.MEND, "wechat_refused")
    assert "123456 what?" in said.text


def test_while_the_account_is_set_up_nothing_fails():
    assert meant(Refused("pullupload", -2, "")).after_s == 60


@pytest.mark.parametrize("error", [Unclear("x"), NotSent("x")])
def test_no_answer_is_tried_again(error):
    assert (meant(error).kind, meant(error).reason) == (Failure.AGAIN, "wechat_away")


def test_what_is_too_often_waits():
    assert meant(TooFast("x", 42)).after_s == 42


def test_anything_else_is_not_an_answer():
    with pytest.raises(TypeError):
        meant(KeyError("x"))


def test_the_page_has_every_reason():
    page = (ROOT / "docs" / "media-wechat.md").read_text()
    told = set(re.findall(r"`([a-z_]+)`", page[page.index("## Reasons") : page.index("## Not proved")]))
    sources = "".join((ROOT / "media_jobs" / "steps" / f"{step}.py").read_text() for step in STEPS)
    sources += (ROOT / "media_jobs" / "wechat" / "heard.py").read_text()
    said = set(re.findall(r'StepFailed\(\s*Failure\.\w+,\s*"(\w+)"', sources))
    said |= {one.reason for one in _ADVICE.values() if one.who != "later"}
    said |= {"wechat_refused", "wechat_away", "wechat_refill", "wechat_rejected", "wechat_initialising"}
    assert len(said) > 25
    assert said - told == set()
    assert {one for one in told if one.startswith("wechat_")} - said == {"wechat_dramas", "wechat_episodes"} & told
