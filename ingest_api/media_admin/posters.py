"""Poster candidates of an episode for staff, and the choice among them (infra.media.poster_desk)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from domain.media.orders import By
from infra import logs
from infra.catalogue.posters import Candidate, Candidates
from infra.media.poster_desk import PosterChoice
from ingest_api.events.service import CatalogueSource
from ingest_api.hls.posters import Kind, Picture, Width
from ingest_api.media_admin import examples
from ingest_api.media_admin.asked import by_staff, known_episode
from ingest_api.media_admin.told import told
from ingest_api.media_admin.uploads import Uploads
from ingest_api.threads import Threads

log = logs.get(__name__)


class PictureAnswer(BaseModel):
    """A candidate in one size and form."""

    width: Width
    kind: Kind
    address: str = Field(description="of the image service, for good; while the episode is shown to viewers")
    preview: str = Field(description="an hour, also before viewers may see it; whole, or relative to this API")


class CandidateAnswer(BaseModel):
    """A frame that makes a poster."""

    number: int = Field(description="0 is the sharpest")
    at_ms: int = Field(description="where in the episode it is")
    sharpness: float = Field(description="compares within one episode only")
    pictures: list[PictureAnswer]


class CandidatesAnswer(BaseModel):
    """What there is to choose from, of what the episode plays now."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.CANDIDATES]})

    hash12: str = Field(description="names the rendition")
    chosen: int = Field(description="the candidate that is shown")
    by_people: bool = Field(description="false: nobody chose, it is the sharpest")
    candidates: list[CandidateAnswer]


class PosterAdmin:
    """One a process.  Every call may raise UnknownEpisode, NoCandidates, NoStorage and JobsUnavailable."""

    def __init__(
        self,
        desk: PosterChoice,
        catalogue: CatalogueSource,
        places: Uploads,
        *,
        threads: Threads,
        now_ms: Callable[[], int],
    ) -> None:
        self._desk = desk
        self._catalogue = catalogue
        self._places = places
        self._threads = threads
        self._now_ms = now_ms

    async def candidates(self, drama_id: int, episode_no: int) -> CandidatesAnswer:
        """What there is to choose from."""
        known_episode(self._catalogue.current, drama_id, episode_no)
        found = await self._ask(partial(self._desk.candidates, drama_id, episode_no))
        return self._answer(drama_id, episode_no, found)

    async def choose(self, admin: int, drama_id: int, episode_no: int, number: int) -> CandidatesAnswer:
        """Show this candidate from now on.  Raises Unprocessable: there is none of this number."""
        known_episode(self._catalogue.current, drama_id, episode_no)
        by: By = by_staff(admin)
        found = await self._ask(partial(self._desk.choose, drama_id, episode_no, number, by))
        log.info("a poster was chosen", admin=admin, drama_id=drama_id, episode_no=episode_no, number=number)
        return self._answer(drama_id, episode_no, found)

    def _answer(self, drama_id: int, episode_no: int, found: Candidates) -> CandidatesAnswer:
        its = [self._candidate((drama_id, episode_no, found.hash12), one) for one in found.candidates]
        return CandidatesAnswer(hash12=found.hash12, chosen=found.chosen, by_people=found.by_people, candidates=its)

    def _candidate(self, rendition: tuple[int, int, str], one: Candidate) -> CandidateAnswer:
        pictures = [Picture(*rendition, one.number, width, kind) for width in Width for kind in Kind]
        now_s = self._now_ms() // 1000
        answers = [
            PictureAnswer(
                width=its.width, kind=its.kind, address=its.address, preview=self._places.preview(its.key, now_s)
            )
            for its in pictures
        ]
        return CandidateAnswer(number=one.number, at_ms=one.at_ms, sharpness=one.sharpness, pictures=answers)

    async def _ask(self, call: Callable[[], Candidates]) -> Candidates:
        return await self._threads.run(partial(told, call))
