"""`juliu stream counters`: the composition root of the counters worker."""

from __future__ import annotations

from infra import logs
from infra.fold_store import RedisFoldStore, connect
from infra.settings import Settings
from streams import dead, runtime
from streams.counting import GROUP, Counters
from streams.log_writer import LogWriter
from streams.merge import Merger


def main(settings: Settings) -> None:
    """Work until SIGTERM; see infra.exits for how else it may end."""
    logs.setup("stream-counters", settings)
    redis, version = connect(settings.redis_url), dead.code_version()
    budget = dead.Budget(redis, GROUP, version)
    letters = LogWriter(settings.kafka, f"juliu-{GROUP}-{settings.worker_id}-dead")
    work = Counters(RedisFoldStore(redis, GROUP), dead.Dead(GROUP, letters, budget, version), settings.partitions)
    merger = Merger(redis, GROUP, settings.partitions)
    runtime.run(settings, work, tasks=[merger.run, budget.run])
