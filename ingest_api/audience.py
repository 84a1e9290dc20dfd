"""What region and age a viewer counts as, and the gate before what they may not be shown.

The token says it (docs/tokens.md); what it leaves open, the settings do.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from domain.audience import Audience, fits
from domain.events import MAX_ID
from infra.settings import Settings
from ingest_api.auth import CurrentViewer, Viewer
from ingest_api.errors import UnknownEpisode
from ingest_api.events.service import CatalogueSource


class Audiences:
    """One a process."""

    def __init__(self, settings: Settings, catalogue: CatalogueSource) -> None:
        self._region, self._age_years = settings.viewer_region, settings.viewer_age
        self._catalogue = catalogue

    def of(self, viewer: Viewer) -> Audience:
        """The viewer's region and age, as far as the token says them."""
        age = self._age_years if viewer.age_years is None else viewer.age_years
        return Audience(viewer.region or self._region, age)

    def bars(self, audience: Audience, drama_id: int) -> bool:
        """Whether the drama is there but not for this audience."""
        drama = self._catalogue.current.drama(drama_id)
        return drama is not None and not fits(drama, audience)


async def _audience(request: Request, viewer: CurrentViewer) -> Audience:
    audiences: Audiences = request.app.state.audiences
    return audiences.of(viewer)


CurrentAudience = Annotated[Audience, Depends(_audience)]


async def for_this_audience(
    request: Request, audience: CurrentAudience, drama_id: Annotated[int, Path(ge=1, lt=MAX_ID)]
) -> None:
    """FastAPI dependency of routes that play or sell.  Raises UnknownEpisode where the drama is not for this viewer."""
    audiences: Audiences = request.app.state.audiences
    if audiences.bars(audience, drama_id):
        raise UnknownEpisode
