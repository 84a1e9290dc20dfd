"""Files to COS and back while the network, COS and other workers do what they do: nothing twice, nothing wrong."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.media.cos_signature import Bucket
from domain.media.trouble import Cancelled, Failure, StepFailed
from infra.place import ROOT
from media_jobs.cos.client import TRIES, Cos
from media_jobs.cos.multipart import PART, PARTS, part_size
from media_jobs.cos.storage import CosStorage
from media_jobs.watch import Unwatched
from tests.redis_server import until
from tests.standins.cos import CosStandIn
from tests.standins.cos_door import Door
from tests.storages import Told, a_file, cos_of, crc_of, quick

KEY = "incoming/7/1/clip.mp4"
SIZE = 5 * PART + 777  # six parts
WATCH = Unwatched()


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[CosStandIn]:
    with CosStandIn(tmp_path / "cos") as running:
        yield running


@pytest.fixture
def storage(stand_in: CosStandIn) -> CosStorage:
    return CosStorage(cos_of(stand_in))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return a_file(tmp_path, SIZE)


def parts(stand_in: CosStandIn, status: str = "200") -> list[int]:
    """The numbers of the parts that were sent and ended so, in order."""
    asked = stand_in.asked(rf"^PUT .*partNumber=.* {status}$")
    return sorted(int(re.search(r"partNumber=(\d+)", request)[1]) for request in asked)


def refused(attempt) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        attempt()
    return caught.value


def test_a_cut_upload_goes_on_with_the_missing_parts_only(stand_in, storage, clip):
    stand_in.faults.plan("cut", "PUT", "partNumber=4", times=TRIES)
    failed = refused(lambda: storage.put(KEY, clip, "video/mp4", WATCH))
    assert (failed.kind, failed.reason) == (Failure.AGAIN, "storage_unavailable")
    assert storage.head(KEY) is None
    until(lambda: not any(thread.name.startswith("cos-part") for thread in threading.enumerate()), 10, "parts end")
    before = parts(stand_in)
    assert before
    assert 4 not in before
    assert storage.put(KEY, clip, "video/mp4", WATCH).crc64 == crc_of(clip.read_bytes())
    assert parts(stand_in) == [1, 2, 3, 4, 5, 6]  # each once in both calls together
    assert len(stand_in.asked("^POST .*uploads 200")) == 1


def test_so_does_one_whose_worker_was_killed_and_another_process_goes_on(stand_in, storage, clip):
    with pytest.raises(Cancelled):
        storage.put(KEY, clip, "video/mp4", Told(stop_at=500))
    until(lambda: not any(thread.name.startswith("cos-part") for thread in threading.enumerate()), 10, "parts end")
    assert len(parts(stand_in)) in range(2, 6)
    assert CosStorage(cos_of(stand_in)).put(KEY, clip, "video/mp4", WATCH).size == SIZE
    assert parts(stand_in) == [1, 2, 3, 4, 5, 6]


def test_parts_of_another_file_or_damaged_ones_are_sent_anew(stand_in, storage, clip, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(clip.read_bytes()[:PART] + random.Random(9).randbytes(SIZE - PART))
    stand_in.faults.plan("cut", "PUT", "partNumber=6", times=TRIES)
    refused(lambda: storage.put(KEY, other, "video/mp4", WATCH))
    until(lambda: parts(stand_in) == [1, 2, 3, 4, 5], 10, "all are there")
    assert storage.put(KEY, clip, "video/mp4", WATCH).crc64 == crc_of(clip.read_bytes())
    assert parts(stand_in) == [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]  # the first is the same in both


def test_the_answer_to_the_last_request_may_be_lost(stand_in, storage, clip):
    stand_in.faults.plan("lose", "POST", "uploadId")
    assert storage.put(KEY, clip, "video/mp4", WATCH).size == SIZE
    assert len(stand_in.asked("^POST .*uploadId")) == 1
    assert parts(stand_in) == [1, 2, 3, 4, 5, 6]


def test_a_success_that_is_none_is_told_from_one(stand_in, storage, clip, monkeypatch):
    """COS says 200 before it has joined the parts, and may put an error where the result belongs."""
    error = {"Error": {"Code": "InternalError", "Message": "", "Resource": "", "RequestId": ""}}
    monkeypatch.setattr(Door, "_complete", lambda door: (door._body(1 << 20), door._xml(error))[1])
    failed = refused(lambda: storage.put(KEY, clip, "video/mp4", WATCH))
    assert (failed.kind, failed.reason) == (Failure.AGAIN, "storage_unavailable")
    monkeypatch.undo()
    assert storage.put(KEY, clip, "video/mp4", WATCH).size == SIZE
    assert parts(stand_in) == [1, 2, 3, 4, 5, 6]


def test_an_upload_that_somebody_else_has_ended_begins_anew_the_next_time(stand_in, storage, clip):
    stand_in.faults.plan("refuse", "POST", "uploadId", times=1)
    refused(lambda: storage.put(KEY, clip, "video/mp4", WATCH))
    stand_in.objects.uploads.clear()
    assert storage.put(KEY, clip, "video/mp4", WATCH).size == SIZE
    assert stand_in.objects.uploads == {}


def test_parts_that_cos_does_not_take_are_dropped(stand_in, storage, clip, monkeypatch):
    def spoil(*_: object) -> list[object]:
        stand_in.objects.uploads[next(iter(stand_in.objects.uploads))].parts.pop(2)
        return original(*_)

    original = stand_in.objects.complete
    monkeypatch.setattr(stand_in.objects, "complete", spoil)
    failed = refused(lambda: storage.put(KEY, clip, "video/mp4", WATCH))
    assert failed.kind is Failure.AGAIN
    assert stand_in.objects.uploads == {}
    monkeypatch.undo()
    assert storage.put(KEY, clip, "video/mp4", WATCH).size == SIZE


def test_what_cos_has_otherwise_than_it_was_sent_is_told_by_its_crc(stand_in, storage, clip, monkeypatch):
    original = stand_in.objects.complete

    def damage(key: str, *rest: object) -> object:
        blob = original(key, *rest)
        stand_in.objects.blobs[key] = type(blob)(**{**vars(blob), "crc64": blob.crc64 ^ 1})
        return blob

    monkeypatch.setattr(stand_in.objects, "complete", damage)
    failed = refused(lambda: storage.put(KEY, clip, "video/mp4", WATCH))
    assert (failed.kind, failed.reason) == (Failure.AGAIN, "checksum")


def test_a_cut_download_goes_on_where_it_ended(stand_in, storage, clip, tmp_path):
    storage.put(KEY, clip, "video/mp4", WATCH)
    stand_in.faults.plan("truncate", "GET", "clip.mp4", times=2)
    fetched = storage.fetch(KEY, tmp_path / "back", SIZE, WATCH)
    assert fetched.crc64 == crc_of((tmp_path / "back").read_bytes()) == crc_of(clip.read_bytes())
    assert [request[-3:] for request in stand_in.asked("^GET /incoming")] == ["one", "one", "206"]


def test_two_versions_are_never_joined(stand_in, storage, clip, tmp_path):
    storage.put(KEY, clip, "video/mp4", WATCH)
    stand_in.faults.plan("truncate", "GET", "clip.mp4")

    class Meanwhile:
        def progress(self, permille: int) -> None:
            if permille > 300 and not stand_in.asked("^PUT /incoming/7/1/clip.mp4 "):
                other.put_bytes(KEY, b"x" * 3 * PART, "video/mp4")

    other = CosStorage(cos_of(stand_in))
    failed = refused(lambda: storage.fetch(KEY, tmp_path / "back", SIZE, Meanwhile()))
    assert failed.kind is Failure.AGAIN
    assert not (tmp_path / "back").exists()
    assert storage.fetch(KEY, tmp_path / "back", SIZE, WATCH).size == 3 * PART


def test_bytes_that_changed_on_the_way_are_noticed(stand_in, storage, tmp_path):
    storage.put_bytes(KEY, b"right", "video/mp4")
    stand_in.objects.blobs[KEY].path.write_bytes(b"wrong")
    failed = refused(lambda: storage.fetch(KEY, tmp_path / "back", SIZE, WATCH))
    assert (failed.kind, failed.reason) == (Failure.AGAIN, "checksum")
    assert not (tmp_path / "back").exists()


def test_a_busy_cos_is_asked_again_and_at_last_somebody_else_decides(stand_in, storage):
    stand_in.faults.plan("refuse", "PUT", "clip.mp4", times=TRIES - 1)
    storage.put_bytes(KEY, b"x", "video/mp4")
    assert len(stand_in.asked("^PUT .* 503$")) == TRIES - 1
    stand_in.faults.plan("refuse", "HEAD", "clip.mp4", times=TRIES)
    assert refused(lambda: storage.head(KEY)).kind is Failure.AGAIN


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        ({"secret_key": "another"}, "storage_refused", "JULIU_COS_SECRET_KEY"),
        ({"secret_id": "AKIDnobody"}, "storage_refused", "JULIU_COS_SECRET_ID"),
        ({"region": "ap-beijing"}, "storage_refused", "JULIU_COS_REGION"),
    ],
)
def test_wrong_settings_are_for_people_and_asked_once(stand_in, change, reason, words):
    bucket = Bucket(**{**vars(stand_in.bucket), **change})
    storage = CosStorage(Cos(bucket, stand_in.place, pause=quick))
    failed = refused(lambda: storage.put_bytes(KEY, b"x", "video/mp4"))
    assert (failed.kind, failed.reason) == (Failure.MEND, reason)
    assert words in failed.text
    assert bucket.secret_key not in failed.text
    assert len(stand_in.requests) == 1


def test_a_cos_that_is_away_is_no_verdict_and_a_watch_ends_the_waiting(stand_in, clip):
    storage = CosStorage(Cos(stand_in.bucket, "127.0.0.1:1", pause=quick))
    assert refused(lambda: storage.head(KEY)).kind is Failure.AGAIN
    with pytest.raises(Cancelled):
        storage.put(KEY, clip, "video/mp4", Told(stop_at=0))


def test_others_lifecycle_rules_stay(stand_in, storage):
    foreign = "<Rule><ID>theirs</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter></Rule>"
    stand_in.objects.lifecycle = f"<LifecycleConfiguration>{foreign}</LifecycleConfiguration>".encode()
    storage.prepare()
    storage.prepare()
    told = stand_in.objects.lifecycle.decode()
    assert re.findall(r"<ID>(.*?)</ID>", told) == ["theirs", "juliu-work", "juliu-cut-uploads"]
    assert "<Prefix>work/</Prefix>" in told
    assert "<DaysAfterInitiation>3</DaysAfterInitiation>" in told


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_fails_by_chance_files_arrive_once_and_right(tmp_path, seed):
    with CosStandIn(tmp_path / "cos", seed) as stand_in:
        stand_in.faults.rates = {"refuse": 0.1, "cut": 0.1, "lose": 0.1, "truncate": 0.1}
        storage = CosStorage(cos_of(stand_in))
        bodies = {f"hls/7/1/abc/{number:05d}.ts": a_file(tmp_path, 9_000_000 * (number == 0) + 5_000, number)
                  for number in range(8)}  # fmt: skip
        for key, path in bodies.items():
            _persist(lambda key=key, path=path: storage.put(key, path, "video/mp2t", WATCH))
            _persist(lambda key=key: storage.fetch(key, tmp_path / "back", 1 << 30, WATCH))
            assert (tmp_path / "back").read_bytes() == path.read_bytes()
        assert {kind for kind, _ in stand_in.faults.met} == {"refuse", "cut", "lose", "truncate"}
        stand_in.faults.off()
        assert storage.keys("", 100) == sorted(bodies)


def test_memory_does_not_grow_with_the_file(stand_in, tmp_path):
    """96 MiB, sparse; 500 MB gave the same peak (75 MB) when it was tried by hand."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.seek(96 << 20)
        file.write(b"end")
    asked = [sys.executable, "-m", "tests.upload_memory", stand_in.place, path, tmp_path / "back"]
    ended = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    told = json.loads(ended.stdout)
    assert told["size"] == path.stat().st_size
    assert told["peak_mb"] <= 100  # 40 % of it is the program; a whole worker has 40 MB more


@pytest.mark.parametrize(
    ("size", "piece"), [(0, PART), (PARTS * PART, PART), (PARTS * PART + 1, 2 * PART), (1 << 40, 27 * PART)]
)
def test_a_file_has_at_most_ten_thousand_parts(size, piece):
    assert part_size(size) == piece
    assert -(-size // piece) <= PARTS


def test_more_than_cos_takes_is_refused():
    with pytest.raises(ValueError, match="more than COS takes"):
        part_size(PARTS * (5 << 30) + 1)


def _persist(attempt) -> None:
    """As the queue does: an attempt that says "again" is made again."""
    for _ in range(12):
        try:
            attempt()
        except StepFailed as failed:
            assert failed.kind is Failure.AGAIN, failed  # noqa: PT017
        else:
            return
    raise AssertionError("twelve attempts were not enough")
