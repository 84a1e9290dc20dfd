"""What an episode and a whole drama cost, in coins.  A rule with a version: what was shown to a viewer can be named.

Pure.  Episodes 1..free_first are free, each later one costs price_coins, and the rest of a drama costs a tenth less
than its episodes one by one, rounded up.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

RULE = 1  # a new rule is a new number: versions that were shown before name another price
DRAMA_PERCENT = 90
MAX_VERSION = 64
WHOLE = 0  # the episode_no that stands for all of a drama


class Terms(NamedTuple):
    """The terms of one drama as they are now.  `all_out`: every episode is released, so the rest is sold as a whole."""

    free_first: int
    price_coins: int
    episodes: int
    all_out: bool = True

    @property
    def version(self) -> str:
        """Another one exactly where a price may be another; at most MAX_VERSION characters.

        A release changes no price.
        """
        return f"v{RULE}-{self.free_first}-{self.price_coins}-{self.episodes}"

    def is_free(self, episode_no: int) -> bool:
        """Whether this episode costs nothing."""
        return episode_no <= self.free_first or self.price_coins == 0

    def episode_coins(self, episode_no: int) -> int:
        """Price of one episode; 0 is free."""
        return 0 if self.is_free(episode_no) else self.price_coins

    def drama_coins(self, owned: Collection[int]) -> int:
        """Price of all episodes that cost something and are not `owned` yet, now and later ones included.

        Only while `all_out` is it sold: nobody pays for an episode that is not released.
        WHOLE among the `owned` is all of them.  0: nothing is left to buy.
        """
        if WHOLE in owned:
            return 0
        left = sum(self.episode_coins(no) for no in range(1, self.episodes + 1) if no not in owned)
        return -(-left * DRAMA_PERCENT // 100)


def terms(free_first: int, price_coins: int, episodes: int, *, all_out: bool = True) -> Terms:
    """The terms of a drama of the catalogue."""
    return Terms(free_first, price_coins, episodes, all_out)
