"""What an alarm's expression speaks of, held to the metrics that there are: what promtool would not know."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser as promql
from prometheus_client import Counter, Gauge, Histogram

from infra import metrics

TARGET = frozenset({"job", "instance"})  # every scraped series has them
FOREIGN: Mapping[str, frozenset[str]] = {  # Prometheus's own, prometheus_client's, node_exporter's
    "up": TARGET,
    "process_start_time_seconds": TARGET,
    "node_filesystem_avail_bytes": TARGET | {"device", "fstype", "mountpoint"},
    "node_filesystem_size_bytes": TARGET | {"device", "fstype", "mountpoint"},
    "node_memory_MemAvailable_bytes": TARGET,
    "node_memory_MemTotal_bytes": TARGET,
}
Labels = frozenset[str]


def ours() -> dict[str, Labels]:
    """Series of infra/metrics.py -> their labels."""
    found: dict[str, Labels] = {}
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            labels = TARGET | set(metric._labelnames)
            if isinstance(metric, Histogram):
                found |= {f"{metric._name}_count": labels, f"{metric._name}_sum": labels}
                found[f"{metric._name}_bucket"] = labels | {"le"}
            else:
                found[metric._name + "_total" * isinstance(metric, Counter)] = labels
    return found


def children(expr: Any) -> Iterator[Any]:
    """The expressions right below this one."""
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        if isinstance(below := getattr(expr, name, None), promql.Expr):
            yield below
    yield from getattr(expr, "args", ())


def selectors(expr: Any) -> Iterator[Any]:
    """Every selector of series in it."""
    if isinstance(expr, promql.VectorSelector):
        yield expr
    for below in children(expr):
        yield from selectors(below)


def faults(text: str, values: Mapping[str, frozenset[str]]) -> list[str]:
    """What is wrong with an expression; `values` has the values that a label may have, by label."""
    try:
        expr = promql.parse(text)
    except ValueError as error:
        return [f"no expression: {error}"]
    known = ours() | FOREIGN
    found: list[str] = []
    for selector in selectors(expr):
        if selector.name not in known:
            found.append(f"no metric {selector.name}")
            continue
        for matcher in selector.matchers.matchers:
            if matcher.name not in known[selector.name]:
                found.append(f"{selector.name} has no label {matcher.name}")
            found += [
                f"{matcher.name} is never {value}"
                for value in matcher.value.split("|")
                if matcher.name in values and re.fullmatch(r"[\w/]+", value) and value not in values[matcher.name]
            ]
    return found + list(groupings(expr, known))


def groupings(expr: Any, known: Mapping[str, Labels]) -> Iterator[str]:
    """Labels that something is grouped by and that it has not."""
    if isinstance(expr, promql.AggregateExpr) and expr.modifier is not None:
        has = labels(expr.expr, known)
        yield from (f"grouped by {label}, which is not there" for label in expr.modifier.labels if label not in has)
    for below in children(expr):
        yield from groupings(below, known)


def labels(expr: Any, known: Mapping[str, Labels]) -> Labels:
    """The labels that its result has."""
    if isinstance(expr, promql.VectorSelector):
        return known.get(expr.name, frozenset())
    if isinstance(expr, promql.AggregateExpr):
        return frozenset(expr.modifier.labels) if expr.modifier else frozenset()
    if isinstance(expr, promql.Call) and expr.func.name == "absent":
        return frozenset(m.name for m in expr.args[0].matchers.matchers if m.op == promql.MatchOp.Equal)
    if isinstance(expr, promql.BinaryExpr) and is_vector(expr.lhs, known) and is_vector(expr.rhs, known):
        return labels(expr.lhs, known) & labels(expr.rhs, known) if str(expr.op) == "or" else labels(expr.lhs, known)
    found = frozenset[str]().union(*(labels(below, known) for below in children(expr)))
    return found - {"le"} if isinstance(expr, promql.Call) and expr.func.name == "histogram_quantile" else found


def is_vector(expr: Any, known: Mapping[str, Labels]) -> bool:
    """Whether it has series at all."""
    return any(True for _ in selectors(expr))
