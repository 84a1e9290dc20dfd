"""What must not be published: nothing, nonsense, or far less than before."""

from __future__ import annotations

from recommender.errors import Refused
from recommender.learning.model import Recommendations

LEAST_SHARE = 0.5  # of the viewers, and of the dramas, of the version that is served


def check(made: Recommendations, viewers_before: int, dramas_before: int) -> None:
    """Raises Refused for what no viewer should be served.  The numbers before are of the version served, 0 for none."""
    if not made.whole:
        raise Refused("a score is not a number")
    if not len(made.viewers):
        raise Refused("no viewers")
    if viewers_before and not made.personal.any():  # at the very first, a few viewers may have seen all there is
        raise Refused("nobody's list has anything in it")
    if len(made.viewers) < LEAST_SHARE * viewers_before:
        raise Refused(f"{len(made.viewers)} viewers, fewer than half of the {viewers_before} that are served now")
    if made.dramas < LEAST_SHARE * dramas_before:
        raise Refused(f"{made.dramas} dramas with watchers, fewer than half of the {dramas_before} that are served now")
