"""`--json`, as most commands have it: the result as one object on stdout, whatever else is said on stderr."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="one JSON object, for programs; progress on stderr")]
