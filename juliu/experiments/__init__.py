"""Results of experiments on the feed: what becomes of viewers in each arm, and whether to believe it."""
