"""Whether viewers may see an episode now, as the followed catalogue has it: for what is fetched by an address."""

from __future__ import annotations

import math

from domain.audience import Audience, fits
from ingest_api.errors import NotReleased, UnknownEpisode
from ingest_api.events.service import CatalogueSource
from ingest_api.play.errors import MediaUnavailable


def on_view(source: CatalogueSource, drama_id: int, episode_no: int, now_ms: int) -> None:
    """Nothing, where its drama is shown and it is released.

    Raises UnknownEpisode (taken down, say), NotReleased, and MediaUnavailable before there is a catalogue.
    """
    catalogue = source.current
    if not catalogue.shown(drama_id):
        raise MediaUnavailable if math.isinf(source.age_s) else UnknownEpisode
    release_ms = catalogue.release_ms(drama_id, episode_no)
    if now_ms < release_ms:
        raise NotReleased(release_ms)


def for_whom(source: CatalogueSource, drama_id: int, audience: Audience) -> None:
    """Nothing, where the drama may be shown to this audience.  Raises UnknownEpisode."""
    drama = source.current.drama(drama_id)
    if drama is None or not fits(drama, audience):
        raise UnknownEpisode
