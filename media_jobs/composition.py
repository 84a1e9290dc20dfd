"""The one place where a media worker's parts are made and joined."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import redis
from sqlalchemy.engine import Engine

from domain.media.steps import Step
from infra import logs, metrics
from infra.catalogue.shelf import RedisShelf
from infra.clickhouse.media_told import told
from infra.media.elsewhere import ElsewhereRows
from infra.media.job import Leased
from infra.media.keys import KeyStore, Sealer
from infra.media.playlists import PlaylistStore
from infra.media.port import Jobs
from infra.media.queue import JobQueue
from infra.media.tidy_book import TidyBook
from infra.mysql.engine import engine_of
from infra.place import home
from infra.settings import Settings
from media_jobs import cdn
from media_jobs.catalogue import CatalogueWriter, SealedKeys
from media_jobs.context import Body, Cdn, Keys, Playlists, StepContext
from media_jobs.dropped import Dropped
from media_jobs.engine import Processing, Storage
from media_jobs.engines import processing_of, storage_of
from media_jobs.hold import Hold
from media_jobs.records import KafkaSender, Records
from media_jobs.steps import audit, check, ladder, materials, media_id, mezzanine, probe, pull, replace, store, submit
from media_jobs.steps import cdn as cdn_step
from media_jobs.tidy import Tidier
from media_jobs.wechat.platform import Platform, platform_of
from media_jobs.wechat.upkeep import Upkeep, upkeep_of
from media_jobs.worker import Pace, Worker
from media_jobs.workplace import Workplace

ANSWER_S = 10  # of one statement
POOL = 5  # the loop, the lease's renewals, the records, tidying, cancelled steps; a step's own questions
PROGRAMS = ("ffmpeg", "ffprobe", "setpriv")
MAX_OWNER = 64  # characters of media_steps.owner

log = logs.get(__name__)

OURS: Mapping[Step, Body] = {
    Step.PROBE: probe.run,
    Step.CHECK: check.run,
    Step.LADDER: ladder.run,
    Step.STORE: store.run,
    Step.CDN: cdn_step.run,
    Step.MEZZANINE: mezzanine.run,
}
WECHAT: Mapping[Step, Body] = {
    Step.PULL: pull.run,
    Step.MEDIA_ID: media_id.run,
    Step.MATERIALS: materials.run,
    Step.SUBMIT: submit.run,
    Step.AUDIT: audit.run,
    Step.REPLACE: replace.run,
}


@dataclass(frozen=True)
class Ports:
    """What every step's context has in common."""

    storage: Storage
    processing: Processing
    keys: Keys
    catalogue: CatalogueWriter
    cdn: Cdn
    playlists: Playlists | None
    platform: Platform | None
    random: random.Random = field(default_factory=random.Random)

    def context(self, jobs: Jobs, leased: Leased, work: Path, hold: Hold) -> StepContext:
        """For one run of a step."""
        return StepContext(
            work=work, watch=hold, storage=self.storage, processing=self.processing, keys=self.keys,
            publish=self.catalogue.under(leased), cdn=self.cdn, playlists=self.playlists, platform=self.platform,
            note=partial(jobs.note, leased), now_ms=now_ms, random=self.random,
        )  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """A worker and what goes on beside it; `close` when both have ended."""

    engine: Engine
    redis: redis.Redis
    storage: Storage
    place: Workplace
    worker: Worker
    records: Records
    upkeep: Upkeep | None
    tidier: Tidier
    dropped: Dropped | None  # None where nothing is begun elsewhere

    def close(self) -> None:
        """Connections and folders away."""
        self.place.close()
        self.redis.close()
        self.engine.dispose()


def parts_of(settings: Settings) -> Parts:
    """All of it, by the settings.  Connects when first used.

    Raises Taken (workplace), NoSecret (keys), ValueError saying what to set.
    """
    owner = f"media-{settings.worker_id}"[:MAX_OWNER]
    engine = engine_of(settings, pool=POOL, answer_s=ANSWER_S)
    client = redis.Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=5)
    jobs, ports = JobQueue(engine), _ports(settings, engine, client)
    place = Workplace(Path(settings.media_work) if settings.media_work else home() / "run" / "media-work", owner)
    return Parts(
        engine=engine,
        redis=client,
        storage=ports.storage,
        place=place,
        worker=Worker(jobs, _bodies(ports), partial(ports.context, jobs), place, owner, pace_of(settings)),
        records=Records(jobs, KafkaSender(settings)),
        upkeep=upkeep_of(settings, engine, client, now_ms),
        dropped=Dropped(ElsewhereRows(engine), ports.processing, now_ms) if ports.processing.paid else None,
        tidier=tidier_of(settings, engine, ports.storage),
    )


def tidier_of(settings: Settings, engine: Engine, storage: Storage) -> Tidier:
    """What sees to it that nothing is left for ever."""
    return Tidier(storage, TidyBook(engine), partial(told, settings), now_ms)


def pace_of(settings: Settings) -> Pace:
    """How often, and how much."""
    return Pace(
        poll_s=settings.media_poll_ms / 1000,
        lease_ms=settings.media_lease_ms,
        work_bytes=settings.media_work_mb << 20,
    )


def now_ms() -> int:
    """Unix time in ms."""
    return time.time_ns() // 1_000_000


def _ports(settings: Settings, engine: Engine, client: redis.Redis) -> Ports:
    storage = storage_of(settings)
    return Ports(
        storage=storage,
        processing=processing_of(settings, storage, _extras),
        keys=SealedKeys(KeyStore(engine, Sealer.of(settings), now_ms)),
        catalogue=CatalogueWriter(engine, RedisShelf(client), needs_record=settings.env == "production"),
        cdn=cdn.cdn_of(settings),
        playlists=PlaylistStore(engine, now_ms) if settings.media_engine == "cos" else None,
        platform=platform_of(settings, engine, client, now_ms),
    )


def _extras(count: int) -> None:
    metrics.MEDIA_EXTRAS.labels("ci").inc(count)


def _bodies(ports: Ports) -> Mapping[Step, Body]:
    """The steps that this worker can do; the others wait for a worker that has an account, or ffmpeg."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        log.error("episodes wait for a worker that has them", missing=missing, mend="infra/bootstrap.sh")
    return {**({} if missing else OURS), **(WECHAT if ports.platform else {})}
