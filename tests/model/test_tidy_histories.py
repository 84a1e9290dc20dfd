"""Whatever becomes of an episode's jobs, and whenever it is tidied: what plays and what a step reads is there."""

from __future__ import annotations

import pytest

from domain.media.leftovers import GIVEN_UP_MS
from tests.tidy_history import History

LENGTH = 150


@pytest.mark.parametrize("seed", range(150))
def test_nothing_goes_that_is_needed_and_nothing_stays_that_is_not(seed):
    history = History(seed)
    for _ in range(LENGTH):
        history.live()
    history.cancel()
    for _ in range(30):  # what is put by whom slept is as old then
        history.clock.pass_ms(GIVEN_UP_MS // 10)
        history.tidy()
    assert history.kept() <= history.may_be_kept(), history.told
    assert not history.playing or history.is_whole(history.playing)
