"""The result as one HTML page that needs nothing else: numbers with intervals, a picture, sample lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape

from recommender.evaluation.asked import Asked
from recommender.evaluation.curves import Curve, drawing
from recommender.evaluation.numbers import Numbers
from recommender.evaluation.pages import html, number, table
from recommender.evaluation.run import TEST, VALID, Outcome
from recommender.evaluation.sitting import Sitting


def page(outcome: Outcome, asked: Asked, titles: Mapping[str, str] | None = None) -> str:
    """Whatever a log or a model calls itself stands there as text.  `titles` by item id, where there are any."""
    best = f"Best by {outcome.best_by} on the {outcome.best_on} part: {outcome.best}." if outcome.best else "No model."
    body = [
        "<h1>What was measured</h1>",
        f"<p>{escape(best)} {escape(_sentence(outcome))}</p>",
        *_parts(outcome, asked),
        "<h2>What it costs</h2>",
        _costs(outcome.models),
        "<h2>How much of the catalogue is shown</h2>",
        "<p>The most shown items' share of all places in the longest lists, and, dashed, of what was watched in"
        " training. A line far above the dashed one shows few items to everybody.</p>",
        drawing(_curves(outcome)),
        *_samples(outcome, titles or {}),
        *_failed(outcome.failed),
    ]
    return html("Evaluation", body)


def _sentence(outcome: Outcome) -> str:
    train, test = outcome.log["train"], outcome.log[TEST]
    return (
        f"Learnt from {train['rows']:,} rows, {_day(train['from_ms'])} to {_day(train['to_ms'])}; tested on"
        f" {test['rows']:,} rows, {_day(test['from_ms'])} to {_day(test['to_ms'])}: {test['users_asked']:,} viewers"
        f" and {test['positives']:,} positives. {test['users_with_history']:,} viewers have a history; the others are"
        " misses."
        " Below a number: where it lies in 95 % of 1,000 draws of as many viewers."
    )


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _parts(outcome: Outcome, asked: Asked) -> Iterable[str]:
    for part, title in ((TEST, "Test"), (VALID, "Validation")):
        told = {name: one.on[part] for name, one in outcome.models.items() if part in one.on}
        if told:
            yield f"<h2>{title}</h2>"
            yield _numbers(told, asked, outcome.best)


def _numbers(told: Mapping[str, Numbers], asked: Asked, best: str | None) -> str:
    names = [name for name in asked.names if any(name in numbers.values for numbers in told.values())]
    rows = [(name == best, [escape(name), *(_cell(numbers, each) for each in names)]) for name, numbers in told.items()]
    return table(["model", *names], rows)


def _cell(numbers: Numbers, name: str) -> str:
    return number(numbers.values.get(name), numbers.intervals.get(name))


def _costs(models: Mapping[str, Sitting]) -> str:
    rows = []
    for name, one in models.items():
        costs = (one.fit_seconds, one.cpu_seconds, one.score_seconds, one.peak_mb)
        rows.append((False, [escape(name), *(f"{cost:,.1f}" for cost in costs)]))
    return table(["model", "fit, s", "fit, CPU s", "asked, s", "peak, MB"], rows)


def _curves(outcome: Outcome) -> list[Curve]:
    drawn = [Curve(name, one.curve) for name, one in outcome.models.items()]
    return [*drawn, Curve("watched in training", outcome.curve, dashed=True)]


def _samples(outcome: Outcome, titles: Mapping[str, str]) -> Iterable[str]:
    """The best model's item lists."""
    best = outcome.best or ""
    rows = []
    for sample, line in zip(outcome.samples, outcome.named.get(best, []), strict=False):
        title, *others = (escape(titles.get(item, item)) for item in (sample, *line))
        rows.append((False, [title, ", ".join(others) or "–"]))
    if rows:
        yield f"<h2>People also watched, says {escape(best)}</h2>"
        yield table(["item", "list"], rows)


def _failed(failed: Mapping[str, str]) -> Iterable[str]:
    if failed:
        yield "<h2>Not measured</h2>"
        yield table(["model", "why"], [(False, [escape(name), escape(why)]) for name, why in failed.items()])
