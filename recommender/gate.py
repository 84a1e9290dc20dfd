"""What must not be published: nothing, nonsense, or far less than before."""

from __future__ import annotations

from recommender.errors import Refused
from recommender.model import Recommendations

LEAST_SHARE = 0.5  # of the viewers of the version that is served


def check(made: Recommendations, viewers_before: int) -> None:
    """Raises Refused for what no viewer should be served."""
    if not made.whole:
        raise Refused("a score is not a number")
    if not len(made.viewers):
        raise Refused("no viewers")
    if len(made.viewers) < LEAST_SHARE * viewers_before:
        raise Refused(f"{len(made.viewers)} viewers, fewer than half of the {viewers_before} that are served now")
