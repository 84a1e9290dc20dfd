"""Everything at once: WeChat loses answers, fails, hangs and is slow, workers die at any boundary, people say again."""

from __future__ import annotations

from typing import Any

import pytest

from domain.media.steps import Kind
from domain.media.trouble import StepFailed
from tests.standins.wechat_state import PASSED, REFILL, Traits
from tests.wechat_builders import TITLE
from tests.wechat_rig import SIZE, Rig

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
    assert drama.media == list(rig.playing().values())
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
