"""The files of a rendition: how ffmpeg is told to cut them, and how they become what players get.

    target/{rung}/index.m3u8, 00000.ts, ...      key address `key`, no IV: players take the segment's number

We encrypt: ffmpeg 5.1 given a key without an IV encrypts every segment with the IV 0 (seen here), which tells who looks
at two segments where they begin alike; and so no key is ever in a file or an argument.  We also look at each packet:
where the disk is full, ffmpeg 5.1 drops what it cannot write of a segment, says nothing, and ends with 0 (seen here).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from domain.media import ladder, master
from domain.media.ladder import SEGMENT_S, EncodedRung, Rung
from domain.media.trouble import Failure, StepFailed
from media_jobs.ffmpeg.blame import Trouble

PLAYLIST, KEY_URI, KEY_BYTES = "index.m3u8", "key", 16
MOST_LACKING_MS = 1_000  # that a rendition may be shorter than its source: sound and picture seldom end together
PACKET, SYNC = 188, b"\x47"  # of MPEG-TS
BLOCK = PACKET * 4096
_LENGTH = re.compile(r"#EXTINF:([0-9.]+),")
_SPS = re.compile(rb"\x00\x00\x01[\x27\x47\x67](...)", re.DOTALL)  # profile, constraints, level
_AAC_LC = "mp4a.40.2"
_FIRST_BYTES = 64 * 1024  # the first frame's parameters are in the first packets


def output(rung: Rung) -> list[str]:
    """ffmpeg's options for one rendition's files, relative to the target folder, in the clear."""
    return [
        *("-map_metadata", "-1", "-map_chapters", "-1", "-f", "hls", "-hls_time", str(SEGMENT_S)),
        *("-hls_playlist_type", "vod", "-hls_list_size", "0", "-hls_segment_type", "mpegts"),
        *("-hls_segment_filename", f"{rung.name}/%05d.ts", f"{rung.name}/{PLAYLIST}"),
    ]


def check_keys(rungs: Sequence[Rung], keys: Mapping[str, bytes]) -> None:
    """Raises ValueError for a rung without a key of 16 bytes, and for one key of two rungs."""
    wanted = [keys.get(rung.name, b"") for rung in rungs]
    if any(len(key) != KEY_BYTES for key in wanted) or len(set(wanted)) != len(wanted):
        raise ValueError("every rung has a key of 16 bytes of its own")


def finish(
    target: Path, rungs: Sequence[Rung], keys: Mapping[str, bytes], fps: Fraction, least_ms: int
) -> tuple[list[EncodedRung], int]:
    """What ffmpeg wrote, checked, encrypted, and listed in master.m3u8 at last; with the length (ms) of the shortest.

    StepFailed: GIVE_UP where renditions are not cut every two seconds at the same instants, or much of `least_ms` is
    lacking; AGAIN where not all was written.
    """
    written = [_Written.read(target, rung) for rung in rungs]
    _check_cuts(written, fps)
    length_ms = min(round(1000 * sum(one.lengths)) for one in written)
    if length_ms < least_ms - MOST_LACKING_MS:
        raise _give_up(Trouble.INCOMPLETE, f"Renditions have {length_ms} ms of {least_ms} ms.")
    done = [one.encrypted(keys[one.rung.name]) for one in written]
    (target / "master.m3u8").write_text(master.write([_variant(one, fps) for one in done]))
    return done, length_ms


@dataclass(frozen=True)
class _Written:
    """One rendition on disk: lengths (s) and files of its segments, in order."""

    rung: Rung
    folder: Path
    lengths: tuple[float, ...]

    @classmethod
    def read(cls, target: Path, rung: Rung) -> _Written:
        """StepFailed(AGAIN) where the playlist and the segments do not belong together."""
        folder = target / rung.name
        text = (folder / PLAYLIST).read_text() if (folder / PLAYLIST).is_file() else ""
        one = cls(rung, folder, tuple(float(length) for length in _LENGTH.findall(text)))
        if not sum(one.lengths) or "#EXT-X-ENDLIST" not in text or not all(file.is_file() for file in one.files):
            raise _not_written(f"Rendition {rung.name} has no end")
        return one

    @property
    def files(self) -> list[Path]:
        return [self.folder / f"{number:05d}.ts" for number in range(len(self.lengths))]

    def encrypted(self, key: bytes) -> EncodedRung:
        """Its segments encrypted in place and its playlist written anew; its measures, of what is sent."""
        codecs = _codecs(self.files[0], self.rung.audio_bps > 0)
        for number, file in enumerate(self.files):
            _encrypt(file, key, number)
        (self.folder / PLAYLIST).write_text(self._playlist())
        sizes = [file.stat().st_size for file in self.files]
        average = 8 * sum(sizes) / sum(self.lengths)
        # A last segment of a few frames would tell a rate that nobody ever needs: it is taken as a second at least.
        peak = max(8 * size / max(length, 1.0) for size, length in zip(sizes, self.lengths, strict=True))
        return EncodedRung(
            rung=self.rung,
            bytes=sum(sizes),
            segments=len(sizes),
            bandwidth=round(max(peak, average)),
            average_bandwidth=round(average),
            codecs=codecs,
        )

    def _playlist(self) -> str:
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{ceil(max(self.lengths) - 0.5)}"]
        lines += ["#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS"]
        lines.append(f'#EXT-X-KEY:METHOD=AES-128,URI="{KEY_URI}"')
        for length, file in zip(self.lengths, self.files, strict=True):
            lines += [f"#EXTINF:{length:.6f},", file.name]
        return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _check_cuts(written: Sequence[_Written], fps: Fraction) -> None:
    if not ladder.aligned([one.lengths for one in written], fps):
        cuts = ", ".join(f"{one.rung.name}: {len(one.lengths)}" for one in written)
        raise _give_up(Trouble.NOT_ALIGNED, f"Renditions are cut at different instants ({cuts}).")
    if any(abs(length - SEGMENT_S) > 1 / fps for one in written for length in one.lengths[:-1]):
        raise _give_up(Trouble.NOT_ALIGNED, f"Key frames do not stand every {SEGMENT_S} s.")


def _encrypt(file: Path, key: bytes, number: int) -> None:
    """AES-128-CBC with PKCS 7; the IV is the segment's number, big-endian (RFC 8216, 5.2)."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(number.to_bytes(KEY_BYTES, "big"))).encryptor()
    padder = PKCS7(8 * KEY_BYTES).padder()
    sealed = file.with_suffix(".sealed")
    with file.open("rb") as plain, sealed.open("wb") as out:
        while block := plain.read(BLOCK):
            if len(block) % PACKET or block[::PACKET] != SYNC * (len(block) // PACKET):
                raise _not_written(f"Segment {number} has holes")
            out.write(cipher.update(padder.update(block)))
        out.write(cipher.update(padder.finalize()) + cipher.finalize())
    os.replace(sealed, file)


def _codecs(segment: Path, sound: bool) -> str:
    """RFC 6381: `avc1.` and the three bytes of the picture's parameters as they are, not as they were asked for."""
    with segment.open("rb") as file:
        found = _SPS.search(file.read(_FIRST_BYTES))
    if found is None:
        raise _give_up(Trouble.INCOMPLETE, "A rendition begins without parameters of its picture.")
    return f"avc1.{found[1].hex()}" + (f",{_AAC_LC}" if sound else "")


def _variant(one: EncodedRung, fps: Fraction) -> master.Variant:
    return master.Variant(
        name=one.rung.name,
        width=one.rung.width,
        height=one.rung.height,
        peak_bps=one.bandwidth,
        average_bps=one.average_bandwidth,
        codecs=one.codecs,
        fps=float(fps),
    )


def _not_written(what: str) -> StepFailed:
    return StepFailed(Failure.AGAIN, Trouble.NO_SPACE, f"{what}: the disk was full while it was written.")


def _give_up(reason: Trouble, text: str) -> StepFailed:
    return StepFailed(Failure.GIVE_UP, reason, text)
