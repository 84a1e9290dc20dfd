"""An installation whose media jobs are over, on MySQL, with storage in memory and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from domain.media import names
from domain.media.leftovers import DAY_MS
from domain.media.steps import Kind, Step
from infra.catalogue.importing import import_file
from infra.catalogue.media import publish_media
from infra.media.job import Submission
from infra.media.keys import KeyStore, Sealer
from infra.media.playlists import PlaylistStore
from infra.media.queue import JobQueue
from infra.media.tidy_book import TidyBook
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from media_jobs.tidy import Tidier
from tests.catalogue import a_file, a_line, an_episode
from tests.media_desk import Clock
from tests.memory_storage import MemoryStorage

DRAMA, EPISODES = 7, 3
FIRST, SECOND, THIRD = 64 * "a", 64 * "b", 64 * "c"
SECRET = "tests-secret-of-media-keys-of-32-bytes"
LIFE_MS = 30_000


class Scene:
    """`told` are the records that ClickHouse has; None: all that it is asked for."""

    def __init__(self, fresh: Settings, path: Path) -> None:
        migrate(fresh)
        self.engine, self.clock = engine_of(fresh, pool=8), Clock()
        lines = [an_episode(number, DRAMA, media_path="") for number in range(1, EPISODES + 1)]
        import_file(self.engine, a_file(path / "catalogue.jsonl", a_line(DRAMA, episodes=lines)))
        self.jobs = JobQueue(self.engine, self.clock)
        self.storage = MemoryStorage(lambda: self.clock.now_ms / 1000)
        self.book = TidyBook(self.engine, self.clock)
        self.told: set[str] | None = None
        sealer = Sealer.of(fresh.model_copy(update={"media_key_secret": SecretStr(SECRET)}))
        self.keys, self.playlists = KeyStore(self.engine, sealer, self.clock), PlaylistStore(self.engine, self.clock)
        self.tidier = self.a_tidier()

    def a_tidier(self, storage: Any = None) -> Tidier:
        """Another process's."""
        return Tidier(storage or self.storage, self.book, self._told, self.clock)

    def days(self, days: float) -> None:
        """Time passes."""
        self.clock.pass_ms(days * DAY_MS)

    def submit(self, sha256: str = FIRST, episode_no: int = 1, *, wechat: bool = False, **said: Any) -> int:
        """A job of a file of that content, put into storage first."""
        key = source(sha256, episode_no)
        self.storage.put_bytes(key, b"source", "video/mp4")
        return self.jobs.submit(Submission(Kind.EPISODE, DRAMA, episode_no, key, "剧", wechat, sha256, **said))

    def done(
        self, sha256: str = FIRST, episode_no: int = 1, *, wechat: bool = False, until: Step | None = None, **said: Any
    ) -> int:
        """A job that has done all its steps, or all but `until` and what follows it, and what they leave."""
        job_id = self.submit(sha256, episode_no, wechat=wechat, **said)
        while (leased := self.jobs.lease("a", LIFE_MS, [step for step in Step if step is not until])) is not None:
            self.jobs.finish(leased, {"content_hash": sha256} if leased.step is Step.PROBE else {}, 1)
        self._left(sha256, episode_no)
        if wechat:
            self.storage.put_bytes(names.mezzanine(DRAMA, episode_no, sha256[:12]), b"plain", "video/mp4")
        if until is None:
            self.publish(sha256, episode_no)
        return job_id

    def publish(self, sha256: str, episode_no: int = 1) -> None:
        """The catalogue names this rendition."""
        publish_media(self.engine, DRAMA, episode_no, names.master(DRAMA, episode_no, sha256[:12]), 60_000)

    def plays(self, sha256: str, episode_no: int = 1) -> bool:
        """All files of the rendition are there, its keys and its playlists."""
        its = (DRAMA, episode_no, sha256[:12])
        files = [names.master(*its), names.playlist(*its, "720p"), names.segment(*its, "720p", 0)]
        there = all(self.storage.head(key) for key in files)
        return bool(there and self.keys.key(*its, "720p") and self.playlists.read(names.master(*its)))

    def tidy(self) -> int:
        """Turns until nothing is due; how many."""
        turns = 0
        while self.tidier.turn():
            turns += 1
            assert turns < 50
        return turns

    def below(self, folder: str) -> list[str]:
        """Keys in storage."""
        return self.storage.keys(folder, 1_000)

    def rows(self, table: str) -> int:
        """How many a table has."""
        with self.engine.connect() as connection:
            return int(connection.scalar(sa.text(f"SELECT COUNT(*) FROM {table}")))

    def close(self) -> None:
        self.engine.dispose()

    def _left(self, sha256: str, episode_no: int) -> None:
        its = (DRAMA, episode_no, sha256[:12])
        self.keys.keys_for(*its, ["720p"])
        self.playlists.put({names.master(*its): "#EXTM3U", names.playlist(*its, "720p"): "#EXTM3U"})
        for number in range(3):
            self.storage.put_bytes(names.segment(*its, "720p", number), b"segment", "")
        for key in (names.playlist(*its, "720p"), names.master(*its), names.poster(*its, 0, width=240, kind="jpg")):
            self.storage.put_bytes(key, b"#EXTM3U", "")

    def _told(self, _drama_id: int, _episode_no: int, records: Sequence[str]) -> set[str]:
        return set(records) if self.told is None else self.told


def source(sha256: str, episode_no: int = 1) -> str:
    """Where a file of this content is handed in."""
    return names.incoming(DRAMA, episode_no, f"{sha256[:12]}.mp4")
