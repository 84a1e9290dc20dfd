"""Coins for episodes: unlocking one, and the viewer's wallet."""
