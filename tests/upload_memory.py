"""A process that does nothing but move one file to COS and back, and says how much memory it had at most.

python -m tests.upload_memory PLACE PATH TARGET      prints JSON: peak_mb, size, crc64
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from media_jobs.cos.client import Cos
from media_jobs.cos.storage import CosStorage
from media_jobs.watch import Unwatched
from tests.standins.cos import NAME, REGION, SECRET_ID, SECRET_KEY, Bucket

KEY = "incoming/7/1/large.mp4"


def main(place: str, path: str, target: str) -> None:
    storage = CosStorage(Cos(Bucket(NAME, REGION, SECRET_ID, SECRET_KEY), place))
    put = storage.put(KEY, Path(path), "video/mp4", Unwatched())
    back = storage.fetch(KEY, Path(target), 1 << 40, Unwatched())
    assert put == back
    status = Path("/proc/self/status").read_text()  # what getrusage tells begins with the parent's
    peak_mb = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
    print(json.dumps({"peak_mb": peak_mb, "size": put.size, "crc64": put.crc64}))


if __name__ == "__main__":
    main(*sys.argv[1:])
