"""A large file to COS in parts: what an earlier, cut upload left there is not sent again.

The parts that are there are known by size and MD5 (a part's ETag is its MD5; the whole object's is not), so a part of
another file, or one that was damaged on the way, is sent anew.  Whether the whole is right the CRC tells at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any

from domain.media.trouble import StepFailed
from media_jobs.cos.client import Cos
from media_jobs.cos.failures import Refused, Transient
from media_jobs.cos.objects import etag_of, head
from media_jobs.crc64 import crc64
from media_jobs.watch import Watch

PART = 4 << 20  # bytes; COS takes 1 MiB to 5 GiB
PARTS = 10_000  # COS's bound
AT_ONCE = 3  # parts under way: with the one that is read, 16 MiB in memory
_SPOILT = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "EntityTooLarge"})
ASK_S = 0.5  # how long the watch is not asked while parts are under way


@dataclass(frozen=True)
class Part:
    """One part as COS wants it named at the end."""

    number: int
    size: int
    etag: str


class Upload:
    """One file on its way to one key."""

    def __init__(self, cos: Cos, key: str, path: Path, watch: Watch) -> None:
        self._cos, self._key, self._path, self._watch = cos, key, path, watch
        self._size = path.stat().st_size
        self._sent = 0
        self._crc = 0

    def run(self, content_type: str) -> tuple[int, int]:
        """Size and CRC of the file, which is whole in COS then.  Raises StepFailed, and what the watch raises."""
        upload_id, there = self._begun(content_type)
        parts = self._parts(upload_id, there)
        self._complete(upload_id, sorted(parts, key=lambda part: part.number))
        return self._size, self._crc

    def _begun(self, content_type: str) -> tuple[str, Mapping[int, Part]]:
        """The latest upload of this key that nobody completed, and its parts; a new one where there is none."""
        begun = self._ask("list_multipart_uploads", Prefix=self._key)
        mine = [upload for upload in begun.get("Upload", []) if upload["Key"] == self._key]
        if not mine:
            made = self._ask("create_multipart_upload", Key=self._key, ContentType=content_type)
            return str(made["UploadId"]), {}
        latest = str(max(mine, key=lambda upload: str(upload["Initiated"]))["UploadId"])
        return latest, {part.number: part for part in self._listed(latest)}

    def _listed(self, upload_id: str) -> Iterator[Part]:
        marker = "0"
        for _ in range(PARTS // 1_000 + 1):
            page = self._ask("list_parts", Key=self._key, UploadId=upload_id, PartNumberMarker=marker)
            for row in page.get("Part", []):
                yield Part(int(row["PartNumber"]), int(row["Size"]), str(row["ETag"]).strip('"'))
            if page.get("IsTruncated") != "true":
                return
            marker = str(page["NextPartNumberMarker"])

    def _parts(self, upload_id: str, there: Mapping[int, Part]) -> list[Part]:
        parts: list[Part] = []
        running: set[Future[Part]] = set()
        with _pool() as pool:
            for number, body in enumerate(self._bodies(), 1):
                known = there.get(number)
                if known is not None and known.size == len(body) and known.etag == _md5(body):
                    parts.append(self._counted(known))
                    continue
                running.add(pool.submit(self._send, upload_id, number, body))
                while len(running) >= AT_ONCE:
                    running = self._settled(running, parts)
            while running:
                running = self._settled(running, parts)
        return parts

    def _bodies(self) -> Iterator[bytes]:
        """The file in pieces of one size, the CRC going along."""
        piece = part_size(self._size)
        with self._path.open("rb") as file:
            while body := file.read(piece):
                self._crc = crc64(body, self._crc)
                yield body

    def _settled(self, running: set[Future[Part]], parts: list[Part]) -> set[Future[Part]]:
        """Those still running after a while; what has ended is counted, or raised."""
        done, left = wait(running, timeout=ASK_S, return_when=FIRST_COMPLETED)
        parts.extend(self._counted(future.result()) for future in done)
        self._watch.progress(self._permille())
        return left

    def _send(self, upload_id: str, number: int, body: bytes) -> Part:
        answer = self._cos.ask(
            "upload_part", Key=self._key, Body=body, PartNumber=number, UploadId=upload_id, EnableMD5=True
        )
        return Part(number, len(body), etag_of(answer))

    def _counted(self, part: Part) -> Part:
        self._sent += part.size
        self._watch.progress(self._permille())
        return part

    def _complete(self, upload_id: str, parts: Sequence[Part]) -> None:
        """Asked once: after an unclear answer, or where somebody else completed it, the object itself tells."""
        rows = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        named: dict[str, Any] = {"UploadId": upload_id, "MultipartUpload": {"Part": rows}}
        try:
            self._cos.once("complete_multipart_upload", Key=self._key, **named)
        except StepFailed as unclear:
            if not self._whole():
                self._begin_anew_where_refused(upload_id, unclear)
                raise Transient("storage_unavailable", f"the upload did not end: {unclear.text}") from unclear
        else:
            if not self._whole():
                raise Transient("checksum", f"{self._key} is not in COS as it is here, and is sent again")

    def _whole(self) -> bool:
        there = head(self._cos, self._key, self._watch)
        return there is not None and there.size == self._size and there.crc64 == self._crc

    def _begin_anew_where_refused(self, upload_id: str, unclear: StepFailed) -> None:
        """Parts that COS does not take are of no use to the next try."""
        if isinstance(unclear, Refused) and unclear.code in _SPOILT:
            with suppress(StepFailed):
                self._cos.once("abort_multipart_upload", Key=self._key, UploadId=upload_id)

    def _permille(self) -> int:
        return min(1000, self._sent * 1000 // max(1, self._size))

    def _ask(self, call: str, **arguments: Any) -> Any:
        return self._cos.ask(call, self._watch, self._permille(), **arguments)


def part_size(size: int) -> int:
    """Bytes of a part: always the same for the same file, or nothing could be resumed.

    Raises ValueError past what COS takes (48 TiB).
    """
    if size > PARTS * (5 << 30):
        raise ValueError(f"{size} bytes are more than COS takes")
    least = -(-size // PARTS)
    return max(PART, -(-least // PART) * PART)


def _md5(body: bytes) -> str:
    return md5(body, usedforsecurity=False).hexdigest()


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that nobody waits for when the work is dropped: each ends with its part or its time-out."""
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="cos-part")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
