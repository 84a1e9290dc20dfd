"""CPU of the pure core by stage: `python -m bench.core [EVENTS] [RECORDS OF A RUN]`.

No servers: the store is a dict, and its time is not counted.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter

from domain import effects, events
from domain.fold import Fold
from domain.topics import partition_of
from tests.stream import Stream, shuffled

PARTITIONS = 4
STAGES = ("decode", "prepare", "fill", "fold", "encode")


class Hashes:
    """The store: as much of it as the fold reads."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, str]] = {}

    def read(self, missing: dict[str, list[str]]) -> list[list[str | None]]:
        """The values of `missing`, through msgpack as they come from Redis."""
        found = [[self.values.get(key, {}).get(field) for field in fields] for key, fields in missing.items()]
        return effects.decode_blob(effects.encode_blob(found))  # type: ignore[no-any-return]

    def apply(self, run: effects.Run) -> None:
        """Take the HSETs of the run."""
        for verb, key, *pairs in run.commands:
            if verb == "HSET":
                self.values.setdefault(key, {}).update(zip(pairs[::2], pairs[1::2], strict=True))


class Stopwatch:
    """CPU seconds of this process by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._at = time.process_time()

    def lap(self, stage: str) -> None:
        """What passed since the last lap belongs to `stage`; to none of STAGES: it does not count."""
        now = time.process_time()
        self.spent[stage] = self.spent.get(stage, 0.0) + now - self._at
        self._at = now


def fold_all(logs: list[list[bytes]], size: int) -> tuple[dict[str, float], Counter[str]]:
    """(CPU seconds by stage, what was done) of folding the logs, `size` records at a time."""
    watch, done = Stopwatch(), Counter[str]()
    for p, log in enumerate(logs):
        fold, store = Fold(p, 1), Hashes()
        for at in range(0, len(log), size):
            for run in fold_one(fold, store, log[at : at + size], at, watch):
                store.apply(run)
                done["commands"] += len(run.commands)
                done["bytes"] += len(run.arguments()[3])
            watch.lap("store")
    return {stage: watch.spent[stage] for stage in STAGES}, done


def fold_one(fold: Fold, store: Hashes, raw: list[bytes], first: int, watch: Stopwatch) -> list[effects.Run]:
    """One run through all stages."""
    records = [(first + i, events.decode(each)) for i, each in enumerate(raw)]
    watch.lap("decode")
    prepared = fold.prepare(records)
    watch.lap("prepare")
    values = store.read(fold.state.missing)
    watch.lap("store")
    fold.state.fill(values)
    watch.lap("fill")
    runs = fold.effects(prepared)
    watch.lap("fold")
    for run in runs:
        run.arguments()
    watch.lap("encode")
    fold.state.trim()
    return runs


def main() -> None:
    """Print one line for each of three rounds."""
    n, size = (int(x) for x in (*sys.argv[1:], *("60000", "1000")[len(sys.argv) - 1 :]))
    logs: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for event in shuffled(Stream(), n):
        logs[partition_of(event.user_id, PARTITIONS)].append(events.encode(event))
    total = sum(map(len, logs))
    gc.freeze()
    gc.set_threshold(50_000, 50, 1_000)
    for _ in range(3):
        spent, done = fold_all(logs, size)
        whole = sum(spent.values())
        stages = "  ".join(f"{stage} {1e6 * seconds / total:.2f}" for stage, seconds in spent.items())
        print(f"{1e6 * whole / total:.2f} us/event = {total / whole:,.0f}/CPU-s: {stages};", end=" ")
        print(f"{done['commands'] / total:.2f} commands, {done['bytes'] / total:.0f} bytes an event")


if __name__ == "__main__":
    main()
