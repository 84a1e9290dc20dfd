"""Encrypted renditions opened again as a player does it, by code that the product does not share; what ffprobe sees."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from domain.media.ladder import Encoded, Rung, rungs_of
from domain.media.limits import Limits
from domain.media.probe import Probe
from domain.media.report import Report
from media_jobs.ffmpeg.encoding import Settings, encode_ladder
from media_jobs.ffmpeg.inspection import inspect
from media_jobs.ffmpeg.probing import probe
from media_jobs.watch import Unwatched, Watch

LIMITS, NOBODY, QUICK = Limits(), Unwatched(), Settings(preset="ultrafast")


def unsealed(segment: bytes, key: bytes, iv: int) -> bytes:
    """AES-128-CBC undone.  Raises ValueError where the padding is not PKCS 7: another key."""
    cipher = Cipher(algorithms.AES128(key), modes.CBC(iv.to_bytes(16, "big"))).decryptor()
    body = cipher.update(segment) + cipher.finalize()
    count = body[-1]
    if not 1 <= count <= 16 or body[-count:] != bytes([count]) * count:
        raise ValueError("no PKCS 7")
    return body[:-count]


def segments(folder: Path) -> list[tuple[float, str]]:
    """(length in s, name) as the playlist tells them."""
    found = re.findall(r"#EXTINF:([0-9.]+),\n(\S+)", (folder / "index.m3u8").read_text())
    return [(float(length), name) for length, name in found]


def in_the_clear(folder: Path, key: bytes, target: Path) -> Path:
    """All segments of a rendition, opened by their number and put after one another."""
    bodies = [unsealed((folder / name).read_bytes(), key, number) for number, (_, name) in enumerate(segments(folder))]
    target.write_bytes(b"".join(bodies))
    return target


def seen(path: Path, *asked: str) -> dict[str, Any]:
    """What ffprobe tells, as JSON; it may not complain."""
    argv = ["ffprobe", "-v", "error", "-of", "json", *asked, str(path)]
    ran = subprocess.run(argv, check=True, capture_output=True, timeout=60)
    assert ran.stderr == b""
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def key_frames(path: Path) -> list[float]:
    """Times (s) of the frames that a player may begin at, the first being 0."""
    asked = ("-select_streams", "v:0", "-show_entries", "packet=pts_time,flags")
    packets = seen(path, *asked)["packets"]
    first = min(float(packet["pts_time"]) for packet in packets)
    return [round(float(packet["pts_time"]) - first, 3) for packet in packets if packet["flags"].startswith("K")]


def frames(path: Path) -> int:
    """Frames of picture that can be decoded."""
    counted = seen(path, "-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames")
    return int(counted["streams"][0]["nb_read_frames"])


def streams(path: Path) -> dict[str, dict[str, Any]]:
    """The tracks by kind."""
    return {stream["codec_type"]: stream for stream in seen(path, "-show_streams")["streams"]}


@dataclass
class Scene:
    """A source, looked at; `encode` makes its renditions."""

    source: Path
    probe: Probe
    report: Report
    rungs: list[Rung]
    keys: dict[str, bytes]

    def encode(self, target: Path, watch: Watch = NOBODY, **others: Any) -> Encoded:
        """All rungs, quickly; `others` instead of what they are here."""
        given = {"probe": self.probe, "report": self.report, "settings": QUICK} | others
        keys = given.pop("keys", self.keys)
        return encode_ladder(self.source, target, self.rungs, keys, watch=watch, **given)

    def clear(self, folder: Path, target: Path) -> Path:
        """A rendition's folder, named for its rung, in the clear."""
        return in_the_clear(folder, self.keys[folder.name], target / f"{folder.name}.ts")


def a_scene(source: Path) -> Scene:
    """What is needed to encode it, with keys that differ."""
    found = probe(source, LIMITS, NOBODY)
    rungs = rungs_of(found)
    return Scene(source, found, inspect(source, found, LIMITS, NOBODY), rungs, keys_of(rungs))


def keys_of(rungs: Sequence[Rung]) -> dict[str, bytes]:
    """Keys that nobody would draw, so that a test can look for them."""
    return {rung.name: bytes([7 + at]) * 16 for at, rung in enumerate(rungs)}
