"""Steps of an episode on twins: storage in a dict, an engine that makes small files, and what was told to others."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from domain.media.ladder import Encoded, EncodedRung, Rung
from domain.media.probe import Probe
from domain.media.report import Report
from domain.media.steps import Step
from domain.media.trouble import Later
from infra.media.job import Leased
from media_jobs.composition import OURS
from media_jobs.context import StepContext
from media_jobs.engine import Posters, Stored, Task
from media_jobs.ffmpeg.posters import Poster
from media_jobs.watch import Unwatched, Watch
from tests.memory_jobs import MemoryJobs, an_episode
from tests.memory_storage import MemoryStorage
from tests.videos import a_probe, a_report, a_video

VIDEO = a_video(width=720, height=1280, coded_width=720, coded_height=1280, fps=Fraction(30_000, 1_001))
PROBE = a_probe(VIDEO, size_bytes=1_000, duration_ms=5_000)
REPORT = a_report(decoded_ms=5_000, frames=150)


class Put(MemoryStorage):
    """Keeps the keys in the order they were put."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: list[str] = []

    def put_bytes(self, key: str, body: bytes, content_type: str) -> Stored:
        self.puts.append(key)
        return super().put_bytes(key, body, content_type)


class SmallEngine:
    """Makes `segments` segments a rung; `made` counts, so that each ladder differs from the one before."""

    paid = False

    def __init__(self, storage: Put) -> None:
        self._storage = storage
        self.probed, self.report = PROBE, REPORT
        self.segments, self.made = 3, 0
        self.dropped: list[tuple[int, str, dict[str, Any]]] = []
        self.drops = True
        self.inspected, self.busy, self.taken = 0, 0, 0

    def source(self, task: Task, watch: Watch) -> Path:
        target = task.work / "source.mp4"
        self._storage.fetch(task.source, target, 1 << 30, watch)
        return target

    def probe(self, task: Task, watch: Watch) -> Probe:
        return self.probed

    def inspect(self, task: Task, probe: Probe, watch: Watch) -> Report:
        self.inspected += 1
        return self.report

    def ladder(
        self, task: Task, probe: Probe, report: Report, rungs: Sequence[Rung], *, keys: Mapping[str, bytes],
        watch: Watch,
    ) -> Encoded:  # fmt: skip
        self.made += 1
        for rung in rungs:
            folder = task.work / "hls" / rung.name
            folder.mkdir(parents=True)
            (folder / "index.m3u8").write_text(f"#EXTM3U {self.made}")
            for number in range(self.segments):
                (folder / f"{number:05d}.ts").write_bytes(keys[rung.name] + bytes([self.made, number]))
        (task.work / "hls" / "master.m3u8").write_text("#EXTM3U master")
        watch.progress(1000)
        its = [EncodedRung(rung, 18 * self.segments, self.segments, 900_000, 800_000, "avc1.64001f") for rung in rungs]
        return Encoded(tuple(its), Fraction(30), 5_005, 1.5)

    def mezzanine(self, task: Task, probe: Probe, report: Report, watch: Watch) -> Stored:
        return self._storage.put_bytes(task.mezzanine, b"plain", "video/mp4")

    def drop(self, task: Task, watch: Watch) -> bool:
        self.dropped.append((task.job_id, task.step, dict(task.noted)))
        return self.drops

    def posters(self, task: Task, probe: Probe, watch: Watch) -> Posters:
        if self.busy:
            self.busy -= 1
            raise Later(8.0)
        (task.work / "posters").mkdir()
        (task.work / "posters" / "0-240.webp").write_bytes(b"webp")
        return Posters([Poster(0, 1_000, 12.5, ("0-240.webp",))], self.taken)


class Told:
    """Keys, catalogue and CDN in one: what they were told, in order."""

    def __init__(self) -> None:
        self.purged: list[str] = []
        self.prefetched: list[str] = []
        self.published: list[tuple[int, int, str, int]] = []
        self.playlists: dict[str, str] = {}
        self.prefetch_fails: Exception | None = None

    def keys_for(self, drama_id: int, episode_no: int, hash12: str, rungs: Sequence[str]) -> Mapping[str, bytes]:
        return {rung: f"{rung:<16}".encode() for rung in rungs}

    def purge(self, prefixes: Sequence[str]) -> None:
        self.purged += prefixes

    def prefetch(self, keys: Sequence[str]) -> None:
        if self.prefetch_fails:
            raise self.prefetch_fails
        self.prefetched += keys

    def put(self, texts: Mapping[str, str]) -> None:
        self.playlists |= texts

    def publish(self, drama_id: int, episode_no: int, media_path: str, duration_ms: int) -> None:
        self.published.append((drama_id, episode_no, media_path, duration_ms))


class Scene:
    """One episode in a queue; each step is run by hand, in a fresh folder below `root`."""

    def __init__(self, root: Path, **fields: Any) -> None:
        self.now_ms = 1_000_000
        self.jobs, self.storage, self.told = MemoryJobs(lambda: self.now_ms), Put(), Told()
        self.engine = SmallEngine(self.storage)
        self.object_storage = False
        self._root, self._runs = root, 0
        what = an_episode(**{"wechat": True, **fields})
        self.job_id = self.jobs.submit(what)
        self.storage.put_bytes(what.source, b"a source", "video/mp4")
        self.storage.puts.clear()

    def lease(self, step: Step) -> Leased:
        leased = self.jobs.lease("a", 60_000, [step])
        assert leased is not None, f"{step} is not due"
        return leased

    def run(self, step: Step, leased: Leased | None = None) -> Mapping[str, Any]:
        """The step, not finished: its facts."""
        leased = leased or self.lease(step)
        self._runs += 1
        work = self._root / str(self._runs)
        work.mkdir()
        context = StepContext(
            work=work, watch=Unwatched(), storage=self.storage, processing=self.engine, keys=self.told,
            publish=self.told.publish, cdn=self.told, playlists=self.told if self.object_storage else None,
            platform=None, note=lambda facts: self.jobs.note(leased, facts), now_ms=lambda: self.now_ms,
            random=random.Random(0),
        )  # fmt: skip
        facts: Mapping[str, Any] = OURS[step](context, leased)
        return facts

    def done(self, *steps: Step) -> Mapping[str, Any]:
        """Run these and finish them; the facts of the last."""
        facts: Mapping[str, Any] = {}
        for step in steps:
            leased = self.lease(step)
            facts = self.run(step, leased)
            self.jobs.finish(leased, facts, 1)
        return facts
