"""Names of numbers: what may be asked for, and which of them says who is best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recommender.evaluation.unfit import Unfit

AT_K = ("recall", "ndcg", "hit", "micro-recall", "coverage", "novelty")
LISTS = (
    "item-hit",
    "item-ips-hit",
    "item-mrr",
    "item-coverage",
    "item-hub",
)  # LIST_K long
WHOLE = ("uauc",)
METRICS = (*AT_K, *WHOLE, "item-lists")
BETTER = ("recall", "ndcg", "hit", "micro-recall", "uauc")  # more is better: may say who is best
KS, LIST_K, MOST_K = (10, 20, 50), 10, 1_000  # more than a thousand nobody scrolls through
USUAL_K = 20


@dataclass(frozen=True)
class Asked:
    """`names` as they stand in the result, `ks` of the lists that they need."""

    names: tuple[str, ...]
    best_by: str

    @property
    def ks(self) -> tuple[int, ...]:
        """Ascending; at least one."""
        found = {int(name.split("@")[1]) for name in self.names if "@" in name and name.split("@")[0] in AT_K}
        return tuple(sorted(found)) or (USUAL_K,)

    @property
    def lists(self) -> bool:
        """Item lists are asked for, too."""
        return any(name.split("@")[0] in LISTS for name in self.names)


def asked(ks: Sequence[str] = (), metrics: Sequence[str] = (), best_by: str = "") -> Asked:
    """From what was typed, commas inside or not: `recall` at each k, `recall@7` at 7.  Raises Unfit."""
    lengths = [_k(text) for text in _words(ks)] or list(KS)
    names = [name for text in _words(metrics) or METRICS for name in _names(text, lengths)]
    best = best_by or f"ndcg@{USUAL_K if USUAL_K in lengths else max(lengths)}"
    if best.split("@")[0] not in BETTER or len(_names(best, lengths)) != 1:
        raise Unfit(f"{best!r} cannot say who is best; {', '.join(BETTER)} can, with one @k")
    return Asked(tuple(dict.fromkeys([*names, *_names(best, lengths)])), _names(best, lengths)[0])


def _words(texts: Sequence[str]) -> list[str]:
    return [word.strip() for text in texts for word in text.split(",") if word.strip()]


def _names(text: str, ks: Sequence[int]) -> list[str]:
    name, at, k = text.partition("@")
    if name not in METRICS or (at and name not in AT_K):
        raise Unfit(f"no metric {text!r}; there are {', '.join(METRICS)}")
    if name == "item-lists":
        return [f"{each}@{LIST_K}" for each in LISTS]
    if name in WHOLE:
        return [name]
    return [f"{name}@{each}" for each in ([_k(k)] if at else ks)]


def _k(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_K:
        raise Unfit(f"k is a whole number from 1 to {MOST_K:,}, not {text!r}")
    return int(text)
