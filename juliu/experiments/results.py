"""What an experiment says so far, from `experiment_daily`."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from domain.experiments import Experiment
from juliu.experiments.statistics import Difference, Sample, difference, sample_ratio

MEASURES = ("impressions", "clicks", "valid_plays", "content_ms", "unlocks")
UNEVEN = 0.001  # chance of the shares below which no result is to be believed

# viewers in two arms of the period are left out: they saw the experiment change
_ARMS = """
SELECT in_arm, count(), {sums}
FROM
(
    SELECT user_id, any(arm) AS in_arm, uniqExact(arm) AS arms, {of_viewer}
    FROM experiment_daily WHERE day >= {{since:Date}} AND day <= {{until:Date}}
    GROUP BY user_id
)
WHERE arms = 1
GROUP BY in_arm ORDER BY in_arm
"""
_CROSSED = """
SELECT count() FROM
(
    SELECT user_id FROM experiment_daily WHERE day >= {since:Date} AND day <= {until:Date}
    GROUP BY user_id HAVING uniqExact(arm) > 1
)
"""


class ArmResult(msgspec.Struct, frozen=True):
    """An arm: its viewers, the mean of each measure over them, and its difference from the base."""

    arm: str
    viewers: int
    means: dict[str, float]
    differences: dict[str, Difference]


class Results(msgspec.Struct, frozen=True):
    """`crossed`: viewers who were in two arms and count in none.  `ratio_p`: how likely such shares come by chance."""

    base: str
    since: datetime.date
    until: datetime.date
    arms: list[ArmResult]
    crossed: int
    ratio_p: float

    @property
    def believable(self) -> bool:
        """Whether viewers came in the shares that were meant."""
        return self.ratio_p >= UNEVEN


def results(
    client: Client, experiment: Experiment, base: str, since: datetime.date, until: datetime.date
) -> Results:  # fmt: skip
    """Of the days since..until, both included.  Raises ClickHouseError, KeyError where the base has no viewers."""
    period = {"since": since, "until": until}
    found = _samples(client, period)
    of_base = found[base]
    viewers = {arm: next(iter(samples.values())).viewers for arm, samples in found.items()}
    arms = [
        ArmResult(
            arm, viewers[arm], {name: sample.mean for name, sample in samples.items()},
            {} if arm == base else {name: difference(samples[name], of_base[name]) for name in MEASURES},
        )
        for arm, samples in found.items()
    ]  # fmt: skip
    crossed = int(client.query(_CROSSED, period).result_rows[0][0])
    ratio_p = sample_ratio(viewers, {name: arm.share for name, arm in experiment.arms.items()})
    return Results(base, since, until, arms, crossed, ratio_p)


def _samples(client: Client, period: dict[str, Any]) -> dict[str, dict[str, Sample]]:
    """By arm and measure."""
    sums = ", ".join(f"sum(n_{name}), sum(n_{name} * n_{name})" for name in MEASURES)
    of_viewer = ", ".join(f"toFloat64(sum({name})) AS n_{name}" for name in MEASURES)
    rows = client.query(_ARMS.format(sums=sums, of_viewer=of_viewer), period).result_rows
    return {
        str(arm): {
            name: Sample(int(viewers), float(numbers[2 * at]), float(numbers[2 * at + 1]))
            for at, name in enumerate(MEASURES)
        }
        for arm, viewers, *numbers in rows
    }
