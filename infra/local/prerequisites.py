"""What this machine must have before the servers can run, and what to type where it has not."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from infra.local import kafka_jars, mariadb
from infra.local.errors import StackError
from infra.local.home import Home

# x86-64-v3, which the ClickHouse of the chdb-core wheel is compiled for, as /proc/cpuinfo spells it.
CPU_FLAGS = frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"})
MIN_FREE_BYTES = 1_500_000_000  # first data of four servers, logs and one day of the demo
MIN_JAVA = 17
PACKAGES = {  # program -> Debian package
    "java": "openjdk-17-jre-headless",
    "mvn": "maven",
    "redis-server": "redis-server",
    "mariadbd": "mariadb-server-core",
    "mariadb-install-db": "mariadb-server-core",
    "setpriv": "util-linux",
}


def missing_cpu_flags(cpuinfo: str, machine: str) -> list[str]:
    """Instructions that ClickHouse needs and the first processor of /proc/cpuinfo lacks; none if it is no x86-64."""
    if machine != "x86_64":
        return []
    line = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "flags:")
    return sorted(CPU_FLAGS - set(line.partition(":")[2].split()))


def cpu_problem(missing: list[str]) -> str | None:
    """Words for a processor that cannot run ClickHouse."""
    if not missing:
        return None
    return (
        f"this CPU lacks {', '.join(missing)} (x86-64-v3), which ClickHouse needs: use a machine from 2015 or later,"
        " or run ClickHouse elsewhere and set JULIU_CLICKHOUSE_URL (docs/settings.md)"
    )


def java_problem(release: str) -> str | None:
    """Words for a Java too old for Kafka 4; `release` is the text of its file of that name, empty if it has none."""
    found = re.search(r'^JAVA_VERSION="(\d+)', release, re.MULTILINE)
    if found is None or int(found[1]) >= MIN_JAVA:
        return None
    return f"`java` is version {found[1]}, and Kafka needs {MIN_JAVA}: as root `apt-get install {PACKAGES['java']}`"


def program_problem(missing: Iterable[str]) -> str | None:
    """Words for programs that are not installed."""
    programs = list(missing)
    if not programs:
        return None
    packages = " ".join(sorted({PACKAGES[program] for program in programs}))
    return f"not installed: {', '.join(programs)}.  Type `make setup`, or as root `apt-get install {packages}`"


def disk_problem(path: Path, free_bytes: int) -> str | None:
    """Words for a disk that is (nearly) full."""
    if free_bytes >= MIN_FREE_BYTES:
        return None
    return (
        f"the disk of {path} has {free_bytes // 1_000_000} MB free, and the servers need"
        f" {MIN_FREE_BYTES // 1_000_000} MB: free some space, or set JULIU_HOME to a folder on a bigger one"
    )


def check(home: Home) -> None:
    """Raise StackError naming everything that is missing at once."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    problems = (
        cpu_problem(missing_cpu_flags(cpuinfo, platform.machine())),
        program_problem(p for p in _programs_needed() if not _installed(p)),
        java_problem(_java_release()),
        _disk(home),
    )
    found = [problem for problem in problems if problem]
    if found:
        raise StackError("\n".join(found))


def _programs_needed() -> list[str]:
    return [program for program in PACKAGES if program != "mvn" or not kafka_jars.folder().exists()]


def _installed(program: str) -> bool:
    path = mariadb.server_path() if program == "mariadbd" else program
    return shutil.which(path) is not None


def _java_release() -> str:
    java = shutil.which("java")
    release = Path(java).resolve().parent.parent / "release" if java else Path()
    return release.read_text(encoding="utf-8", errors="replace") if release.is_file() else ""


def _disk(home: Home) -> str | None:
    try:
        home.path.mkdir(parents=True, exist_ok=True)
        return disk_problem(home.path, shutil.disk_usage(home.path).free)
    except OSError as error:
        return f"cannot use {home.path}: {error.strerror}.  Set JULIU_HOME to a folder that you may write"
