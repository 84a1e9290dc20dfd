"""The API with a book of dramas and a queue on twins, and what staff send it."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from domain.media import names
from domain.media import orders as log_orders
from domain.media.orders import What
from infra.media.drama_desk import DramaDesk
from infra.settings import Settings
from ingest_api.auth import Scope
from ingest_api.media_admin import examples
from ingest_api.media_admin.dramas import DramaAdmin
from ingest_api.media_admin.uploads import uploads_of
from tests.api import Twins, caller
from tests.builders import DRAMA, NOW_MS, OTHER_DRAMA, TICKET_SECRET, a_token
from tests.media_desk import Clock
from tests.memory_dramas import MemoryDramas
from tests.memory_jobs import MemoryJobs
from tests.wechat_builders import a_dossier

DRAMAS = "/v1/admin/media/dramas"
ONE = f"{DRAMAS}/{DRAMA}"
REPLACE = f"{ONE}/episodes/1/replace"
NUMBER = a_dossier(DRAMA).record_number
SOURCE = names.incoming(DRAMA, 1, "new.mp4")
ANNA, BORIS = 41, 42
EVERY_ROUTE = [
    ("GET", DRAMAS, None),
    ("GET", ONE, None),
    ("POST", f"{ONE}/papers", examples.PAPER),
    ("PUT", f"{ONE}/dossier", examples.PAPERS),
    ("PUT", f"{ONE}/record-number", examples.RECORD_NUMBER),
    ("POST", f"{ONE}/tick", examples.RECORD_NUMBER),
    ("POST", f"{ONE}/publish", None),
    ("POST", REPLACE, examples.REPLACEMENT),
]


def dossier_of(drama_id: int = DRAMA, **changes: Any) -> dict[str, Any]:
    """A whole dossier as it is sent."""
    its = msgspec.to_builtins(a_dossier(drama_id, **changes))
    return {name: value for name, value in its.items() if name != "drama_id"}


class Rig:
    """The API with a book of two dramas and a queue."""

    def __init__(self, settings: Settings) -> None:
        self.twins, self.clock = Twins(), Clock()
        self.app = self.twins.app(settings)
        self.jobs, self.book = MemoryJobs(self.clock), MemoryDramas(self.clock, {DRAMA: 3, OTHER_DRAMA: 3})
        self.app.state.drama_admin = DramaAdmin(
            DramaDesk(self.book, self.jobs), self.twins.catalogue, uploads_of(settings, TICKET_SECRET.encode()),
            threads=self.app.state.threads[1], now_ms=lambda: NOW_MS,
        )  # fmt: skip

    async def ask(
        self, method: str, path: str, *, scope: Scope = Scope.ADMIN, who: int = ANNA, **how: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {a_token(who, scope=scope)}"}
        async with caller(self.app) as client:
            return await client.request(method, path, headers=headers, **how)

    async def handed_in(self, **changes: Any) -> None:
        assert (await self.ask("PUT", f"{ONE}/dossier", json=dossier_of(**changes))).status_code == 200

    async def ticked(self) -> None:
        await self.handed_in()
        assert (await self.ask("POST", f"{ONE}/tick", json={"record_number": NUMBER})).status_code == 200

    def ordered(self) -> list[tuple[What, str]]:
        """What is on record: of dramas, then of jobs."""
        of_jobs = [log_orders.decode(record.value) for record in self.jobs.records(100)]
        return [(one.what, one.who) for one in [*self.book.orders, *of_jobs]]
