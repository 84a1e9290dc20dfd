"""Experiments: who is in which arm, what a configuration may say, and what a difference is worth."""

from __future__ import annotations

import json
import math
from collections import Counter

import numpy as np
import pytest

from domain import experiments
from domain.experiments import BUCKETS, EVERYBODY, Unsound, bucket, parse
from domain.feed import SHARES, Source
from juliu.experiments.statistics import Sample, difference, sample_ratio

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


def sample(values: object) -> Sample:
    array = np.asarray(values, float)
    return Sample(len(array), float(array.sum()), float((array**2).sum()))


def test_a_difference_is_that_of_the_means_with_the_interval_of_welch():
    found = difference(sample([2, 4, 6, 8]), sample([1, 1, 3, 3]))
    assert found.value == 3
    error = math.sqrt(20 / 3 / 4 + 4 / 3 / 4)  # by hand: variances 20/3 and 4/3, four viewers each
    assert (found.low, found.high) == (
        pytest.approx(3 - 1.96 * error, abs=1e-3),
        pytest.approx(3 + 1.96 * error, abs=1e-3),
    )
    assert found.p == pytest.approx(0.0339, abs=1e-4)  # 2 (1 - Phi(2.1213))


def test_nobody_and_one_viewer_prove_nothing():
    for few in (Sample(0, 0, 0), Sample(1, 5, 25)):
        assert math.isnan(difference(few, sample([1, 2, 3])).p)
    assert difference(sample([1, 1]), sample([1, 1])).p == 1


def test_two_arms_that_are_the_same_differ_in_five_of_a_hundred_comparisons():
    """A/A: 1,000 experiments of 400 viewers, dealt by the hash, with the heavy tail of real watching."""
    rng = np.random.default_rng(7)
    wrong = 0
    for number in range(1_000):
        first = np.array([bucket(f"a/a {number}", user) < BUCKETS // 2 for user in range(400)])
        did = rng.poisson(rng.lognormal(0, 1, 400))
        wrong += difference(sample(did[first]), sample(did[~first])).p < 0.05
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
