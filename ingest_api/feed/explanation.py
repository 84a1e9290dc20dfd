"""The answer of GET /v1/feed/explain, as the OpenAPI document shows it."""

from __future__ import annotations

from pydantic import BaseModel, Field


class PassedOver(BaseModel):
    """A drama whose turn it was, and which a quota kept out of this place."""

    drama_id: int
    source: str
    rule: str = Field(description="category: its category has its share of the page; series: one of it is in the page")


class WhyHere(BaseModel):
    """A place of the page, and how the drama came to it."""

    position: int
    drama_id: int
    title: str
    category: str
    series: str
    source: str
    rank: int | None = Field(description="in its source, 1 is the best; null where it was drawn or seen before")
    trained_rank: int | None = Field(description="in the personal list as it was learnt, before the session moved it")
    lift: float = Field(description="by `people also watched` of what the viewer did of late: rank / (1 + lift)")
    tired: float = Field(description="of its category: rank * 2 ^ tired")
    because_drama_id: int | None = Field(description="the drama that led to it")
    served_before: bool = Field(description="of late: everything else was served, a new round begins")
    propensity: float
    passed_over: list[PassedOver] = Field(description="the first 20 whose turn would have been before it")


class SeedDrama(BaseModel):
    """A drama that the viewer did something with of late, or came by."""

    drama_id: int
    title: str
    strength: float
    related: int = Field(description="how many dramas its `people also watched` holds")


class ShelfSize(BaseModel):
    """What a source had to offer."""

    source: str
    because_drama_id: int | None
    share: float = Field(description="of a page; a source that has run out leaves its places to the first with a share")
    dramas: int
    free: int = Field(description="of them, how many this viewer may be shown now")


class Filtered(BaseModel):
    """How many dramas of the catalogue are not free for this viewer; one may be counted in several."""

    catalogue: int
    not_published: int
    taken_down: int
    not_released: int = Field(description="shown otherwise, and none of their episodes is out")
    region: int
    age: int
    seen: int
    served: int
    cooling: int
    disliked: int = Field(description="of what was touched, served or chosen of late")
    free: int = Field(description="what is left; 0: what was served comes again")


class Explanation(BaseModel):
    """The page that this viewer might get now.  Nothing was served."""

    user_id: int
    arm: str
    version: str | None = Field(description="of the recommendations that are served")
    seed: int = Field(description="send it as `seed` for the same draw")
    region: str
    age_years: int
    newcomer: bool = Field(description="nothing is known of the viewer: the first ten go through the categories")
    random_share: float
    seeds: list[SeedDrama]
    tired: dict[str, float] = Field(description="categories, and how often their quota and rank is halved")
    shelves: list[ShelfSize]
    filtered: Filtered
    places: list[WhyHere]
    degraded: list[str]
