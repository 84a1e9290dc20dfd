"""What a fold-in is worth: lists of the training, and lists that know what the viewers did since.

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.fold_in FOLDER [--back 0] [--stale 0] [--hour 12]

FOLDER holds log.parquet and videos.csv of the sample log.  Trained at midnight (Shanghai), `--stale` days before the
last day, which is `--back` days before the log's.  Asked are viewers who watched something between the training and
`--hour` of the last day, and something after it: does their list, without what they have seen by then, begin with
something that they watch then and had not watched before?  Who came after the training had the crowd's list.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.feed_offline import DAY_MS, LENGTH, SHANGHAI_MS, Log, read, snapshot
from recommender.learning.folding import Folding, best
from recommender.learning.model import train
from recommender.learning.snapshot import Cooling, Snapshot
from recommender.learning.weights import WEIGHTS
from recommender.refresh import active

HOUR_MS = 3_600_000
Lists = dict[int, list[int]]
NOBODY = np.zeros(0, np.int64)


def folded(known: Snapshot, folding: Folding, some: list[int]) -> Lists:
    """Lists of these viewers, as the fold-in makes them."""
    kept = np.isin(known.watches.user_id, some)
    of_some = replace(known, watches=type(known.watches)(**{n: c[kept] for n, c in vars(known.watches).items()}))
    viewers = active.of(of_some, (NOBODY, NOBODY), Cooling(NOBODY, NOBODY), WEIGHTS, len(folding.dramas))
    lists = folding.lists(viewers.confidences, viewers.never, viewers.discount)
    return {user: row.tolist() for user, row in zip(viewers.viewers.tolist(), lists, strict=True)}


def by_viewer(log: Log) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for user, drama in zip(log.user.tolist(), log.drama.tolist(), strict=True):
        found.setdefault(user, set()).add(drama)
    return found


def tell(name: str, lists: Lists, seen: dict[int, set[int]], later: dict[int, set[int]], of: list[int]) -> None:
    hits = [bool(later[user] & set([i for i in lists[user] if i not in seen.get(user, ())][:LENGTH])) for user in of]
    print(f"  {name:22} hit@{LENGTH} {np.mean(hits):.4f} +- {1.96 * np.std(hits) / len(hits) ** 0.5:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--back", type=int, default=0)
    parser.add_argument("--stale", type=int, default=0)
    parser.add_argument("--hour", type=int, default=12)
    chosen = parser.parse_args()
    log, _ = read(chosen.folder)
    last = (int(((log.at_ms + SHANGHAI_MS) // DAY_MS).max()) - chosen.back) * DAY_MS - SHANGHAI_MS
    trained, noon, end = last - chosen.stale * DAY_MS, last + chosen.hour * HOUR_MS, last + DAY_MS
    made = train(snapshot(log.where(log.at_ms < trained), trained, WEIGHTS), WEIGHTS)
    assert made.factors is not None
    folding = Folding.of(made.factors, made.vectors)
    since = by_viewer(log.where((log.at_ms >= trained) & (log.at_ms < noon)))
    before = by_viewer(log.where(log.at_ms < noon))
    seen = by_viewer(log.where((log.at_ms < noon) & log.valid))
    after = by_viewer(log.where((log.at_ms >= noon) & (log.at_ms < end)))
    later = {user: after[user] - before[user] for user in sorted(since.keys() & after.keys())}
    now = snapshot(log.where(log.at_ms < noon), noon, WEIGHTS)
    began = time.process_time()
    fresh = folded(now, folding, list(later))
    cost = (time.process_time() - began) / max(1, len(later)) * 1e6
    stale = {user: row[row > 0].tolist() for user, row in zip(made.viewers.tolist(), made.personal, strict=True)}
    crowd = dict.fromkeys(later, best(folding.crowd).tolist())
    for name, some in (
        ("known to the training", [user for user in later if user in stale]),
        ("came since", [user for user in later if user not in stale]),
    ):
        print(f"{name}: {len(some):,} viewers")
        if some:
            tell("list of the training", crowd | stale, seen, later, some)
            tell("folded in", crowd | fresh, seen, later, some)
    print(f"{cost:.0f} us CPU a viewer")


if __name__ == "__main__":
    main()
