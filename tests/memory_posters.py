"""The twin of infra.media.poster_desk: one episode of two candidates."""

from __future__ import annotations

from domain.media.orders import By
from infra.catalogue.posters import Candidate, Candidates, NoCandidates, NoSuchCandidate
from tests.builders import DRAMA
from tests.hls_rig import HASH

FOUND = (Candidate(0, 5_000, 91.5), Candidate(1, 61_000, 60.0))


class MemoryPosters:
    """PosterChoice of one episode in memory; `error` is raised instead."""

    def __init__(self) -> None:
        self.chosen: int | None = None
        self.by: By | None = None
        self.error: Exception | None = None

    def candidates(self, drama_id: int, episode_no: int) -> Candidates:
        if self.error:
            raise self.error
        if (drama_id, episode_no) != (DRAMA, 1):
            raise NoCandidates
        return Candidates(HASH, self.chosen or 0, self.chosen is not None, FOUND)

    def choose(self, drama_id: int, episode_no: int, number: int, by: By) -> Candidates:
        if number >= len(self.candidates(drama_id, episode_no).candidates):
            raise NoSuchCandidate("there are candidates 0 to 1")
        self.chosen, self.by = number, by
        return self.candidates(drama_id, episode_no)
