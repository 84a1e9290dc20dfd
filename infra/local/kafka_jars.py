"""Kafka's jars: resolved by Maven once for this environment, and the class-data archive that halves the broker's start.

python -m infra.local.kafka_jars     what `make` does at set-up; quick when nothing is to be done
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from infra.local.errors import StackError
from infra.local.home import ETC, SHARE

POM = ETC / "kafka-pom.xml"
_RESOLVE_WITHIN_S = 600
_TRIES = 2  # a registry may fail once
_SEE = "Maven could not fetch Kafka's jars"


def folder() -> Path:
    """Where the jars of this pom lie; another pom has another folder."""
    return SHARE / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def archive() -> Path:
    """The class-data archive of these jars; the JVM passes over one that does not fit it."""
    return folder() / "classes.jsa"


def version() -> str:
    """The broker's version, from the jar's name; empty when the jars are not there."""
    found = next(folder().glob("kafka_2.13-*.jar"), None)
    match = re.match(r"kafka_2\.13-(.+)\.jar", found.name) if found else None
    return match[1] if match else ""


def java(*options: str) -> list[str]:
    """`java` with these options, our class path and, where it is there, the archive."""
    jars = sorted(str(jar) for jar in folder().glob("*.jar"))  # a stable order: the archive fits one class path only
    shared = (f"-XX:SharedArchiveFile={archive()}", "-Xshare:auto", "-Xlog:cds=off", "-Xlog:class+path=off")
    return [
        "java",
        *options,
        *(shared if archive().exists() else ()),
        "-Djava.awt.headless=true",
        "-cp",
        os.pathsep.join(jars),
    ]


def resolve() -> None:
    """Have Maven fetch the jars unless they are there.  Raises StackError saying what failed."""
    if folder().exists():
        return
    SHARE.mkdir(parents=True, exist_ok=True)
    with (SHARE / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a set-up and a start at the same time
        if not folder().exists():
            _fetch(folder())


def _fetch(target: Path) -> None:
    partial = target.with_suffix(".partial")
    for attempt in range(1, _TRIES + 1):
        shutil.rmtree(partial, ignore_errors=True)
        made = _maven(partial)
        if made.returncode == 0 and any(partial.glob("kafka_2.13-*.jar")):
            partial.rename(target)
            return
        if attempt == _TRIES:
            raise StackError(f"{_SEE}:\n{(made.stdout + made.stderr).strip()[-2000:]}")


def _maven(target: Path) -> subprocess.CompletedProcess[str]:
    command = ["mvn", "-q", "-B", "-Dstyle.color=never", "-f", str(POM), "dependency:copy-dependencies",
               "-DincludeScope=runtime", f"-DoutputDirectory={target}"]  # fmt: skip
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_RESOLVE_WITHIN_S, check=False
        )
    except FileNotFoundError as error:
        raise StackError("mvn is missing: `apt-get install maven`, then `make setup`") from error
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{_SEE} within {_RESOLVE_WITHIN_S} s") from error


def main() -> int:
    """Resolve the jars and make the archive."""
    from infra.local.kafka_archive import make_archive  # noqa: PLC0415  it imports this module

    try:
        resolve()
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        if not archive().exists():
            make_archive()
    except StackError as error:
        print(f"Kafka will start more slowly: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
