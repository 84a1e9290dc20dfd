"""Kafka's jars: resolved by Maven once for this environment, and the class-data archive that halves the broker's start.

python -m infra.local.kafka_jars     what `make` does at set-up; quick when nothing is to be done
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

from infra.local import maven
from infra.local.errors import StackError
from infra.local.home import ETC, SHARE

POM = ETC / "kafka-pom.xml"


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
    maven.resolve(POM, folder(), "kafka_2.13-*.jar", "Kafka's jars")


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
