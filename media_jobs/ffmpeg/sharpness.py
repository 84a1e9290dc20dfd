"""Which frames make posters: judged in grey, small, as numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]  # (frames, height, width), 0 black .. 255 white

BLACKEST_MEAN = 16.0  # below it a frame is black, or white words on black
FLATTEST = 4.0  # standard deviation: below it there is nothing to see, as in the middle of a fade to white


class Candidate(NamedTuple):
    """A frame by its number, and the variance of its Laplacian: higher is sharper."""

    number: int
    sharpness: float


def chosen(frames: Grey, count: int) -> list[Candidate]:
    """The sharpest frame of each of `count` equal parts, the best first; where a part has none to show, the next best.

    Black and flat frames are never among them, so there may be fewer, or none.
    """
    fit = [Candidate(number, sharpness(frame)) for number, frame in enumerate(frames) if is_fit(frame)]
    best = sorted(fit, key=lambda one: (-one.sharpness, one.number))
    parts = {one.number * count // len(frames): one for one in reversed(best)}  # the best of a part is put last
    rest = [one for one in best if one not in parts.values()]
    return sorted([*parts.values(), *rest[: count - len(parts)]], key=lambda one: (-one.sharpness, one.number))


def is_fit(frame: npt.NDArray[np.uint8]) -> bool:
    """Whether there is something to see on it."""
    return bool(frame.mean() >= BLACKEST_MEAN and frame.std() >= FLATTEST)


def sharpness(frame: npt.NDArray[np.uint8]) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., ICPR 2000); 0 for a frame of fewer than 3 lines or columns."""
    if min(frame.shape) < 3:
        return 0.0
    grey = frame.astype(np.float32)
    sides = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((4 * grey[1:-1, 1:-1] - sides).var())
