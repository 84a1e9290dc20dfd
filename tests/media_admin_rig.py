"""The API with a queue of media jobs on a desk, for staff and CI."""

from __future__ import annotations

from typing import Any

import httpx
from pydantic import SecretStr

from domain.media import names
from infra.settings import Settings
from ingest_api.auth import Scope
from ingest_api.media_admin.service import MediaAdmin
from ingest_api.media_admin.uploads import uploads_of
from tests.api import Twins, caller
from tests.builders import DRAMA, NOW_MS, TICKET_SECRET, a_token
from tests.media_desk import Clock
from tests.memory_jobs import MemoryJobs

JOBS = "/v1/admin/media/jobs"
UPLOADS = "/v1/admin/media/uploads"
SECRET = "a-word-that-nobody-guesses-0123456789"
SOURCE = names.incoming(DRAMA, 1, "one.mp4")
NEW = {"kind": "episode", "drama_id": DRAMA, "episode_no": 1, "source": SOURCE, "title": "剧名 - 第1集"}
BUCKET = {
    "media_engine": "cos", "cos_bucket": "media-1250000000", "cos_region": "ap-shanghai",
    "cos_secret_id": SecretStr("id"), "cos_secret_key": SecretStr("key"),
}  # fmt: skip


class Rig:
    """The API with a queue on a desk."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.model_copy(update={"ci_callback_url": f"https://api.example/v1/callbacks/{SECRET}"})
        self.twins = Twins()
        self.app = self.twins.app(self.settings)
        self.clock = Clock()
        self.jobs = MemoryJobs(self.clock)
        self.app.state.media_admin = MediaAdmin(
            self.jobs, self.twins.catalogue, uploads_of(self.settings, TICKET_SECRET.encode()),
            threads=self.app.state.threads[1], now_ms=lambda: NOW_MS,
        )  # fmt: skip

    async def ask(self, method: str, path: str, scope: Scope = Scope.ADMIN, **how: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {a_token(scope=scope)}"}
        async with caller(self.app) as client:
            return await client.request(method, path, headers=headers, **how)

    async def submit(self, **changes: Any) -> httpx.Response:
        return await self.ask("POST", JOBS, json=NEW | changes)
