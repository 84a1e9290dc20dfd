"""What a viewer did a moment ago, for the next page: which dramas led on, and which categories they are tired of.

Pure; read at each opening, so that a finish, a like, a "not interested" or an unlock changes the very next page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from domain import bitmap
from domain.catalogue import Catalogue, Drama
from domain.playback import COMPLETE_PERMILLE
from domain.registers import Register
from domain.shelf import Viewed
from domain.stock import Stock

LOOKED_AT = 10  # dramas that a viewer touched last
MOST_SEEDS = 4  # of them, whose "people also watched" moves the personal list
VALID, FINISHED, LIKED, FOLLOWED, UNLOCKED = 1.0, 1.0, 1.0, 1.0, 2.0  # strengths; they add up
FAR = 3  # an episode with this number is reached by who wants to know how it goes on: as good as finished
FADES = 0.7  # a drama's strength for each drama that was touched after it
DISLIKED, LEFT, MOST_TIRED = 1.0, 0.05, 2.0  # halvings of a category's places
RISES = 0.25  # by how much the first of a seed's list, at strength 1, divides its place in the personal list


class Trace(NamedTuple):
    """One of the dramas that a viewer touched last, and what their hash tells of it."""

    drama_id: int
    at_ms: int
    progress: Register | None = None  # (episode_no, position_ms)
    liked: bool = False
    followed: bool = False
    disliked: bool = False
    unlocked: bool = False


class Seed(NamedTuple):
    """A drama that led on: its dense index, and how much."""

    drama_index: int
    strength: float


class Session(NamedTuple):
    """What counts for the next page: seeds, the strongest first, at most MOST_SEEDS; categories tired of."""

    seeds: Sequence[Seed] = ()
    tired: Mapping[str, float] = {}


def session_of(traces: Sequence[Trace], disliked: Iterable[int], viewed: Viewed, stock: Stock) -> Session:
    """What the traces come to, the latest first; `disliked` are ids of other dramas that the viewer dislikes.

    A drama that this viewer may not be shown is no seed: its title would be the reason.
    """
    seeds: dict[int, float] = {}
    tired: dict[str, float] = {}
    for age, trace in enumerate(traces[:LOOKED_AT]):
        drama = stock.catalogue.drama(trace.drama_id)
        if drama is None:
            continue
        strength = strength_of(trace, drama, bitmap.has(viewed.seen, drama.index))
        if strength > 0 and stock.may_show(drama.index, viewed.audience):
            seeds[drama.index] = strength * FADES**age
        _tire(tired, drama.category, 0.0 if trace.disliked else -LEFT if strength else LEFT)
    dislikes = {*disliked, *(trace.drama_id for trace in traces if trace.disliked)}
    _dislike(tired, dislikes, stock.catalogue)
    first = sorted(seeds.items(), key=lambda seed: -seed[1])[:MOST_SEEDS]
    return Session([Seed(*seed) for seed in first], {name: min(MOST_TIRED, by) for name, by in tired.items() if by > 0})


def strength_of(trace: Trace, drama: Drama, seen: bool) -> float:
    """How much the drama led on; 0 for one that was left at once or is disliked.  `seen`: it had a valid play."""
    if trace.disliked:
        return 0.0
    liking = LIKED * trace.liked + FOLLOWED * trace.followed + UNLOCKED * trace.unlocked
    if not seen:
        return liking
    return VALID + liking + FINISHED * _went_on(trace.progress, drama)


def lift_of(related: Mapping[int, Sequence[int]], seeds: Iterable[Seed]) -> dict[int, float]:
    """How much each drama is lifted that stands in "people also watched" (best first) of the seeds."""
    lift: dict[int, float] = {}
    for index, strength in seeds:
        others = related.get(index, ())
        at_most, step = RISES * strength, RISES * strength / (len(others) or 1)
        for place, other in enumerate(others):
            lift[other] = lift.get(other, 0.0) + at_most - step * place
    return lift


def rerank(
    personal: Sequence[int], lift: Mapping[int, float], tired: Mapping[str, float], stock: Stock
) -> Sequence[int]:
    """The personal list in the order for now.

    A place p (from 1) becomes p * 2 ** tired / (1 + lift), so that what stands first moves least in places.
    """
    if not lift and not tired:
        return personal
    category, get = stock.category_of, lift.get
    if tired:
        slower = {name: 2.0**by for name, by in tired.items()}
        place = [p * slower.get(category(index), 1.0) / (1.0 + get(index, 0.0)) for p, index in enumerate(personal, 1)]
    else:
        place = [p / (1.0 + get(index, 0.0)) for p, index in enumerate(personal, 1)]
    return [personal[at] for at in sorted(range(len(personal)), key=place.__getitem__)]


def _went_on(progress: Register | None, drama: Drama) -> bool:
    """Whether they watched it to its end, or far into it."""
    if progress is None or not drama.durations:
        return False
    episode_no, position_ms = progress[1]
    at_the_end = episode_no >= drama.episodes and position_ms * 1000 >= drama.durations[-1] * COMPLETE_PERMILLE
    return at_the_end or episode_no >= FAR


def _tire(tired: dict[str, float], category: str, by: float) -> None:
    tired[category] = tired.get(category, 0.0) + by


def _dislike(tired: dict[str, float], drama_ids: Iterable[int], catalogue: Catalogue) -> None:
    """A dislike tires of its category, whatever else of it was watched."""
    for drama in map(catalogue.drama, drama_ids):
        if drama is not None:
            tired[drama.category] = max(0.0, tired.get(drama.category, 0.0)) + DISLIKED
