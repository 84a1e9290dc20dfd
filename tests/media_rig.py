"""Media workers as processes on real servers: what they are given, what is done to them, and the account at the end."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import redis
import sqlalchemy as sa
from confluent_kafka import Consumer, TopicPartition
from pydantic import SecretStr

from domain.media import names
from domain.media.orders import is_order
from domain.media.record import StepEnded, decode
from domain.media.steps import JobState, Kind, Step, steps_of
from domain.topics import MEDIA
from infra.catalogue.importing import import_file
from infra.catalogue.publish import publish
from infra.catalogue.shelf import RedisShelf
from infra.media.job import JobFilter, JobView, Submission
from infra.media.keys import KeyStore, Sealer
from infra.media.queue import JobQueue
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate as migrate_mysql
from infra.settings import Settings
from media_jobs.engines import storage_of
from media_jobs.watch import Unwatched
from tests.builders import TICKET_SECRET
from tests.catalogue import a_file, a_line, an_episode
from tests.fold_worker import Worker
from tests.redis_server import until
from tests.videos import a_clip

DRAMA, TITLE = 7, "钓鱼小渔"
CODE = "from media_jobs.main import run_worker; from infra.settings import load; run_worker(load())"
LEASE_MS = 1_500
FINISHED_S = 240.0
KEY_SECRET = "0123456789abcdef-media-keys-of-tests"


def clip(path: Path, seconds: float = 1.2, size: str = "180x320", number: int = 0) -> Path:
    """A moving picture with a tone; another `number`, another content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return a_clip(path, seconds=seconds, size=size, sound=f"sine=f={300 + 20 * number}")


class Rig:
    """A migrated, empty installation with one drama of `episodes`; close() ends the workers.

    `env` is what the processes are given besides; `mysql_port`: they reach MySQL there; `module` is run in their place.
    """

    def __init__(
        self,
        fresh: Settings,
        out: Path,
        episodes: int,
        *,
        wechat: bool = False,
        mysql_port: int = 0,
        module: str = "",
        **env: str,
    ) -> None:
        self._code = f"from {module} import main; main()" if module else CODE
        self.out, self.episodes, self.wechat, self.workers = out, episodes, wechat, list[Worker]()
        self.settings = fresh.model_copy(
            update={
                "media_root": str(out / "media"), "ticket_secret": SecretStr(TICKET_SECRET),
                "media_key_secret": SecretStr(KEY_SECRET),
                **{name.removeprefix("JULIU_").lower(): _secret(name, value) for name, value in env.items()},
            }
        )  # fmt: skip
        migrate_mysql(self.settings)
        self.engine = engine_of(self.settings)
        self.jobs, self.storage = JobQueue(self.engine), storage_of(self.settings)
        self.storage.prepare()
        self._env = self._environment(mysql_port) | env
        self._begin = self._end()
        lines = a_line(DRAMA, title=TITLE, episodes=[an_episode(no, media_path="") for no in range(1, episodes + 1)])
        import_file(self.engine, a_file(out / "catalogue.jsonl", lines))
        with redis.Redis.from_url(self.settings.redis_url) as client:
            publish(self.engine, RedisShelf(client))

    def submit(self, episode_no: int, source: Path | None = None) -> int:
        """The episode's own clip, or another file."""
        path = source or clip(self.out / "clips" / f"{episode_no}.mp4", number=episode_no)
        key = names.incoming(DRAMA, episode_no, path.name)
        until(lambda: self._put(key, path), 60, "the storage takes it")
        title = f"{TITLE} - 第{episode_no}集"
        return self.jobs.submit(Submission(Kind.EPISODE, DRAMA, episode_no, key, title, wechat=self.wechat))

    def worker(self, fail_at: str = "", member: str = "1", **env: str) -> Worker:
        """A worker; `fail_at` is where it dies (infra.failpoints)."""
        given = {**self._env, "JULIU_WORKER_ID": member, "FAIL_AT": fail_at, **env}
        out = self.out / f"worker-{len(self.workers)}.log"
        self.workers.append(Worker(self.settings, self.settings.redis_url, out, self._code, **given))
        return self.workers[-1]

    def active(self) -> list[JobView]:
        """Jobs that have not ended."""
        return list(self.jobs.jobs(JobFilter(state=JobState.ACTIVE), 0, 200))

    def up(self, worker: Worker) -> float:
        """When the worker was first seen to be there, or dead (monotonic, s)."""
        until(lambda: worker.process.poll() is not None or worker.ask("/livez")[0], 60, "it is up")
        return time.monotonic()

    def done(self) -> list[JobView]:
        """Jobs that have ended well."""
        return list(self.jobs.jobs(JobFilter(state=JobState.DONE), 0, 200))

    def finished(self, seconds: float = FINISHED_S, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait until every job has ended, and every record is in the log; `meanwhile` is done again and again."""

        def ended() -> bool:
            meanwhile()
            assert time.monotonic() < ends, f"not all jobs end\n{self.said()}"
            return not self.active()

        ends = time.monotonic() + seconds
        until(ended, 2 * seconds, "all jobs end")
        until(lambda: not self.jobs.records(1), 30, "all records are sent")

    def said(self) -> str:
        """The end of what the workers logged, and how the steps stand."""
        steps = [
            f"{view.job.job_id} {row.step} {row.state} {row.attempt} {row.reason} {row.text}"
            for view in self.jobs.jobs(JobFilter(), 0, 200)
            for row in view.steps
        ]
        return "\n".join(steps) + "".join(worker.out.read_text()[-3_000:] for worker in self.workers[-2:])

    def told(self) -> list[StepEnded]:
        """Ends of steps in juliu.media since the rig began, copies left out."""
        found: dict[str, StepEnded] = {}
        consumer = Consumer({"bootstrap.servers": self.settings.kafka, "group.id": "media-rig"})
        consumer.assign([TopicPartition(MEDIA.name, 0, self._begin)])
        at, end = self._begin, self._end()
        deadline = time.monotonic() + 60
        while at < end and time.monotonic() < deadline:
            for message in consumer.consume(500, 0.2):
                at = message.offset() + 1
                if not is_order(message.value()):
                    record = decode(message.value())
                    found.setdefault(record.record_id, record)
        consumer.close()
        assert at >= end
        return list(found.values())

    # -- the account ---------------------------------------------------------------------------------------------------

    def every_episode_plays_once(self, numbers: Sequence[int]) -> None:
        """Each is published, its files are those of one rendition, whole, and every rung plays with its key."""
        by_no = {view.job.episode_no: view for view in self.done()}
        assert sorted(by_no) == sorted(numbers), self.said()
        for episode_no in numbers:
            its = self.plays(by_no[episode_no])
            assert set(self.storage.keys(f"hls/{DRAMA}/{episode_no}/", 10_000)) == its

    def every_step_is_told_once(self) -> None:
        """For each step of what ended well one record that it was done, whatever else was told of it."""
        done = Counter((record.job_id, record.step) for record in self.told() if record.outcome == "done")
        views = self.done()
        wanted = {(view.job.job_id, step.value) for view in views for step in steps_of(view.job.kind, view.job.wechat)}
        told = {where: count for where, count in done.items() if where not in wanted or count != 1}
        assert (told, wanted - done.keys()) == ({}, set()), f"{told} {wanted - done.keys()}"

    def nothing_is_left(self) -> None:
        """No child of a worker lives on, and after an orderly stop its folder is empty."""
        last = self.workers[-1]
        assert last.process.poll() is not None or last.stop() == 0, self.said()
        work = self.out / "work"
        assert [path for path in work.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
        assert [found for found in psutil.process_iter(["cmdline"]) if _mentions(found, str(work))] == []

    def plays(self, view: JobView) -> set[str]:
        """The catalogue names what the job made, all of it is there, and every rung plays with its key; its keys."""
        job, hash12 = view.job, names.hash12(view.job.content_hash)
        facts = next(row.facts for row in view.steps if row.step is Step.LADDER)
        with self.engine.connect() as connection:
            path = connection.scalar(
                sa.text("SELECT media_path FROM episodes WHERE drama_id = :d AND episode_no = :n"),
                {"d": DRAMA, "n": job.episode_no},
            )
        assert path == names.master(DRAMA, job.episode_no, hash12)
        folder = names.hls(DRAMA, job.episode_no, hash12)
        there = set(self.storage.keys(f"{folder}/", 10_000))
        rungs = [one["rung"]["name"] for one in facts["rungs"]]
        expected = {names.master(DRAMA, job.episode_no, hash12)}
        for one in facts["rungs"]:
            expected |= {names.playlist(DRAMA, job.episode_no, hash12, one["rung"]["name"])}
            expected |= {f"{folder}/{one['rung']['name']}/{number:05d}.ts" for number in range(one["segments"])}
        assert there == expected
        keys = KeyStore(self.engine, Sealer.of(self.settings), lambda: 0).keys_for(DRAMA, job.episode_no, hash12, rungs)
        for rung in rungs:
            assert self._frames(there, folder, rung, keys[rung]) > 5
        return expected

    def _frames(self, there: set[str], folder: str, rung: str, key: bytes) -> int:
        """Frames that come out of the encrypted rung, as a player with the key sees it."""
        target = self.out / "played" / folder / rung
        target.mkdir(parents=True, exist_ok=True)
        for name in (name for name in there if name.startswith(f"{folder}/{rung}/")):
            file = target / name.rpartition("/")[2]
            file.unlink(missing_ok=True)
            until(lambda name=name, file=file: self._fetch(name, file), 60, "the storage gives it")
        (target / "key").write_bytes(key)
        done = subprocess.run(
            ["ffmpeg", "-v", "error", "-allowed_extensions", "ALL", "-protocol_whitelist", "file,crypto,data",
             "-i", str(target / "index.m3u8"), "-map", "0:v", "-f", "framecrc", "-"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert done.stderr == ""
        return sum(1 for line in done.stdout.splitlines() if not line.startswith("#"))

    def _fetch(self, key: str, target: Path) -> bool:
        try:
            self.storage.fetch(key, target, 1 << 30, Unwatched())
        except Exception:  # a stand-in fails at random; the deadline decides
            return False
        return True

    def _put(self, key: str, path: Path) -> bool:
        try:
            self.storage.put(key, path, "video/mp4", Unwatched())
        except Exception:
            return False
        return True

    def close(self) -> None:
        """Whatever became of it."""
        for worker in self.workers:
            worker.close()
        self.engine.dispose()

    def _environment(self, mysql_port: int) -> dict[str, str]:
        url = sa.make_url(self.settings.mysql_url.get_secret_value())
        url = url.set(port=mysql_port or url.port)
        return {
            "JULIU_MYSQL_URL": url.render_as_string(hide_password=False),
            "JULIU_MEDIA_ROOT": self.settings.media_root, "JULIU_MEDIA_KEY_SECRET": KEY_SECRET,
            "JULIU_TICKET_SECRET": TICKET_SECRET, "JULIU_MEDIA_WORK": str(self.out / "work"),
            "JULIU_MEDIA_LEASE_MS": str(LEASE_MS), "JULIU_MEDIA_POLL_MS": "50",
        }  # fmt: skip

    def _end(self) -> int:
        consumer = Consumer({"bootstrap.servers": self.settings.kafka, "group.id": "media-rig"})
        try:
            return int(consumer.get_watermark_offsets(TopicPartition(MEDIA.name, 0), 30)[1])
        finally:
            consumer.close()


def _secret(name: str, value: str) -> Any:
    return SecretStr(value) if "SECRET" in name else value


def _mentions(process: psutil.Process, word: str) -> bool:
    return any(word in part for part in process.info["cmdline"] or ())
