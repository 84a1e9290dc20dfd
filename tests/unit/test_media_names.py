"""Keys of media files: what may be one, what each is called, and what becomes of the names that people give files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.media import names

HASH = "0123456789ab"


def test_each_file_has_its_place():
    assert names.incoming(7, 3, "剧名 - 第3集.MP4") == "incoming/7/3/_-_3_.MP4"
    assert names.master(7, 3, HASH) == "hls/7/3/0123456789ab/master.m3u8"
    assert names.playlist(7, 3, HASH, "720p") == "hls/7/3/0123456789ab/720p/index.m3u8"
    assert names.segment(7, 3, HASH, "1080p", 12) == "hls/7/3/0123456789ab/1080p/00012.ts"
    assert names.mezzanine(7, 3, HASH) == "mezzanine/7/3/0123456789ab.mp4"
    assert names.poster(7, 3, HASH, 2, width=480, kind="webp") == "posters/7/3/0123456789ab/2-480.webp"
    assert names.intermediate(7, 3, HASH) == "work/7/3/0123456789ab"
    assert names.hash12("0123456789abcdef" * 4) == HASH


@pytest.mark.parametrize(
    "made",
    [
        lambda: names.master(0, 3, HASH),
        lambda: names.master(7, -1, HASH),
        lambda: names.master(7, 3, "../../../../x"),
        lambda: names.master(7, 3, HASH.upper()),
        lambda: names.hash12("short"),
        lambda: names.playlist(7, 3, HASH, ".."),
        lambda: names.playlist(7, 3, HASH, "720p/../.."),
        lambda: names.segment(7, 3, HASH, "720p", -1),
        lambda: names.segment(7, 3, HASH, "720p", 100_000),
        lambda: names.poster(7, 3, HASH, 2, width=480, kind="svg"),
        lambda: names.poster(7, 3, HASH, 100, width=480, kind="jpg"),
    ],
)
def test_what_cannot_be_is_refused(made):
    with pytest.raises(ValueError, match="no "):
        made()


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\films\\clip.mp4", "clip.mp4"),
        ("..", "source"),
        ("", "source"),
        (".mp4", "source.mp4"),
        (".hidden", "source.hidden"),
        ("a\0b\n.mp4", "a_b_.mp4"),
        ("Ｃｌｉｐ．ｍｐ４", "Clip.mp4"),  # full width
        ("x" * 300 + ".mp4", "x" * 76 + ".mp4"),
        ("clip.mp4?x=1&y=%2f", "clip.mp4_x_1_y_"),
    ],
)
def test_a_name_is_made_harmless(given_name, kept):
    assert names.harmless(given_name) == kept


@given(st.text(max_size=200))
def test_whatever_a_file_is_called_its_key_is_one(text):
    key = names.incoming(7, 3, text)
    assert names.is_key(key)
    assert len(key.split("/")) == 4
    assert len(names.harmless(text)) <= names.NAME_LENGTH
    assert names.harmless(names.harmless(text)) == names.harmless(text)


@given(st.text(max_size=50))
def test_a_key_never_leads_out_of_a_folder_nor_needs_escaping(text):
    if names.is_key(text):
        assert not any(part in ("", ".", "..") for part in text.split("/"))
        assert text.isascii()
        assert not set(text) & set(" ?#%&+\\\"'<>\0\n")


def test_a_key_has_a_bound():
    assert names.is_key("hls/" + "x" * 296)
    assert not names.is_key("hls/" + "x" * 297)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (names.master(7, 3, HASH), "application/vnd.apple.mpegurl"),
        (names.segment(7, 3, HASH, "720p", 0), "video/mp2t"),
        ("incoming/7/3/CLIP.MP4", "video/mp4"),
        ("incoming/7/3/source", "application/octet-stream"),
        ("incoming/7/3/page.html", "application/octet-stream"),
    ],
)
def test_a_key_tells_what_it_is_served_as(key, kind):
    assert names.content_type_of(key) == kind
