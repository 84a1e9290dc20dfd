"""Who asks, and whether there is what is asked for."""

from __future__ import annotations

from domain.catalogue import Catalogue, Drama
from domain.media.orders import By, Surface
from ingest_api.errors import UnknownDrama, UnknownEpisode


def by_staff(admin: int) -> By:
    """Who orders, for the record."""
    return By(Surface.API, str(admin))


def known_drama(catalogue: Catalogue, drama_id: int) -> Drama:
    """The drama, shown or not.  Raises UnknownDrama."""
    if (drama := catalogue.drama(drama_id)) is None:
        raise UnknownDrama
    return drama


def known_episode(catalogue: Catalogue, drama_id: int, episode_no: int) -> Drama:
    """Its drama: what the catalogue does not have would be made for hours and find no place.  Raises UnknownEpisode."""
    drama = catalogue.drama(drama_id)
    if drama is None or episode_no > drama.episodes:
        raise UnknownEpisode
    return drama
