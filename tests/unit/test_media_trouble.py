"""What a step says instead of being done, and how long it waits."""

from __future__ import annotations

from random import Random

import pytest

from domain.media.trouble import (
    CAP_S,
    FIRST_S,
    MAX_AFTER_S,
    MAX_ATTEMPTS,
    Cancelled,
    Failure,
    Later,
    LeaseLost,
    StepFailed,
    delay_s,
)


def test_the_wait_doubles_has_jitter_and_a_cap():
    random = Random(7)
    for attempt in range(1, 40):
        waits = [delay_s(attempt, random) for _ in range(200)]
        longest = min(CAP_S, FIRST_S * 2.0 ** (attempt - 1))
        assert longest / 2 <= min(waits) < 0.6 * longest
        assert 0.9 * longest < max(waits) <= longest
    assert delay_s(3, Random(1)) == delay_s(3, Random(1))


def test_all_attempts_together_outlast_an_outage_of_half_an_hour():
    assert sum(min(CAP_S, FIRST_S * 2.0 ** (attempt - 1)) / 2 for attempt in range(1, MAX_ATTEMPTS)) > 1_800


def test_attempts_are_numbered_from_one():
    with pytest.raises(ValueError, match="from 1"):
        delay_s(0, Random(1))


@pytest.mark.parametrize("reason", ["", "No_Audio", "no audio", "x" * 65, "../x", "no_audio\n", "1st"])
def test_a_reason_is_a_code(reason):
    with pytest.raises(ValueError, match="no code"):
        StepFailed(Failure.MEND, reason, "")


def test_texts_and_waits_are_cut():
    trouble = StepFailed(Failure.AGAIN, "busy", "请" * 900, after_s=1e9)
    assert (len(trouble.text), trouble.after_s) == (500, MAX_AFTER_S)
    assert StepFailed(Failure.AGAIN, "busy", "", after_s=-5).after_s == 0
    assert (Later(0).after_s, Later(60).after_s, Later(1e9).after_s) == (1, 60, MAX_AFTER_S)


def test_who_was_cancelled_has_lost_the_lease():
    assert issubclass(Cancelled, LeaseLost)
