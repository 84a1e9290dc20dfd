"""What a lease of a media step costs with many jobs queued, and how fast workers go through them.

    python -m bench.media_queue [--jobs 10000] [--workers 4] [--leases 2000]

Runs on the migrated MySQL of the settings (JULIU_MYSQL_URL), in tables that must hold no jobs, and empties them at the
end.  Prints JSON: milliseconds of `lease`, `renew` and `finish`.  A lease may take 50 ms.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from domain.media.steps import Kind, Step
from infra.media.job import JobFilter, Submission
from infra.media.queue import JobQueue
from infra.mysql.engine import engine_of
from infra.settings import load
from tests.media_desk import emptied

LIFE_MS, EPISODES = 60_000, 100
GOAL_MS = 50.0
Times = list[float]


def timed(times: Times, call: Callable[[], Any]) -> Any:
    """What the call answers; its milliseconds go into `times`."""
    began = time.perf_counter()
    done = call()
    times.append(1_000 * (time.perf_counter() - began))
    return done


def submit(queue: JobQueue, jobs: int) -> None:
    """So many episodes, of dramas of EPISODES each."""
    for number in range(jobs):
        drama_id, episode_no = 1 + number // EPISODES, 1 + number % EPISODES
        queue.submit(Submission(Kind.EPISODE, drama_id, episode_no, f"incoming/{number}.mp4", "bench", wechat=True))


def work(queue: JobQueue, name: str, leases: int, steps: Sequence[Step]) -> dict[str, Times]:
    """One worker: lease, renew, finish."""
    queue.lease(name, LIFE_MS, [])  # connects
    times: dict[str, Times] = {"lease": [], "renew": [], "finish": []}
    for _ in range(leases):
        leased = timed(times["lease"], lambda: queue.lease(name, LIFE_MS, steps))
        if leased is None:
            break
        timed(times["renew"], lambda: queue.renew(leased, 500))  # noqa: B023 - called at once
        timed(times["finish"], lambda: queue.finish(leased, {"content_ms": 90_000}, 1_000))  # noqa: B023
    return times


def told(times: Sequence[Times]) -> dict[str, float]:
    """Median, 99th percentile and the longest, ms."""
    every = sorted(value for one in times for value in one)
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: round(every[min(len(every) - 1, int(part * len(every)))], 2) for name, part in at.items()}


def measure(queue: JobQueue, arguments: argparse.Namespace, steps: Sequence[Step]) -> dict[str, Any]:
    """All workers at once, on these steps."""
    began = time.perf_counter()
    with ThreadPoolExecutor(arguments.workers) as pool:
        each = arguments.leases // arguments.workers
        done = list(pool.map(lambda n: work(queue, f"worker-{n}", each, steps), range(arguments.workers)))
    leases = sum(len(one["lease"]) for one in done)
    rate = round(leases / (time.perf_counter() - began))
    return {"leases": leases, "a_second": rate, **{name: told([one[name] for one in done]) for name in done[0]}}


def main() -> int:
    """Print what it costs; 1 where a lease took longer than the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--leases", type=int, default=2_000)
    arguments = parser.parse_args()
    engine = engine_of(load(), pool=arguments.workers)
    queue = JobQueue(engine)
    if queue.jobs(JobFilter(), 0, 1):
        print("there are jobs in this MySQL: the bench takes an empty one", file=sys.stderr)
        return 2
    try:
        submit(queue, arguments.jobs)
        first = measure(queue, arguments, [Step.PROBE])  # a queue of steps that all are due, worked off from its head
        each = measure(queue, arguments, list(Step))
    finally:
        emptied(engine)
    print(json.dumps({"jobs": arguments.jobs, "workers": arguments.workers, "one_step": first, "all_steps": each}))
    return 0 if max(first["lease"]["max"], each["lease"]["max"]) <= GOAL_MS else 1


if __name__ == "__main__":
    raise SystemExit(main())
