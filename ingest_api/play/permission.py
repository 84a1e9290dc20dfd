"""What lets a viewer play an episode that is open to them: an address of its video, and a ticket.

An episode with an encrypted rendition is played at its master playlist, under a grant; any other as a file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from domain import media_address, tickets
from domain.audience import Audience
from domain.media import grant
from domain.media.grant import Grant
from domain.media_address import GRID_MS, Address
from domain.tickets import Ticket
from ingest_api.errors import CatalogueUnavailable, NotReleased, UnknownEpisode
from ingest_api.events.service import CatalogueSource

PATH = "/v1/media/{drama_id}/{episode_no}"
MASTER = "/v1/hls/{grant}/master.m3u8"


class Opened(NamedTuple):
    """How to play an episode; times in Unix ms."""

    address: str
    address_expires_ms: int
    ticket: str
    ticket_expires_ms: int


class Permission:
    """Writes addresses and tickets.  Who calls it knows that the episode is open to the viewer.

    That it is shown and released is asked here once more, at the one place that addresses come from.
    """

    def __init__(
        self,
        secrets: Sequence[bytes],
        catalogue: CatalogueSource,
        now_ms: Callable[[], int],
        *,
        ticket_life_ms: int,
        address_life_ms: int,
        grant_life_ms: int = grant.LONGEST_MS,
    ) -> None:
        self._secret = secrets[0]
        self._catalogue = catalogue
        self._now_ms = now_ms
        self._ticket_life_ms = ticket_life_ms
        self._address_life_ms = address_life_ms
        self._grant_life_ms = grant_life_ms

    async def open(
        self, user_id: int, drama_id: int, episode_no: int, audience: Audience, until_ms: int = 0
    ) -> Opened:  # fmt: skip
        """For the lives that were set, but not past `until_ms` (0: no end).  Equal within the grid.

        A ticket and a file's address live up to a step of the grid longer, a grant up to a step shorter.

        Raises CatalogueUnavailable where the catalogue that is followed does not have the episode (yet), NotReleased,
        UnknownEpisode where its drama is not shown.
        """
        catalogue = self._catalogue.current
        duration_ms, release_ms = (
            catalogue.duration_ms(drama_id, episode_no),
            catalogue.release_ms(drama_id, episode_no),
        )
        if duration_ms is None:
            raise CatalogueUnavailable
        if not catalogue.shown(drama_id):
            raise UnknownEpisode
        if self._now_ms() < release_ms:
            raise NotReleased(release_ms)
        now_ms, episode = self._now_ms(), (user_id, drama_id, episode_no)
        address, expires_ms = self._address(episode, audience, now_ms, until_ms)
        issued_ms = media_address.grid_before(now_ms)
        ends_ms = _not_past(until_ms, issued_ms + self._ticket_life_ms + GRID_MS)
        ticket = Ticket(*episode, duration_ms, issued_ms, max(0, ends_ms - issued_ms))
        return Opened(address, expires_ms, tickets.make(self._secret, ticket), ticket.expires_ms)

    def _address(
        self, episode: tuple[int, int, int], audience: Audience, now_ms: int, until_ms: int
    ) -> tuple[str, int]:
        """Where the viewer gets the episode, and until when."""
        _, drama_id, episode_no = episode
        if hash12 := self._catalogue.current.rendition(drama_id, episode_no):
            expires_ms = _not_past(until_ms, media_address.grid_before(now_ms + self._grant_life_ms))
            given = Grant(*episode, hash12, expires_ms, audience)
            return MASTER.format(grant=grant.make(self._secret, given)), expires_ms
        expires_ms = _not_past(until_ms, media_address.grid_after(now_ms + self._address_life_ms))
        return self._file(Address(*episode, expires_ms, audience)), expires_ms

    def _file(self, address: Address) -> str:
        query = {"user": address.user_id, "expires": address.expires_ms, **address.audience._asdict()}
        signature = media_address.sign(self._secret, address)
        path = PATH.format(drama_id=address.drama_id, episode_no=address.episode_no)
        return f"{path}?{urlencode({**query, 'signature': signature})}"


def _not_past(until_ms: int, at_ms: int) -> int:
    return min(at_ms, until_ms) if until_ms else at_ms
