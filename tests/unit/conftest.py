"""How property tests run here: the same examples each time, no clock, nothing written to disk."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile("juliu", deadline=None, derandomize=True, database=None, max_examples=30)
hypothesis.settings.load_profile("juliu")
