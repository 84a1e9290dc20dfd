"""How many threads BLAS may take while a block lasts: OPENBLAS_NUM_THREADS comes too late for what is loaded."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

import scipy.linalg  # noqa: F401  # with numpy it brings every BLAS that we call; what is loaded later is not looked for
from threadpoolctl import ThreadpoolController


def blas_threads(most: int) -> AbstractContextManager[object]:
    """At most `most` threads for BLAS inside the block; what was before comes back after it."""
    limits: AbstractContextManager[object] = _loaded().limit(limits=most, user_api="blas")
    return limits


@cache
def _loaded() -> ThreadpoolController:
    """Found once: each look reads the process's whole memory map, which took longer than a small fit."""
    return ThreadpoolController()
