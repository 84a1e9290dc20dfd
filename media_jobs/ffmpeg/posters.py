"""Poster candidates of an episode: from each part of it the sharpest frame that is not black, in three widths."""

from __future__ import annotations

from typing import NamedTuple

WIDTHS = (240, 480, 720)
KINDS = ("webp", "jpg")


class Poster(NamedTuple):
    """A candidate.  `files`: WIDTHS x KINDS names below the target folder, `{number}-{width}.{kind}`.

    A source narrower than a width gives that file in its own width: nothing is upscaled.  `sharpness` is the variance
    of the Laplacian of the frame in grey (0..255), at 180 wide: comparable within one episode only.
    """

    number: int
    at_ms: int
    sharpness: float
    files: tuple[str, ...]
