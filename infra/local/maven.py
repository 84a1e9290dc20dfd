"""Has Maven fetch what one of our poms names into a folder, once for this environment."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

from infra.local.errors import StackError

_WITHIN_S = 600
_TRIES = 2  # a registry may fail once


def resolve(pom: Path, target: Path, needed: str, what: str) -> None:
    """Have `target` hold the jars of `pom`, unless it is there; whole or not at all, however many ask at once.

    `needed` is the pattern of a file that must be among them, `what` their name in messages.
    Raises StackError saying what failed.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a set-up and a start at the same time
        if not target.exists():
            _fetch(pom, target, needed, what)


def _fetch(pom: Path, target: Path, needed: str, what: str) -> None:
    partial = target.with_name(f"{target.name}.partial")
    for attempt in range(1, _TRIES + 1):
        shutil.rmtree(partial, ignore_errors=True)
        made = _maven(pom, partial, what)
        if made.returncode == 0 and any(partial.glob(needed)):
            partial.rename(target)
            return
        if attempt == _TRIES:
            raise StackError(f"Maven could not fetch {what}:\n{(made.stdout + made.stderr).strip()[-2000:]}")


def _maven(pom: Path, target: Path, what: str) -> subprocess.CompletedProcess[str]:
    command = ["mvn", "-q", "-B", "-Dstyle.color=never", "-f", str(pom), "dependency:copy-dependencies",
               "-DincludeScope=runtime", f"-DoutputDirectory={target}"]  # fmt: skip
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_WITHIN_S, check=False
        )
    except FileNotFoundError as error:
        raise StackError("mvn is missing: `apt-get install maven`, then `make setup`") from error
    except subprocess.TimeoutExpired as error:
        raise StackError(f"Maven could not fetch {what} within {_WITHIN_S} s") from error
