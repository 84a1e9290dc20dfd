"""The model by hand: `python -m tests.model [SCHEDULES] [VARIANT ...]`.  Prints the first schedule that goes wrong."""

from __future__ import annotations

import sys
import time
from collections import Counter

from tests.model.explore import explore_all, trace_of
from tests.model.variants import (
    BASE,
    FEW_TOKENS,
    GOES_BACK,
    MENDED,
    REBUILT,
    RELAY,
    RELAY_TAKEN_AWAY,
    TAKEN_AWAY,
    RelayRules,
    Rules,
)

RULES: dict[str, Rules | RelayRules] = {
    "base": BASE,
    "few_tokens": FEW_TOKENS,
    "goes_back": GOES_BACK,
    "rebuilt": REBUILT,
    "mended": MENDED,
    "relay": RELAY,
} | {name: variant.rules for name, variant in TAKEN_AWAY.items()}
RULES |= {name: rules for name, (rules, _) in RELAY_TAKEN_AWAY.items()}


def report(name: str, rules: Rules | RelayRules, schedules: int) -> None:
    """Explore these rules and print what came of it."""
    began = time.monotonic()
    explored = explore_all(rules, schedules)
    kinds = dict(Counter(wrong.kind for _, wrong in explored.wrong))
    took = f"{explored.schedules:,} schedules, {explored.steps:,} steps, {time.monotonic() - began:.0f} s"
    print(f"{name}: {took}: {kinds or 'exact'}")
    print("    each has", ", ".join(f"{n / schedules:.2f} {what}" for what, n in explored.happened.most_common()))
    if explored.wrong and name != "goes_back":
        print("    " + "\n    ".join(trace_of(explored.wrong[0][0], rules)), flush=True)


def main() -> None:
    """The variants that are named, or the whole design in three worlds."""
    schedules = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for name in sys.argv[2:] or ["base", "few_tokens", "goes_back", "rebuilt", "mended", "relay"]:
        report(name, RULES[name], schedules)


if __name__ == "__main__":
    main()
