"""The page of one training: what was measured, beside the versions before, what was decided, samples of its lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

import numpy as np

from domain.catalogue import MAX_INDEX, Catalogue
from recommender.evaluation.curves import Curve, drawing
from recommender.evaluation.pages import NOTHING, html, number, table
from recommender.evaluation.sitting import curve
from recommender.interactions import Ints
from recommender.learning.model import Recommendations
from recommender.learning.snapshot import Watches
from recommender.training.day import SHANGHAI_MS, last_full_day
from recommender.training.exam import ASKED
from recommender.training.measured import Measured
from recommender.training.outcome import Outcome
from recommender.training.reach import USUAL, VOLUME, listed
from recommender.training.registry import Decision, Entry

VERSIONS, SAMPLES, HUBS, LISTED = 7, 10, 10, 10
COUNTS = (ASKED, VOLUME, USUAL)


def page(outcome: Outcome) -> str:
    """Needs nothing else.  Titles and reasons stand there as text, whatever they say."""
    entry = outcome.entry
    title = f"Training as of {_moment(entry.as_of_ms)}"
    body = [f"<h1>{title}</h1>", f"<p>{escape(_decision(entry))}</p>", *_measures(entry, outcome.before)]
    body += ["<h2>What it learnt from</h2>", _facts(entry)]
    if outcome.made is not None and outcome.known is not None:
        body += _shown(outcome.made, outcome.known.watches, outcome.catalogue)
    return html(title, [*body, *_settings(entry)])


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp((at_ms + SHANGHAI_MS) / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _decision(entry: Entry) -> str:
    if entry.decision is Decision.REFUSED:
        return f"Refused, {entry.before or 'nothing'} is served on: {entry.reason}."
    if entry.overruled:
        return f"Published as {entry.version}, because a person overruled the gate ({entry.overruled}): {entry.reason}."
    return f"Published as {entry.version}; before: {entry.before or 'nothing'}."


def _measures(entry: Entry, before: Sequence[Entry]) -> Iterable[str]:
    """A row a measure, a column a version, this one first."""
    columns = [entry, *(one for one in before if one.decision is Decision.PUBLISHED)][: VERSIONS + 1]
    told = [Measured.of_flat(one.metrics, one.not_measured) for one in columns]
    names = list(dict.fromkeys(name for one in told for name in one.values))
    yield f"<h2>Measured on {last_full_day(entry.as_of_ms)}, and of what {_would(entry)} published</h2>"
    yield (
        "<p>A model made in the same way that knew nothing of that day, asked about it; <i>trend.</i> and"
        " <i>popularity.</i> are lists that everybody could be shown, <i>over_trend.</i> what the personal list has"
        " more. Below a number: where it lies in 95 % of 1,000 draws of as many viewers. The versions before stand"
        " beside it.</p>"
    )
    heads = [_moment(one.as_of_ms) + f" {one.version[-8:]}" for one in columns]
    rows = ((False, [escape(name), *_cells(name, told)]) for name in names)
    yield table(["", *heads], rows) if names else "<p>Nothing.</p>"
    if entry.not_measured:
        yield "<h2>Not measured</h2>"
        missing = entry.not_measured.items()
        yield table(["", "why"], ((False, [escape(name), escape(why)]) for name, why in missing), words=True)


def _would(entry: Entry) -> str:
    return "is" if entry.decision is Decision.PUBLISHED else "would have been"


def _cells(name: str, told: Sequence[Measured]) -> list[str]:
    if name in COUNTS:
        return [f"{one.values[name]:,.0f}" if name in one.values else NOTHING for one in told]
    return [number(one.values.get(name), one.intervals.get(name)) for one in told]


def _facts(entry: Entry) -> str:
    facts = {
        "from": _moment(entry.since_ms) if entry.since_ms else NOTHING, "to": _moment(entry.as_of_ms),
        "watches": f"{entry.watches:,}", "pairs": f"{entry.pairs:,}", "viewers": f"{entry.viewers:,}",
        "dramas with watchers": f"{entry.dramas:,}", "dramas with a list": f"{entry.lists:,}",
        "MB in Redis": f"{entry.bytes / 1e6:.1f}", "snapshot": entry.snapshot or NOTHING,
        **{f"{name}, s": f"{seconds:.2f}" for name, seconds in entry.seconds.items()},
    }  # fmt: skip
    return table(["", ""], ((False, [name, escape(value)]) for name, value in facts.items()))


def _shown(made: Recommendations, watches: Watches, catalogue: Catalogue) -> Iterable[str]:
    watched = np.bincount(watches.drama, minlength=MAX_INDEX + 1)
    lists = listed(made, LISTED)[1:]
    also = np.bincount(np.concatenate([[0], *(best[:LISTED] for best in made.also_watched.values())]).astype(int))[1:]
    most = {"viewers' first ten": lists, "people also watched": also, "watched": watched}
    points = {name: curve(np.sort(counts)[::-1][: made.dramas]) for name, counts in most.items()}
    yield "<h2>How much of the catalogue is shown</h2>"
    yield (
        "<p>The most shown dramas' share of all places in the first ten, and, dashed, of all watches. A line far above"
        " the dashed one shows few dramas to everybody.</p>"
    )
    yield drawing([Curve(name, line, dashed=name == "watched") for name, line in points.items()])
    yield "<h2>In most lists</h2>"
    yield table(["drama", "share of viewers' first ten", "watchers"], _hubs(lists, made, watched, catalogue))
    yield "<h2>People also watched</h2>"
    yield table(["drama", "watchers", "list"], _samples(made, watched, catalogue), words=True)


def _hubs(lists: Ints, made: Recommendations, watched: Ints, catalogue: Catalogue) -> Iterable[tuple[bool, list[str]]]:
    viewers = max(1, int(made.personal.any(axis=1).sum()))
    for index in (np.argsort(-lists, kind="stable")[:HUBS] + 1).tolist():
        if lists[index - 1]:
            share, watchers = f"{lists[index - 1] / viewers:.1%}", f"{watched[index]:,}"
            yield False, [_title(catalogue, index), share, watchers]


def _samples(made: Recommendations, watched: Ints, catalogue: Catalogue) -> Iterable[tuple[bool, list[str]]]:
    """Dramas with a list, evenly from the most watched to the least."""
    there = sorted(made.also_watched, key=lambda index: (-watched[index], index))
    places = np.unique(np.linspace(0, len(there) - 1, SAMPLES).round().astype(int)).tolist() if there else []
    for index in (there[place] for place in places):
        others = ", ".join(_title(catalogue, other) for other in made.also_watched[index][:LISTED].tolist())
        yield False, [_title(catalogue, index), f"{watched[index]:,}", others]


def _title(catalogue: Catalogue, index: int) -> str:
    drama_id = catalogue.id_at(index)
    drama = None if drama_id is None else catalogue.drama(drama_id)
    if drama is None:
        return f"no. {index}"
    return escape(drama.title or f"drama {drama_id}")


def _settings(entry: Entry) -> Iterable[str]:
    yield "<h2>Settings</h2>"
    software = ", ".join(map(" ".join, entry.software.items()))
    rows = {"weights": entry.weights, "limits": entry.limits, "software": software}
    yield table(["", ""], ((False, [name, escape(text)]) for name, text in rows.items()), words=True)
