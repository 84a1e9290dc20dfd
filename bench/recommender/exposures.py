"""Exposures of the sample log with what is known about each at the midnight before it, and of its request."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from bench.recommender import kuairand
from bench.recommender.kuairand import CHINA, DAY_MS, KuaiRand
from recommender.interactions import Interactions, Ints
from recommender.models import forecast
from recommender.models.fsals import FrequencyScaledALS

HOUR_MS = 3_600_000
FACTORS: Final = 64
PRIOR: Final = 20.0  # exposures at the usual rate, of an item or a viewer
FEW: Final = 8.0  # the same of a viewer with a tag, an author, a length
RECENT_DAYS: Final = 1.5

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Exposures:
    """The log in order of time, a row an exposure."""

    log: Interactions
    tab: Ints
    duration_ms: Ints
    ratio: Reals  # watched of its length, 2 at most
    day: Ints  # since 1970, of China

    def __len__(self) -> int:
        return len(self.log)


@dataclass(frozen=True)
class Items:
    """What is known of items besides the log."""

    author: Ints
    tag: Ints
    music: Ints
    kind: Ints
    length: Ints  # of its duration, in steps of 1.5 times
    uploaded: Ints  # day since 1970


def read(folder: Path) -> tuple[KuaiRand, Exposures, Items]:
    """Of a folder with log.parquet, sequences.parquet and videos.csv."""
    sample = kuairand.read(folder)
    table = parquet.read_table(folder / "log.parquet")
    column = {name: table[name].to_numpy() for name in table.column_names}
    order = np.argsort(column["time_ms"], kind="stable")  # as kuairand.read puts it
    column = {name: values[order] for name, values in column.items()}
    duration = np.maximum(column["duration_ms"], 1)
    ratio = np.minimum(column["play_time_ms"] / duration, 2.0)
    china_ms = column["time_ms"] + round(CHINA.total_seconds() * 1000)
    return sample, Exposures(sample.log, column["tab"], duration, ratio, china_ms // DAY_MS), _items(folder)


def _items(folder: Path) -> Items:
    with (folder / "videos.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    def numbered(values: list[str]) -> Ints:
        return np.unique(values, return_inverse=True)[1]

    days = [(date.fromisoformat(row["upload_dt"]) - date(1970, 1, 1)).days for row in rows]
    return Items(
        numbered([row["author_id"] for row in rows]), numbered([row["tag"].split(",")[0] for row in rows]),
        numbered([row["music_type"] for row in rows]), numbered([row["upload_type"] for row in rows]),
        np.digitize(np.log([float(row["video_duration"] or 20_000) for row in rows]), np.arange(8, 12.6, 0.4)),
        np.array(days),
    )  # fmt: skip


def midnight_ms(day: int) -> int:
    """Unix ms at which that day (since 1970) begins in China."""
    return day * DAY_MS - round(CHINA.total_seconds() * 1000)


def rate(key: Ints, of: Ints, values: Reals, prior: Reals | float, strength: float) -> Reals:
    """Mean of `values` over entries of the same key, for each key asked `of`, with `strength` entries at the prior."""
    size = int(max(key.max(initial=0), of.max(initial=0))) + 1
    sums, counts = np.bincount(key, values, size)[of], np.bincount(key, minlength=size)[of]
    found: Reals = (sums + strength * prior) / (counts + strength)
    return found


def table(sample: KuaiRand, all_: Exposures, items: Items, day: int) -> dict[str, Reals]:
    """Features of that day's exposures, by name; of items all is as of the midnight before."""
    begin_ms = midnight_ms(day)
    now, then = np.flatnonzero(all_.day == day), np.flatnonzero(all_.log.ts_ms < begin_ms)
    return {
        **_request(all_, now),
        **_of_items(all_, items, now, day),
        **_rates(all_, items, now, then, begin_ms),
        **_of_models(sample, all_, now, begin_ms),
        **_of_sequences(sample, all_, items, now),
    }


def _request(all_: Exposures, now: Ints) -> dict[str, Reals]:
    """Context: `tab` (the surface), the hour of the day."""
    hour = (all_.log.ts_ms[now] + CHINA.total_seconds() * 1000) % DAY_MS / HOUR_MS
    return {"tab": all_.tab[now].astype(float), "hour": hour}


def _of_items(all_: Exposures, items: Items, now: Ints, day: int) -> dict[str, Reals]:
    item = all_.log.item[now]
    return {
        "duration": np.log(all_.duration_ms[now]),
        "age": (day - items.uploaded[item]).astype(float),
        "kind": items.kind[item].astype(float),
        "music": items.music[item].astype(float),
    }


def _rates(all_: Exposures, items: Items, now: Ints, then: Ints, begin_ms: int) -> dict[str, Reals]:
    """Rates of positives above the surface's own, and what was watched of the length: of items, authors, tags."""
    log, glad = all_.log, all_.log.positive[then].astype(float)
    before, item = log.item[then], log.item[now]
    usual = float(glad.mean()) if len(then) else 0.3
    above = glad - rate(all_.tab[then], all_.tab[then], glad, usual, PRIOR)
    late = np.exp2((log.ts_ms[then] - begin_ms) / (RECENT_DAYS * DAY_MS))
    ratio = all_.ratio[then]
    return {
        "item rate": rate(before, item, above, 0.0, PRIOR),
        "item rate of late": _weighted(before, item, above, late),
        "item ratio": rate(before, item, ratio, float(ratio.mean()) if len(then) else 0.5, PRIOR),
        "item shown": np.log1p(np.bincount(before, minlength=int(item.max()) + 1)[item]),
        "item shown of late": np.log1p(np.bincount(before, late, int(item.max()) + 1)[item]),
        "author rate": rate(items.author[before], items.author[item], above, 0.0, PRIOR),
        "tag rate": rate(items.tag[before], items.tag[item], above, 0.0, PRIOR),
    }


def _weighted(key: Ints, of: Ints, values: Reals, weights: Reals) -> Reals:
    size = int(max(key.max(initial=0), of.max(initial=0))) + 1
    sums, counts = np.bincount(key, values * weights, size), np.bincount(key, weights, size)
    found: Reals = (sums / (counts + PRIOR / 4))[of]
    return found


def _of_models(sample: KuaiRand, all_: Exposures, now: Ints, begin_ms: int) -> dict[str, Reals]:
    """Products of factors of watches and of positives; lift."""
    known = sample.known(sample.before(begin_ms), begin_ms)
    user, item = all_.log.user[now], all_.log.item[now]
    found = {"lift": _lift(sample, begin_ms)[item]}
    for name, log in (("watches", known.log), ("positives", known.log.where(known.log.positive))):
        model = FrequencyScaledALS(factors=FACTORS, iterations=8, threads=1)
        model.fit(sample.known(log, begin_ms))
        found[f"product of {name}"] = _products(model, user, item)
    return found


def _of_sequences(sample: KuaiRand, all_: Exposures, items: Items, now: Ints) -> dict[str, Reals]:
    """Of watches before 25 April: how many and how glad, of the item, its author, the viewer, the viewer and its like.

    What viewers do later is not told of them: a viewer of few exposures who was glad on one day has the others left for
    the next, so that whatever rises with it points the wrong way inside a viewer (uAUC on validation .642 for .666).
    """
    past, user, item = sample.past, all_.log.user[now], all_.log.item[now]
    glad = past.positive.astype(float)
    usual, above = float(glad.mean()), glad - rate(past.item, past.item, glad, float(glad.mean()), PRIOR)
    above = above - rate(past.user, past.user, above, 0.0, FEW)
    found = {
        "item rate in sequences": rate(past.item, item, glad, usual, PRIOR),
        "item watches in sequences": np.log1p(np.bincount(past.item, minlength=sample.items)[item]),
        "author rate in sequences": rate(items.author[past.item], items.author[item], glad, usual, PRIOR),
        "viewer rate in sequences": rate(past.user, user, glad, usual, FEW),
        "viewer watches in sequences": np.log1p(np.bincount(past.user, minlength=sample.users)[user]),
    }
    for name, kind in (("tag", items.tag), ("author", items.author), ("length", items.length), ("kind", items.kind)):
        kinds = int(kind.max()) + 1
        keys = np.concatenate([past.user * kinds + kind[past.item], user * kinds + kind[item]])
        _, key = np.unique(keys, return_inverse=True)
        then, asked = key[: len(past)], key[len(past) :]
        found[f"viewer and {name}"] = rate(then, asked, above, 0.0, FEW)
        found[f"viewer's watches of {name}"] = np.log1p(np.bincount(then, minlength=int(key.max()) + 1)[asked])
    return found


def _products(model: FrequencyScaledALS, user: Ints, item: Ints) -> Reals:
    vectors = model.arrays()
    return np.asarray(np.einsum("rf,rf->r", vectors["users"][user], vectors["items"][item]), np.float64)


def _lift(sample: KuaiRand, begin_ms: int) -> Reals:
    """What recommender.models.forecast foretells of the day, learnt from the day before."""
    then_ms = begin_ms - DAY_MS
    learnt = forecast.learn(
        sample.known(sample.before(then_ms), then_ms), sample.between(then_ms, begin_ms), sample.kind
    )
    return learnt.lift(sample.known(sample.before(begin_ms), begin_ms), sample.kind)
