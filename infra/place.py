"""Where this checkout is, and where its local stack keeps its files.  Imports nothing: every command needs it first."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def home() -> Path:
    """Where the local stack keeps data, logs and local.env: JULIU_HOME, else var/ of this checkout."""
    return Path(os.environ.get("JULIU_HOME") or ROOT / "var").resolve()
