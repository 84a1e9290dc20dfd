"""What a migration says it did: one `Step` for each thing that it made, changed or found in place."""

from __future__ import annotations

from typing import Literal

import msgspec


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`part` is the server, `name` the table, topic or key; `note` says more where there is more to say."""

    part: str
    name: str
    did: Literal["made", "changed", "there"]
    note: str = ""


class MigrationRefused(RuntimeError):
    """What is there contradicts the settings; the step that found it changed nothing.  The text says what to do."""
