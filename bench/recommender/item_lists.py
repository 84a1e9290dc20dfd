"""“People also watched” on the sample log: is the next positive of the session in the list of the seed?

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.item_lists FOLDER [--block test] [--only NAME ...]

FOLDER holds log.parquet, sequences.parquet and videos.csv.  Lists are made of everything before the block: validation
is 25-30 April, test 1-8 May (look once), published what papers report: lists of `sequences`, the whole log.
recommender.evaluation.item_lists says what is counted.  `±` is half of a 95 % interval, drawn over viewers.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from bench.recommender import kuairand
from bench.recommender.kuairand import KuaiRand
from recommender.evaluation.interval import drawn, interval
from recommender.evaluation.item_lists import ItemListNumbers, measure
from recommender.interactions import Floats, Interactions, Ints, Known
from recommender.learning.weights import WEIGHTS
from recommender.models.als import ImplicitALS
from recommender.models.ease import Ease
from recommender.models.fsals import FrequencyScaledALS
from recommender.models.lists import NAMES, ItemLists
from recommender.models.model import Model
from recommender.models.popularity import Popularity

HEAD: Final = f"{'list':24} {'hit@10':>15} {'IPS':>15} {'MRR':>7} {'coverage':>9} {'hub':>6} {'CPU-s':>6}"


class Alike(ImplicitALS):
    """ALS with the list that most take: the cosine of item vectors."""

    def related(self, items: Ints) -> Floats:
        vectors = np.asarray(self.arrays()["items"])
        directions = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        found: Floats = np.maximum(directions[items] @ directions.T, 0).astype(np.float32)
        found[np.arange(len(items)), items] = 0
        return found


def models(tag: Ints) -> Mapping[str, Callable[[], Model]]:
    """What is compared, by name; one thread each, so that CPU-seconds compare."""

    def fsals() -> FrequencyScaledALS:
        return FrequencyScaledALS(threads=1)

    def as_the_job() -> FrequencyScaledALS:
        return FrequencyScaledALS(
            factors=WEIGHTS.factors, iterations=WEIGHTS.iterations, unseen=WEIGHTS.frequency_unseen,
            regularization=WEIGHTS.frequency_regularization, threads=1,
        )  # fmt: skip

    def part(name: str) -> Callable[[], Model]:
        return lambda: ItemLists(parts={name: 1.0}, hub=1.0, factors=fsals)

    singles = {f"only {name}": part(name) for name in NAMES}
    return {
        "popularity": Popularity,
        "als similar items": lambda: Alike(threads=1),
        "ease": lambda: Ease(threads=1),
        "edlae": lambda: Ease(regularization=200.0, dropout=0.3, threads=1),
        **singles,
        "lists, no cap": lambda: ItemLists(factors=fsals, hub=1.0),
        "lists": lambda: ItemLists(factors=fsals),
        "as the job has them": lambda: ItemLists(
            parts={"cosine": WEIGHTS.also_together, "folded": WEIGHTS.also_folded, "alike": WEIGHTS.also_alike},
            shrink=WEIGHTS.shrink,
            most=WEIGHTS.pair_dramas,
            hub=WEIGHTS.hub_share,
            factors=as_the_job,
        ),
        "lists, tags for few": lambda: ItemLists(factors=fsals, tags=tag),
    }


def tags(folder: Path) -> Ints:
    """The first tag of each item, as a number."""
    with (folder / "videos.csv").open(encoding="utf-8", newline="") as file:
        first = [line["tag"].split(",")[0] for line in csv.DictReader(file)]
    return np.unique(first, return_inverse=True)[1]


def block(sample: KuaiRand, name: str) -> tuple[Known, Interactions]:
    """What lists are made of, and what they are measured on."""
    after, before = {
        "validation": (kuairand.PAST_UNTIL_MS, kuairand.TEST_FROM_MS),
        "test": (kuairand.TEST_FROM_MS, 2**62),
        "published": (0, 2**62),
    }[name]
    learnt = sample.past if name == "published" else sample.before(after)
    return sample.known(learnt, after or kuairand.PAST_UNTIL_MS), sample.between(after, before)


def half_intervals(found: ItemListNumbers) -> tuple[float, float]:
    """Half the 95 % intervals of hit@10 and IPS-hit@10."""
    _, row = np.unique(found.user, return_inverse=True)
    columns = (found.hit, np.ones(len(row)), found.hit * found.worth, found.worth)
    hit, asked, worthy, worth = (np.bincount(row, column) for column in columns)
    low_high = interval(drawn(np.stack([hit, worthy], 1), np.stack([asked, worth], 1), seed=1))
    one, other = ((high - low) / 2 for low, high in (each or (0.0, 0.0) for each in low_high))
    return one, other


def row(name: str, found: ItemListNumbers, cpu_s: float) -> str:
    one, other = half_intervals(found)
    return (
        f"{name:24} {found.hit_rate:8.4f} ±{one:.4f} {found.ips_hit_rate:8.4f} ±{other:.4f} {found.mrr:7.4f} "
        f"{found.coverage:9.3f} {found.hub:6.3f} {cpu_s:6.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--block", choices=("validation", "test", "published"), default="validation")
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    sample = kuairand.read(options.folder)
    known, asked = block(sample, options.block)
    print(HEAD)
    for name, make in models(tags(options.folder)).items():
        if options.only and name not in options.only:
            continue
        model, began = make(), time.process_time()
        model.fit(known)
        cpu_s = time.process_time() - began
        print(row(name, measure(model, known, asked), cpu_s), flush=True)


if __name__ == "__main__":
    main()
