"""How tests run here: property tests with the same examples each time, no clock, nothing on disk; fits on a thread."""

from __future__ import annotations

import gc
import os

import hypothesis
import structlog

# implicit's threads wait for each other by spinning: on a busy machine fits of a few rows took four times the CPU
os.environ.setdefault("OMP_NUM_THREADS", "1")

hypothesis.settings.register_profile("juliu", deadline=None, derandomize=True, database=None, max_examples=30)
hypothesis.settings.load_profile("juliu")

*_before, _console = structlog.get_config()["processors"]
_plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*_before, _plain])  # drawing a trace with all its variables took up to three seconds


def pytest_collection_finish() -> None:
    """What was imported stays: a collection that walks it again and again was an eighth of the time."""
    gc.collect()
    gc.freeze()
