"""What an experiment says so far, from `events`: viewers in the arm that is theirs, and all they did since."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

import msgspec
from clickhouse_connect.driver.client import Client

from domain.canary import DRAMA_ID
from domain.experiments import BUCKETS, Experiment
from juliu.experiments.statistics import CAP, Difference, Sample, difference, sample_ratio

MEASURES = ("impressions", "clicks", "valid_plays", "content_ms", "unlocks")
UNEVEN = 0.001  # chance of the shares below which no result is to be believed

# The arm of an impression is what the client says: only that which the hash deals the viewer counts.
_SHOWN = f"""
SELECT
    user_id,
    {{names:Array(String)}}[arrayFirstIndex(end -> at < end, {{ends:Array(UInt64)}})] AS own,
    countIf(said = own) > 0 AS counts,
    countIf(said != own) > 0 AS strange,
    minIf(first_day, said = own) AS since_day
FROM
(
    SELECT
        user_id, events.arm AS said, min(toDate(ts)) AS first_day,
        reinterpretAsUInt64(substring(SHA256(concat({{salt:String}}, ':', toString(user_id))), 1, 8)) % {BUCKETS} AS at
    FROM events
    WHERE event_type = 'impression' AND events.arm != '' AND drama_id != {DRAMA_ID}
        AND toDate(ts) >= {{since:Date}} AND toDate(ts) <= {{until:Date}}
    GROUP BY user_id, said
)
GROUP BY user_id, at
"""  # noqa: S608

# As user_daily, which cannot be bounded: it would put together every playback of 13 months.  A playback belongs to the
# day on which it began; one day more on either side shows where those over midnight began, and how they went on.
_DID = f"""
SELECT
    user_id, toDate(ts) AS day,
    countIf(event_type = 'impression') AS impressions, countIf(event_type = 'clicked') AS clicks,
    0 AS valid_plays, 0 AS content_ms, countIf(event_type = 'unlocked') AS unlocks
FROM events
WHERE event_type IN ('impression', 'clicked', 'unlocked') AND drama_id != {DRAMA_ID}
    AND toDate(ts) >= {{since:Date}} AND toDate(ts) <= {{until:Date}}
GROUP BY user_id, day
UNION ALL
SELECT user_id, day, 0, 0, countIf(watched > 0 AND watched >= least(7000, length)), sum(watched), 0
FROM
(
    WITH least(to_ms, events.duration_ms) AS end_ms
    SELECT
        user_id, toDate(min(ts)) AS day, max(events.duration_ms) AS length,
        intervalLengthSumIf(from_ms, end_ms, from_ms < end_ms) AS watched
    FROM events
    WHERE event_type IN ('play_started', 'heartbeat', 'play_ended')
        AND toDate(ts) >= {{since:Date}} - 1 AND toDate(ts) <= {{until:Date}} + 1
    GROUP BY user_id, session_id, play_id
)
WHERE day >= {{since:Date}} AND day <= {{until:Date}}
GROUP BY user_id, day
"""  # noqa: S608


def _each(form: str) -> str:
    return ", ".join(form.format(name=name) for name in MEASURES)


_MOST = f"quantileExactIf({CAP})(n_{{name}}, n_{{name}} > 0) OVER ()"
QUESTION = f"""
SELECT own, countIf(counts), countIf(strange), {_each("sumIf(c_{name}, counts), sumIf(c_{name} * c_{name}, counts)")}
FROM
(
    SELECT own, counts, strange, {_each(f"toFloat64(least(n_{{name}}, {_MOST})) AS c_{{name}}")}
    FROM
    (
        SELECT user_id, own, counts, strange, {_each("sumIf({name}, counts AND day >= since_day) AS n_{name}")}
        FROM ({_DID}) AS did INNER JOIN ({_SHOWN}) AS shown ON did.user_id = shown.user_id
        GROUP BY user_id, own, counts, strange
    )
)
GROUP BY own ORDER BY own
"""  # noqa: S608


class ArmResult(msgspec.Struct, frozen=True):
    """An arm: its viewers, the mean of each measure over them, and its difference from the base."""

    arm: str
    viewers: int
    means: dict[str, float]
    differences: dict[str, Difference]


class Results(msgspec.Struct, frozen=True):
    """`strange`: viewers with an impression of an arm that is not theirs; such impressions put nobody into an arm.

    `ratio_p`: how likely such shares come by chance.
    """

    base: str
    since: datetime.date
    until: datetime.date
    arms: list[ArmResult]
    strange: int
    ratio_p: float

    @property
    def believable(self) -> bool:
        """Whether viewers came in the shares that were meant."""
        return self.ratio_p >= UNEVEN


class _Found(NamedTuple):
    """An arm of the experiment: viewers who count, those who are strange, and a sample by measure."""

    viewers: int
    strange: int
    samples: dict[str, Sample]


def results(
    client: Client, experiment: Experiment, base: str, since: datetime.date, until: datetime.date
) -> Results:  # fmt: skip
    """Of the days since..until, both included.  Raises ClickHouseError, KeyError where the base has no viewers."""
    everything = _found(client, experiment, since, until)
    found = {arm: one for arm, one in everything.items() if one.viewers}
    of_base = found[base].samples
    arms = [_arm(arm, one, None if arm == base else of_base) for arm, one in found.items()]
    shares = {name: arm.share for name, arm in experiment.arms.items()}
    ratio_p = sample_ratio({arm: one.viewers for arm, one in found.items()}, shares)
    return Results(base, since, until, arms, sum(one.strange for one in everything.values()), ratio_p)


def _arm(arm: str, found: _Found, base: dict[str, Sample] | None) -> ArmResult:
    means = {name: sample.mean for name, sample in found.samples.items()}
    differences = {name: difference(found.samples[name], base[name]) for name in MEASURES} if base else {}
    return ArmResult(arm, found.viewers, means, differences)


def parameters(experiment: Experiment, since: datetime.date, until: datetime.date) -> dict[str, Any]:
    """Of QUESTION."""
    ends = experiment.ends()
    return {"since": since, "until": until, "salt": experiment.salt, "names": [*ends], "ends": [*ends.values()]}


def _found(client: Client, experiment: Experiment, since: datetime.date, until: datetime.date) -> dict[str, _Found]:
    """By arm, of one query over the period."""
    rows = client.query(QUESTION, parameters(experiment, since, until)).result_rows
    return {
        str(arm): _Found(int(viewers), int(strange), _samples(int(viewers), numbers))
        for arm, viewers, strange, *numbers in rows
    }


def _samples(viewers: int, numbers: list[float]) -> dict[str, Sample]:
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return {name: Sample(viewers, *pair) for name, pair in zip(MEASURES, pairs, strict=True)}
