"""`juliu token`: tokens for development and for the tools; the product's own come from the log-in."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from domain.audience import MOST_YEARS
from infra.settings import load
from ingest_api.auth import Scope, issue

MOST_TOKENS, MOST_DAYS = 1_000_000, 400


def token(
    user: Annotated[int, typer.Option(min=1, help="the first user id")],
    count: Annotated[int, typer.Option(min=1, max=MOST_TOKENS, help="how many users, from --user upwards")] = 1,
    scope: Annotated[str, typer.Option(help="viewer, backfill, admin or canary")] = "viewer",
    *,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="how long they live")] = 30,
    region: Annotated[str, typer.Option(help="where the viewer is, like CN; none: not said")] = "",
    age: Annotated[int | None, typer.Option(min=0, max=MOST_YEARS, help="the viewer's age in years")] = None,
    json_: Annotated[bool, typer.Option("--json", help="an object a line")] = False,
) -> None:
    """Print `user token` lines, signed with JULIU_JWT_SECRET."""
    secret, now_s = load().jwt_secret.get_secret_value(), int(time.time())
    try:
        for user_id in range(user, user + count):
            made = issue(secret, user_id, Scope(scope), now_s, days, region=region, age_years=age)
            print(json.dumps({"user_id": user_id, "token": made}) if json_ else f"{user_id} {made}")
    except ValueError as error:  # WeakSecret, an unknown scope or region, an id past 2**53
        typer.echo(f"juliu token: {error}", err=True)
        raise typer.Exit(2) from error
