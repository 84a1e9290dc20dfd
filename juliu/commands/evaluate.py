"""`juliu evaluate`: every model on anybody's watch log, by honest numbers."""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from juliu.commands import terminated, wide
from juliu.commands.json_option import Json
from juliu.commands.trouble import FOUND_WRONG, end
from recommender.evaluation import report as reports
from recommender.evaluation.asked import Asked, asked
from recommender.evaluation.columns import Logs, read
from recommender.evaluation.kept import TRAIN
from recommender.evaluation.run import TEST, VALID, Outcome
from recommender.evaluation.run import evaluate as evaluated
from recommender.evaluation.split import Split, Way
from recommender.evaluation.split import split as parted
from recommender.evaluation.titles import read as titles_of
from recommender.evaluation.unfit import Unfit
from recommender.models.registry import MODELS

USERS = 50_000  # half a minute a model of 10,000 items; intervals are narrow by then
UNFIT = 2  # exit code: as of an option that is none
COLUMNS = 6  # of numbers with their intervals: as many as a wide terminal holds
_WHOLE = "whole"  # the part that a file which is to be split is

File = Annotated[Path | None, typer.Option(help="parquet: user_id, item_id, ts; may have weight, positive, session_id")]
Part = Annotated[Path | None, typer.Option(help="the same, of a split made elsewhere; not with --interactions")]
Words = Annotated[list[str] | None, typer.Option(help="several with commas")]


def evaluate(
    *,
    interactions: File = None,
    train: Part = None,
    valid: Part = None,
    test: Part = None,
    split: Annotated[Way, typer.Option(help="time: train strictly before test")] = Way.TIME,
    test_share: Annotated[float, typer.Option(help="of the rows")] = 0.2,
    valid_share: Annotated[float, typer.Option(help="of the rows, before the test; best is chosen on it")] = 0.0,
    k: Annotated[list[str] | None, typer.Option("--k", help="lengths of lists, with commas: 10,20,50")] = None,
    models: Words = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(help="recall,ndcg,hit,micro-recall,coverage,novelty,uauc,item-lists; or recall@20"),
    ] = None,
    best_by: Annotated[str, typer.Option(help="the number that says which model is best")] = "",
    users: Annotated[int, typer.Option(min=0, help="ask about so many, by chance; 0: all")] = USERS,
    seed: Annotated[int, typer.Option(min=0, help="of all that is drawn")] = 7,
    report: Annotated[Path | None, typer.Option(help="write an HTML page here")] = None,
    titles: Annotated[Path | None, typer.Option(help="parquet: item_id, title; for the page")] = None,
    json: Json = False,
) -> None:
    """Fit every model to the first part of a log, ask it for the last, and tell which one is best, how surely.

    What was watched in training is neither asked for nor an answer.  Whoever has no history is a miss.  Exit code: 0
    measured, 1 no model could be measured or the page not be written, 2 the log or an option does not fit.
    """
    terminated.as_exception()  # so that the model's process and the folder do not stay behind
    try:
        _writable(report)
        called = titles_of(titles) if titles else {}
        wanted, names = asked(k or (), metrics or (), best_by), _models(models or [])
        logs, parts = _parts(_files(interactions, train, valid, test), split, test_share, valid_share, seed)
        outcome = evaluated(logs, parts, names, wanted, most=users, seed=seed, say=_say)
    except Unfit as error:
        raise end(f"juliu evaluate: {error}", UNFIT) from error
    except OSError as error:  # the folder for temporary files is full, or not ours
        raise end(f"juliu evaluate: {error}", FOUND_WRONG) from error
    typer.echo(jsons.dumps(outcome.document(), indent=1)) if json else _show(outcome, wanted)
    if report:
        _write(report, reports.page(outcome, wanted, called))
    if outcome.best is None:
        raise typer.Exit(FOUND_WRONG)


def _writable(report: Path | None) -> None:
    """Told before all the work, not after it."""
    if report and (not report.parent.is_dir() or report.is_dir()):
        raise Unfit(f"{report}: no place for a file")


def _write(report: Path, page: str) -> None:
    """After the numbers were told: what took an hour does not go with a full disk."""
    try:
        report.write_text(page, encoding="utf-8")
    except OSError as error:
        raise end(f"juliu evaluate: {report}: the page is not written: {error.strerror}", FOUND_WRONG) from error


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _models(texts: list[str]) -> list[str]:
    names = [word.strip() for text in texts for word in text.split(",") if word.strip()] or list(MODELS)
    if unknown := [name for name in names if name not in MODELS]:
        raise Unfit(f"no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    return list(dict.fromkeys(names))


def _files(interactions: Path | None, train: Path | None, valid: Path | None, test: Path | None) -> dict[str, Path]:
    """By part; one file that is to be split has no part's name."""
    parts = {TRAIN: train, VALID: valid, TEST: test}
    given = {part: path for part, path in parts.items() if path}
    if bool(interactions) == bool(given) or (given and not {TRAIN, TEST} <= set(given)):
        raise Unfit("give either --interactions, or --train and --test (and --valid)")
    return {_WHOLE: interactions} if interactions else given


def _parts(files: dict[str, Path], way: Way, test_share: float, valid_share: float, seed: int) -> tuple[Logs, Split]:
    logs = read(files)
    if _WHOLE in logs.parts:
        return logs, parted(logs.parts[_WHOLE], way, test_share, valid_share, seed)
    return logs, Split(logs.parts[TRAIN], logs.parts.get(VALID), logs.parts[TEST])


def _show(outcome: Outcome, wanted: Asked) -> None:
    asked_about = outcome.log[TEST]
    typer.echo(
        f"{outcome.log[TRAIN]['rows']:,} rows to learn from, {outcome.log['items']:,} items;"
        f" {asked_about['users_asked']:,} viewers asked about {asked_about['positives']:,} positives,"
        f" {asked_about['users_with_history']:,} of them with a history"
    )
    names = [name for name in wanted.names if any(name in one.on[TEST].values for one in outcome.models.values())]
    tables = [_table(outcome, names[begin : begin + COLUMNS]) for begin in range(0, len(names), COLUMNS)]
    if outcome.models:
        wide.show(*tables, _costs(outcome))
    for name, why in outcome.failed.items():
        typer.echo(f"not measured: {name}: {why}")
    if outcome.best:
        typer.echo(f"best by {outcome.best_by} on the {outcome.best_on} part: {outcome.best}")


def _table(outcome: Outcome, names: list[str]) -> Table:
    table = wide.table()
    table.add_column("model")
    for name in names:
        table.add_column(name.replace("@", "\n@"), justify="right")
    for model, one in outcome.models.items():
        test = one.on[TEST]
        numbers = [_number(test.values.get(name), test.intervals.get(name)) for name in names]
        table.add_row(_marked(outcome, model), *numbers)
    return table


def _costs(outcome: Outcome) -> Table:
    table = wide.table()
    table.add_column("model")
    for name in ("fit s", "fit CPU s", "asked s", "peak MB"):
        table.add_column(name, justify="right")
    for model, one in outcome.models.items():
        costs = (one.fit_seconds, one.cpu_seconds, one.score_seconds, one.peak_mb)
        table.add_row(_marked(outcome, model), *(f"{cost:,.1f}" for cost in costs))
    return table


def _marked(outcome: Outcome, model: str) -> str:
    return f"[bold]{model}[/bold]" if model == outcome.best else model


def _number(value: float | None, interval: tuple[float, float] | None) -> str:
    """With half the width of its interval."""
    if value is None:
        return ""
    if not interval:
        return f"{value:.4f}"
    half = f"{(interval[1] - interval[0]) / 2:.3f}".removeprefix("0")
    return f"{value:.4f} ±{half}"
