"""What every Storage promises media jobs: the memory twin, the folder, and COS as its stand-in plays it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domain.media.trouble import Cancelled, Failure, StepFailed
from media_jobs.engine import MAX_KEYS
from media_jobs.tree import put_tree
from media_jobs.watch import Unwatched
from tests import storages
from tests.storages import Kept, Told, a_file, crc_of

KEY = "incoming/7/1/clip.mp4"
LARGE = (9 << 20) + 12_345  # three parts of COS
WATCH = Unwatched()
BAD_KEYS = ("", "/etc/passwd", "../up.mp4", "hls/../../up", "hls//x", "hls/.hidden", "hls/a b", "hls/剧", "x", "HLS/x")


@pytest.fixture(params=[storages.memory, storages.local, storages.cos], ids=["memory", "local", "cos"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    yield from request.param(tmp_path / "storage")


@pytest.fixture
def storage(kept):
    return kept.storage


@pytest.mark.parametrize("size", [0, 1, 100_000, LARGE])
def test_what_is_put_is_there_whole(storage, tmp_path, size):
    source = a_file(tmp_path, size)
    watch, target = Told(), tmp_path / "back"
    put = storage.put(KEY, source, "video/mp4", watch)
    assert put == storage.head(KEY) == storage.fetch(KEY, target, LARGE, WATCH)
    assert put == (KEY, size, crc_of(source.read_bytes()))
    assert target.read_bytes() == source.read_bytes()
    assert watch.heard == sorted(watch.heard)
    assert all(0 <= permille <= 1000 for permille in watch.heard)
    assert size == 0 or watch.heard[-1] == 1000


def test_a_second_put_replaces_the_first(storage, tmp_path):
    storage.put(KEY, a_file(tmp_path, LARGE), "video/mp4", WATCH)
    storage.put_bytes(KEY, b"other", "video/mp4")
    assert storage.head(KEY).size == 5
    storage.put(KEY, a_file(tmp_path, LARGE, 1), "video/mp4", WATCH)
    assert storage.head(KEY) == (KEY, LARGE, crc_of(a_file(tmp_path, LARGE, 1).read_bytes()))


def test_what_was_fetched_stays_when_the_key_gets_another(storage, tmp_path):
    storage.put_bytes(KEY, b"first", "video/mp4")
    storage.fetch(KEY, tmp_path / "back", 10, WATCH)
    storage.put_bytes(KEY, b"second", "video/mp4")
    storage.delete([KEY])
    assert (tmp_path / "back").read_bytes() == b"first"


def test_what_is_not_there_is_none_and_somebody_must_put_it(storage, tmp_path):
    assert storage.head(KEY) is None
    with pytest.raises(StepFailed) as caught:
        storage.fetch(KEY, tmp_path / "back", 10, WATCH)
    assert (caught.value.kind, caught.value.reason) == (Failure.MEND, "not_found")
    assert not (tmp_path / "back").exists()


def test_more_than_was_allowed_is_not_fetched(storage, tmp_path):
    storage.put(KEY, a_file(tmp_path, LARGE), "video/mp4", WATCH)
    with pytest.raises(StepFailed) as caught:
        storage.fetch(KEY, tmp_path / "back", LARGE - 1, WATCH)
    assert (caught.value.kind, caught.value.reason) == (Failure.MEND, "too_large")
    assert not (tmp_path / "back").exists()


def test_a_put_that_is_stopped_changes_nothing_and_may_be_repeated(storage, tmp_path):
    storage.put_bytes(KEY, b"before", "video/mp4")
    with pytest.raises(Cancelled):
        storage.put(KEY, a_file(tmp_path, LARGE), "video/mp4", Told(stop_at=300))
    assert storage.head(KEY).size == 6
    assert storage.keys("", 10) == [KEY]
    assert storage.put(KEY, a_file(tmp_path, LARGE), "video/mp4", WATCH).size == LARGE


def test_a_fetch_that_is_stopped_leaves_nothing(storage, tmp_path):
    storage.put(KEY, a_file(tmp_path, LARGE), "video/mp4", WATCH)
    with pytest.raises(Cancelled):
        storage.fetch(KEY, tmp_path / "back", LARGE, Told(stop_at=300))
    assert not (tmp_path / "back").exists()


def test_of_two_who_put_at_once_one_is_there_whole(storage, tmp_path):
    files = [a_file(tmp_path, LARGE, seed) for seed in (1, 2)]

    def put(path: Path) -> str:
        try:
            storage.put(KEY, path, "video/mp4", WATCH)
        except StepFailed as failed:
            return failed.kind
        return "done"

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(put, files))
    there = storage.head(KEY)
    assert set(ended) <= {"done", Failure.AGAIN}
    assert there is None or there.crc64 in {crc_of(path.read_bytes()) for path in files}
    assert (there is not None) == ("done" in ended)
    assert put(files[0]) == "done"
    assert storage.head(KEY).crc64 == crc_of(files[0].read_bytes())


def test_keys_are_listed_by_prefix_in_order_past_a_page(kept):
    many = [f"hls/1/1/abc/{number:05d}.ts" for number in range(1_003)]
    kept.fill([*many, "hls/1/10/abc/00000.ts", "posters/1/1/0-240.jpg"])
    assert kept.storage.keys("hls/1/1/", MAX_KEYS) == many
    assert kept.storage.keys("hls/1/1/", 1_001) == many[:1_001]
    assert kept.storage.keys("hls/1/1", MAX_KEYS) == [*many, "hls/1/10/abc/00000.ts"]
    assert kept.storage.keys("hls/2/", 10) == []
    kept.storage.delete([*many, "hls/9/9/never-there.ts"])
    assert kept.storage.keys("", 10) == ["hls/1/10/abc/00000.ts", "posters/1/1/0-240.jpg"]


@pytest.mark.parametrize("limit", [0, -1, MAX_KEYS + 1])
def test_a_list_has_a_bound(storage, limit):
    with pytest.raises(ValueError, match=str(limit)):
        storage.keys("", limit)


def test_what_lies_there_is_listed_with_size_and_time_page_by_page(kept):
    names = [f"hls/7/1/abc/{number:05d}.ts" for number in range(3)]
    kept.fill([*names, "incoming/7/1/clip.mp4"])
    before, now = kept.clock() * 1000 - 60_000, kept.clock() * 1000 + 60_000
    first = kept.storage.listed("hls/7/1/", "", 2)
    assert [(one.key, one.size) for one in first] == [(name, 1) for name in names[:2]]
    assert all(before < one.changed_ms < now for one in first)
    assert [one.key for one in kept.storage.listed("hls/7/1/", first[-1].key, 2)] == names[2:]
    assert kept.storage.listed("hls/7/1/", names[2], 2) == []
    with pytest.raises(ValueError, match="0"):
        kept.storage.listed("", "", 0)


def test_uploads_that_nobody_ends_are_told_and_end(kept):
    kept.storage.put_bytes(KEY, b"hello", "video/mp4")
    kept.cut("incoming/7/1/cut.mp4")
    kept.cut("incoming/7/2/cut.mp4")
    now_ms = kept.clock() * 1000 + 60_000
    assert kept.storage.unfinished(now_ms - 3_600_000, 10) == []
    assert len(kept.storage.unfinished(now_ms, 1)) == 1
    found = kept.storage.unfinished(now_ms, 10)
    assert len({one.name for one in found}) == 2
    assert all(now_ms - 3_600_000 < one.begun_ms < now_ms for one in found)
    kept.storage.end(found[:1])
    kept.storage.end(found)  # the first has ended
    assert kept.storage.unfinished(now_ms, 10) == []
    assert [one.key for one in kept.storage.listed("", "", 10)] == [KEY]


def test_a_deletion_has_a_bound(storage):
    with pytest.raises(ValueError, match=str(MAX_KEYS + 1)):
        storage.delete([KEY] * (MAX_KEYS + 1))


@pytest.mark.parametrize("key", BAD_KEYS)
def test_what_is_no_key_is_refused_everywhere(storage, tmp_path, key):
    path = a_file(tmp_path, 1)
    for attempt in (
        lambda: storage.put(key, path, "video/mp4", WATCH),
        lambda: storage.put_bytes(key, b"", "video/mp4"),
        lambda: storage.fetch(key, tmp_path / "back", 10, WATCH),
        lambda: storage.head(key),
        lambda: storage.delete([KEY, key]),
        lambda: storage.pull_address(key, 60),
        lambda: storage.upload_address(key, 60, 1),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - of any words
            attempt()
    assert storage.keys("", 10) == []


def test_an_address_to_pull_is_good_for_its_file_and_its_time(kept):
    kept.storage.put_bytes(KEY, b"hello", "video/mp4")
    kept.storage.put_bytes("incoming/7/2/clip.mp4", b"other", "video/mp4")
    address = kept.storage.pull_address(KEY, 600)
    assert kept.browse("GET", address) == (200, b"hello")
    assert kept.browse("PUT", address, b"worse")[0] == 403
    if not address.startswith("memory:"):
        assert kept.browse("GET", address.replace("/7/1/", "/7/2/"))[0] == 403
    kept.clock.ahead_s = 601
    assert kept.browse("GET", address)[0] == 403
    assert kept.storage.head(KEY).size == 5


def test_an_address_to_upload_takes_so_many_bytes_and_no_others(kept):
    address = kept.storage.upload_address(KEY, 600, 5)
    assert kept.browse("PUT", address, b"123456")[0] == 403
    assert kept.browse("PUT", address, b"1234")[0] == 403
    assert kept.storage.head(KEY) is None
    assert kept.browse("PUT", address, b"12345")[0] == 200
    assert kept.storage.head(KEY) == (KEY, 5, crc_of(b"12345"))
    kept.clock.ahead_s = 601
    assert kept.browse("PUT", address, b"54321")[0] == 403


@pytest.mark.parametrize("life_s", [0, 59, 7 * 86_400 + 1])
def test_an_address_lives_neither_moments_nor_weeks(storage, life_s):
    for make in (lambda: storage.pull_address(KEY, life_s), lambda: storage.upload_address(KEY, life_s, 1)):
        with pytest.raises(ValueError, match=str(life_s)):
            make()


def test_a_tree_is_put_with_what_vouches_for_it_last(storage, tmp_path):
    folder, order, watch = tmp_path / "hls", [], Told()
    for name in ("360p/00000.ts", "360p/index.m3u8", "master.m3u8", "720p/00000.ts"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    put = storage.put
    storage.put = lambda key, *rest: (order.append(key), put(key, *rest))[1]
    stored = put_tree(storage, folder, "hls/7/1/abc", watch)
    assert [one.key for one in stored] == order
    assert order[-1] == "hls/7/1/abc/master.m3u8"
    assert sorted(order) == storage.keys("hls/7/1/abc/", 10)
    assert watch.heard[-1] == 1000
    (folder / "720p/00000.ts").write_bytes(b"720p/0000X.ts")  # as long as before
    assert put_tree(storage, folder, "hls/7/1/abc", WATCH) != stored
    assert order[4:] == ["hls/7/1/abc/720p/00000.ts"]


def test_preparing_may_be_repeated_and_takes_nothing_away(storage):
    storage.put_bytes(KEY, b"hello", "video/mp4")
    storage.prepare()
    storage.prepare()
    assert storage.keys("", 10) == [KEY]
