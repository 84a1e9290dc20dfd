"""Experiments: who is in which arm, what a configuration may say, and what a difference is worth."""

from __future__ import annotations

import datetime
import json
import math
from collections import Counter

import numpy as np
import pytest

from domain import experiments
from domain.experiments import BUCKETS, EVERYBODY, Unsound, bucket, parse
from domain.feed import SHARES, Source
from juliu.commands import experiment as command
from juliu.experiments.results import MEASURES, ArmResult, Results
from juliu.experiments.statistics import CAP, LEAST_VIEWERS, Sample, difference, sample_ratio

THREE = {"base": {"share": 8_900}, "fresh": {"share": 1_000, "blend": {"trend": 0.9, "explore": 0.1}},
         "holdout": {"share": 100, "blend": {"hot": 1}}}  # fmt: skip


def an_experiment(salt: str = "s", arms: object = THREE) -> experiments.Experiment:
    return parse(json.dumps({"salt": salt, "arms": arms}))


def test_without_a_setting_everybody_is_in_base_with_the_usual_blend():
    assert parse("") is EVERYBODY
    assert {EVERYBODY.arm_of(user) for user in range(1_000)} == {"base"}
    assert EVERYBODY.blend_of("base") == SHARES


def test_viewers_come_in_the_shares_that_were_asked_for():
    arms = Counter(map(an_experiment().arm_of, range(1, 100_001)))
    assert sample_ratio(arms, {name: arm.share for name, arm in an_experiment().arms.items()}) > 0.001
    assert arms["holdout"] == pytest.approx(1_000, rel=0.15)


def test_a_viewer_stays_where_they_are_and_other_software_can_find_out_where():
    """The first 8 bytes of SHA-256 of `salt:viewer`, little endian, modulo 10,000."""
    assert [bucket("2026-11", user) for user in (1, 42, 2**53)] == [1773, 4663, 9391]


def test_the_order_in_which_a_setting_names_the_arms_moves_nobody():
    turned = an_experiment(arms=dict(reversed(THREE.items())))
    assert turned.ends() == an_experiment().ends() == {"base": 8_900, "fresh": 9_900, "holdout": 10_000}
    assert all(turned.arm_of(user) == an_experiment().arm_of(user) for user in range(1_000))


def test_another_salt_deals_viewers_independently():
    pairs = Counter((bucket("a", user) < BUCKETS // 2, bucket("b", user) < BUCKETS // 2) for user in range(40_000))
    assert all(abs(count - 10_000) < 400 for count in pairs.values())


def test_an_arm_says_what_its_pages_are_made_of():
    assert an_experiment().blend_of("holdout") == {Source.HOT: 1}
    assert an_experiment().blend_of("base") == SHARES


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "malformed|truncated"),
        ('{"salt": "s"}', "arms"),
        ('{"salt": "", "arms": {"base": {"share": 10000}}}', "salt"),
        ('{"salt": "s", "arms": {}}', "1 to 10 arms"),
        ('{"salt": "s", "arms": {"base": {"share": 9999}}}', "add up to 10000"),
        ('{"salt": "s", "arms": {"a": {"share": 10001}, "b": {"share": -1}}}', "not negative"),
        ('{"salt": "s", "arms": {"Base <b>": {"share": 10000}}}', "small letters"),
        ('{"salt": "s", "arms": {"base": {"share": 10000, "blend": {"luck": 1}}}}', "luck"),
        ('{"salt": "s", "arms": {"base": {"share": 10000, "blend": {}}}}', "shares of a page"),
        ('{"salt": "s", "arms": {"base": {"share": 10000, "blend": {"hot": 0.9, "trend": 0.2}}}}', "at most 1"),
        ('{"salt": "s", "arms": {"base": {"share": 10000, "blend": {"hot": -0.1, "trend": 0.2}}}}', "0 to 1"),
        ('{"salt": "s", "arms": {"base": {"share": 10000, "blend": {"again": 1}}}}', "comes again"),
        ('{"salt": "s", "arms": {"base": {"share": 10000, "luck": 1}}}', "luck"),
    ],
)
def test_what_is_no_experiment_is_refused_with_the_reason(text, why):
    with pytest.raises(Unsound, match=why):
        parse(text)


def sample(values: object, times: int = 1) -> Sample:
    array = np.asarray(values, float)
    return Sample(times * len(array), times * float(array.sum()), times * float((array**2).sum()))


def test_a_difference_is_that_of_the_means_with_the_interval_of_welch():
    found = difference(sample([2, 4, 6, 8], 250), sample([1, 1, 3, 3], 250))
    assert found.value == 3
    error = math.sqrt(5_000 / 999 / 1_000 + 1_000 / 999 / 1_000)  # by hand: variances of 1,000 viewers each
    assert (found.low, found.high) == (
        pytest.approx(3 - 1.96 * error, abs=1e-5),
        pytest.approx(3 + 1.96 * error, abs=1e-5),
    )
    least = difference(sample([2, 2, 2, 6], 250), sample([2, 2, 2, 5.8], 250))
    assert least.p == pytest.approx(0.5083, abs=1e-4)  # 2 (1 - Phi(0.6615))


def test_fewer_viewers_than_intervals_hold_for_prove_nothing():
    many = sample([1, 2, 3, 4], 250)
    for few in (Sample(0, 0, 0), Sample(1, 5, 25), Sample(999, 999, 9_999)):
        for found in (difference(few, many), difference(many, few)):
            assert math.isnan(found.low)
            assert math.isnan(found.p)
    assert difference(sample([1], 1_000), sample([1], 1_000)).p == 1


def capped(did: np.ndarray) -> np.ndarray:
    """As the command caps a measure."""
    return np.minimum(did, np.quantile(did[did > 0], CAP))


def test_two_arms_that_are_the_same_differ_in_five_of_a_hundred_comparisons():
    """A/A: 1,000 experiments of 2,200 viewers, in 40 deals by the hash, with the heavy tail of real watching."""
    rng = np.random.default_rng(7)
    wrong = 0
    for number in range(40):
        first = np.array([bucket(f"a/a {number}", user) < BUCKETS // 2 for user in range(2_200)])
        for _ in range(25):
            did = capped(rng.poisson(rng.lognormal(0, 1, 2_200)))
            wrong += difference(sample(did[first]), sample(did[~first])).p < 0.05
    assert 0.03 <= wrong / 1_000 <= 0.07


@pytest.mark.parametrize("tail", [1, 1.5])
def test_a_small_arm_beside_a_large_one_differs_by_chance_no_more_often(tail):
    """A/A of 1,000 against 99,000 viewers: 1,000 deals of viewers of whom few do very much."""
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(4):
        did = capped(rng.poisson(rng.lognormal(0, tail, 100_000)))
        everybody = sample(did)
        for _ in range(250):
            few = sample(rng.choice(did, LEAST_VIEWERS, replace=False, shuffle=False))
            others = Sample(*(whole - part for whole, part in zip(everybody, few, strict=True)))
            wrong += difference(few, others).p < 0.05
    assert 0.03 <= wrong / 1_000 <= 0.07


def test_a_real_difference_is_seen():
    rng = np.random.default_rng(7)
    assert difference(sample(rng.poisson(2.2, 2_000)), sample(rng.poisson(2.0, 2_000))).p < 0.01


def test_shares_that_were_not_meant_are_noticed():
    meant = {"base": 5_000, "fresh": 5_000}
    assert sample_ratio({"base": 5_050, "fresh": 4_950}, meant) > 0.3
    assert sample_ratio({"base": 5_300, "fresh": 4_700}, meant) < 1e-6
    assert sample_ratio({"base": 1_000}, meant) < 1e-6  # the other arm's impressions never arrive
    assert sample_ratio({"base": 500, "fresh": 500, "old": 1}, meant) == 0
    assert sample_ratio({}, meant) == 1
    assert sample_ratio({"base": 7}, {"base": 10_000}) == 1


def test_an_arm_is_shown_as_it_is_spelled_also_where_it_looks_like_markup(capsys):
    day, nothing = datetime.date(2026, 9, 22), dict.fromkeys(MEASURES, 0.0)
    arms = [ArmResult(name, 1, nothing, {}) for name in ("[/x]", "[red]base")]
    command.show(Results("base", day, day, arms, 2, 1.0))
    told = capsys.readouterr().out
    assert "[/x]" in told
    assert "[red]base" in told
