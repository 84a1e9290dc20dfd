"""The published form: what goes in comes out, and nothing damaged comes out as anything."""

from __future__ import annotations

import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue import Drama
from infra.catalogue import form
from infra.catalogue.form import CatalogueDamaged, Delta, Meta, Version
from tests.catalogue import a_drama

texts = st.text(max_size=20)
dramas = st.builds(
    Drama,
    drama_id=st.integers(1, 2**53 - 1),
    index=st.integers(1, 65_535),
    title=texts,
    category=texts,
    tags=st.lists(texts, max_size=4).map(tuple),
    cast=st.lists(texts, max_size=4).map(tuple),
    region=texts,
    published=st.booleans(),
    series=texts,
    durations=st.lists(st.integers(0, 2**32 - 1), max_size=100),
    releases=st.lists(st.integers(0, 2**53), max_size=100),
)


@given(st.lists(dramas, max_size=5))
def test_a_chunk_comes_back_as_it_went(some: list[Drama]):
    chunk = form.chunk_of(some)
    assert form.read_chunk(chunk, form.digest_of(chunk)) == some


@given(st.lists(dramas, max_size=5))
def test_a_delta_comes_back_as_it_went(some: list[Drama]):
    delta = Delta(after=3, revision=5, dramas=some)
    assert form.read_delta(form.delta_of(delta)) == delta


def test_meta_and_version_come_back_as_they_went():
    meta = Meta(revision=5, dramas=1, chunks=["ab"], previous=2)
    assert form.read_meta(form.meta_of(meta)) == meta
    assert Version.parse(str(Version(3, 4, 5)).encode()) == Version(3, 4, 5)


def test_words_that_repeat_are_held_once():
    chunk = form.chunk_of(
        [a_drama(n, index=n, tags=("甜宠",), cast=("张三",), region="CN", series="重生") for n in (1, 2)]
    )
    one, other = form.read_chunk(chunk, form.digest_of(chunk))
    assert one.tags[0] is other.tags[0]
    assert one.cast[0] is other.cast[0]
    assert one.region is other.region
    assert one.series is other.series


def test_a_chunk_of_an_older_juliu_is_read_and_a_field_of_tomorrow_is_passed_over():
    before: list[object] = [7, 3, "重生", "都市", ["甜宠"], ["张三"], "CN", 0, 5, 80, True, [60_001, 60_002]]
    of_series, of_media = [*before, "重生"], [*before, "重生", b"123456" * 2]
    of_releases = [*of_media, [0, 1_796_119_200_000]]
    of_today = [*of_releases, b"\x00\x02"]
    for written, series, renditions, release_ms, posters in (
        (before, "", b"", 0, b""), (of_series, "重生", b"", 0, b""), (of_media, "重生", b"123456" * 2, 0, b""),
        (of_releases, "重生", b"123456" * 2, 1_796_119_200_000, b""),
        ([*of_today, "tomorrow"], "重生", b"123456" * 2, 1_796_119_200_000, b"\x00\x02"),
    ):  # fmt: skip
        chunk = zlib.compress(msgspec.msgpack.encode([written]))
        (drama,) = form.read_chunk(chunk, form.digest_of(chunk))
        assert (drama.title, list(drama.durations)) == ("重生", [60_001, 60_002])
        assert (drama.series, drama.renditions) == (series, renditions)
        assert (drama.release_ms(2), drama.posters) == (release_ms, posters)


def test_a_chunk_with_one_bit_changed_is_damaged():
    chunk = form.chunk_of([a_drama()])
    spoiled = bytes([chunk[0] ^ 1]) + chunk[1:]
    with pytest.raises(CatalogueDamaged, match="sha256"):
        form.read_chunk(spoiled, form.digest_of(chunk))


def whole(data: bytes) -> bytes:
    return zlib.compress(data)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"not compressed",
        whole(b"not msgpack"),
        form.delta_of(Delta(after=1, revision=2, dramas=[a_drama()]))[:-3],
        whole(msgspec.msgpack.encode({"format": 1})),
        whole(msgspec.msgpack.encode({"format": 1, "after": 1, "revision": 2, "dramas": [[7, 70_000]]})),
        whole(msgspec.msgpack.encode([1] * 10)),
    ],
)
def test_a_damaged_delta_is_told_apart(bad: bytes):
    with pytest.raises(CatalogueDamaged):
        form.read_delta(bad)


def test_a_duration_that_does_not_fit_is_damage():
    delta = {"format": 1, "after": 1, "revision": 2, "dramas": [[7, 1, "", "", [], [], "", 0, 0, 0, True, [2**40]]]}
    with pytest.raises(CatalogueDamaged):
        form.read_delta(whole(msgspec.msgpack.encode(delta)))


def test_what_inflates_without_end_is_not_inflated():
    with pytest.raises(CatalogueDamaged, match="larger than allowed"):
        form.read_delta(zlib.compress(bytes(form.MAX_INFLATED + 1)))


@pytest.mark.parametrize("bad", [b"", b"1:2", b"1:2:x", b"1:2:3:4", b"\xff:1:1"])
def test_a_damaged_version_is_told_apart(bad: bytes):
    with pytest.raises(CatalogueDamaged, match="no version"):
        Version.parse(bad)


def test_a_newer_format_is_refused_in_words():
    newer = Meta(format=form.FORMAT + 1, revision=1, dramas=0, chunks=[])
    with pytest.raises(CatalogueDamaged, match="update it"):
        form.read_meta(form.meta_of(newer))


def test_a_field_that_a_later_version_adds_is_passed_over():
    chunk = zlib.compress(
        msgspec.msgpack.encode([[7, 1, "t", "", [], [], "", 0, 0, 0, True, [60_000], "a later field"]])
    )
    (drama,) = form.read_chunk(chunk, form.digest_of(chunk))
    assert (drama.drama_id, list(drama.durations)) == (7, [60_000])
