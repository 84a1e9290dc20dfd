"""hls.js, which plays in the media demo: out of its WebJar, fetched by Maven at set-up and checked by its hash.

python -m infra.local.hls_player     what `make` does at set-up; quick when nothing is to be done
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

from infra.local import maven
from infra.local.errors import StackError
from infra.local.home import ETC, SHARE

VERSION = "1.4.12"  # the newest that Maven Central has as a WebJar
POM = ETC / "hls-pom.xml"
_JAR = f"hls.js-{VERSION}.jar"
MEMBER = f"META-INF/resources/webjars/hls.js/{VERSION}/dist/hls.light.min.js"  # without subtitles and second sounds
_SHA256 = "18268689d4d2c9a61373b3e56e1e70cb60628494602c9bd4b37f5e736b76d412"  # of that file


def script() -> bytes:
    """The player's source.  Raises StackError where it cannot be had or is not what it was when it was chosen."""
    folder = SHARE / f"hls-{VERSION}"
    maven.resolve(POM, folder, _JAR, "hls.js")
    return read(folder / _JAR)


def read(jar: Path) -> bytes:
    """The player's source out of its WebJar.  Raises StackError where it is not there, or another program."""
    try:
        with zipfile.ZipFile(jar) as archive:
            content = archive.read(MEMBER)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise StackError(f"{jar} holds no player ({error}): remove its folder, then `make setup`") from error
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256:
        raise StackError(f"hls.js {VERSION} has the hash {found}, not {_SHA256}: it is another program")
    return content


def main() -> int:
    """Fetch and check it."""
    try:
        script()
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
