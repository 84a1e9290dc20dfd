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


def fold_all(logs: list[list[bytes]], run: int) -> tuple[Counter[str], Counter[str]]:
    """(CPU seconds by stage, what was done) of folding the logs, `run` records at a time."""
    spent, done, clock = Counter(dict.fromkeys(STAGES, 0.0)), Counter[str](), time.process_time
    for p, log in enumerate(logs):
        fold, store = Fold(p, 1), Hashes()
        for at in range(0, len(log), run):
            t0 = clock()
            records = [(at + i, events.decode(raw)) for i, raw in enumerate(log[at : at + run])]
            t1 = clock()
            prepared = fold.prepare(records)
            t2 = clock()
            values = store.read(fold.state.missing)
            t3 = clock()
            fold.state.fill(values)
            t4 = clock()
            runs = fold.effects(prepared)
            t5 = clock()
            blobs = [one.arguments() for one in runs]
            t6 = clock()
            fold.state.trim()
            for stage, seconds in zip(STAGES, (t1 - t0, t2 - t1, t4 - t3, t5 - t4, t6 - t5), strict=True):
                spent[stage] += seconds  # type: ignore[assignment]
            for one, blob in zip(runs, blobs, strict=True):
                store.apply(one)
                done["commands"] += len(one.commands)
                done["bytes"] += len(blob[3])
    return spent, done  # type: ignore[return-value]


def main() -> None:
    """Print one line for each of three rounds."""
    n, run = (int(x) for x in (*sys.argv[1:], *("60000", "1000")[len(sys.argv) - 1 :]))
    logs: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for event in shuffled(Stream(), n):
        logs[partition_of(event.user_id, PARTITIONS)].append(events.encode(event))
    total = sum(map(len, logs))
    gc.freeze()
    gc.set_threshold(50_000, 50, 1_000)
    for _ in range(3):
        spent, done = fold_all(logs, run)
        stages = "  ".join(f"{stage} {1e6 * spent[stage] / total:.2f}" for stage in STAGES)
        whole = sum(spent.values())
        print(f"{1e6 * whole / total:.2f} us/event = {total / whole:,.0f}/CPU-s: {stages};", end=" ")
        print(f"{done['commands'] / total:.2f} commands, {done['bytes'] / total:.0f} bytes an event")


if __name__ == "__main__":
    main()
