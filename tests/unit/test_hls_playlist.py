"""Playlists on their way to a viewer: only of the form that our packager writes, every address ours."""

from __future__ import annotations

import pytest

from domain.catalogue import Catalogue
from domain.catalogue_import import DramaLine, EpisodeLine
from domain.media import names
from domain.media.master import Variant, hash12_of, write
from domain.media.playlist import MAX_BYTES, BadPlaylist, checked_master, rewritten, rungs

HEAD = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
KEYED = HEAD + '#EXT-X-KEY:METHOD=AES-128,URI="file.key",IV=0x00000000000000000000000000000000\n'
WHOLE = KEYED + "#EXTINF:2.000000,\n00000.ts\n#EXTINF:1.500000,\n00001.ts\n#EXT-X-ENDLIST\n"
HASH = "0123456789ab"
SMALL = Variant("360p", 360, 640, 900_000, 700_000, "avc1.64001e,mp4a.40.2", 25.0)
LARGE = Variant("720p", 720, 1280, 2_900_000, 2_200_000, "avc1.64001f,mp4a.40.2")


def test_segments_and_key_are_where_we_say():
    text = rewritten(WHOLE, lambda name: f"https://cdn.example/{name}?sign=1")
    assert text == WHOLE.replace("file.key", "key").replace("00000.ts", "https://cdn.example/00000.ts?sign=1").replace(
        "00001.ts", "https://cdn.example/00001.ts?sign=1"
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("00000.ts", "http://elsewhere/0.ts"), "does not write"),
        (("00000.ts", "../00000.ts"), "does not write"),
        (("#EXT-X-ENDLIST\n", ""), "without its end"),
        (("METHOD=AES-128", "METHOD=NONE"), "does not write"),
        (('#EXT-X-KEY:METHOD=AES-128,URI="file.key",IV=0x00000000000000000000000000000000\n', ""), "without a key"),
        (("#EXT-X-VERSION:3", '#EXT-X-MAP:URI="http://elsewhere"'), "does not write"),
        (("#EXTM3U", "EXTM3U"), "no playlist"),
    ],
)
def test_what_our_packager_does_not_write_is_refused(change: tuple[str, str], why: str):
    with pytest.raises(BadPlaylist, match=why):
        rewritten(WHOLE.replace(*change), lambda name: name)


def test_a_playlist_has_a_bound():
    segment = "#EXTINF:2.000000,\n00000.ts\n"
    long = KEYED + segment * 1_800 + "#EXT-X-ENDLIST\n"
    assert len(long) < MAX_BYTES
    assert rewritten(long, lambda name: name).count(".ts") == 1_800
    with pytest.raises(BadPlaylist, match="longer"):
        rewritten(KEYED + segment * 10_000 + "#EXT-X-ENDLIST\n", lambda name: name)


# -- master ----------------------------------------------------------------------------------------------------------


def test_a_master_tells_its_rungs_from_small_to_large_and_is_taken_as_ours():
    text = write([LARGE, SMALL])
    assert text.splitlines()[3] == (
        "#EXT-X-STREAM-INF:BANDWIDTH=900000,AVERAGE-BANDWIDTH=700000,RESOLUTION=360x640,FRAME-RATE=25.000,"
        'CODECS="avc1.64001e,mp4a.40.2"'
    )
    assert checked_master(text) == text
    assert rungs(text) == ["360p", "720p"]


@pytest.mark.parametrize(
    "variants",
    [[], [SMALL, SMALL], [SMALL._replace(name=f"{n}p") for n in range(100, 109)], [SMALL._replace(width=0)],
     [SMALL._replace(peak_bps=1)], [SMALL._replace(codecs='a",URI="x')], [SMALL._replace(codecs="")]],
    ids=["none", "twice", "too many", "no width", "a peak below the mean", "a quote", "no codecs"],
)  # fmt: skip
def test_rungs_that_cannot_be_are_not_written(variants: list[Variant]):
    with pytest.raises(ValueError, match="rung"):
        write(variants)


@pytest.mark.parametrize(
    "line", ["http://elsewhere/index.m3u8", "../1/index.m3u8", "720p/../x/index.m3u8", "#EXT-X-SESSION-KEY:x", "480p"]
)
def test_a_master_that_leads_elsewhere_is_refused(line: str):
    with pytest.raises(BadPlaylist):
        checked_master(write([SMALL]) + line + "\n")


def test_a_master_without_rungs_is_none():
    with pytest.raises(BadPlaylist, match="without rungs"):
        checked_master(HEAD)


# -- which episodes have one -----------------------------------------------------------------------------------------


def test_a_master_names_its_rendition():
    assert hash12_of(names.master(7, 3, HASH), 7, 3) == HASH


@pytest.mark.parametrize(
    "path",
    ["", "hls", "hls/7/3", "dramas/7/3/master.m3u8", names.master(7, 4, HASH), names.master(8, 3, HASH),
     names.playlist(7, 3, HASH, "720p"), "hls/7/3/0123456789AB/master.m3u8", "hls/07/3/0123456789ab/master.m3u8"],
)  # fmt: skip
def test_other_paths_name_none(path: str):
    assert hash12_of(path, 7, 3) == ""


def test_readers_of_the_catalogue_know_each_episodes_rendition():
    paths = ["", names.master(7, 2, HASH), "dramas/7/3.mp4"]
    episodes = tuple(
        EpisodeLine(episode_no=no, duration_ms=60_000, media_path=path) for no, path in enumerate(paths, 1)
    )
    catalogue = Catalogue.of([DramaLine(drama_id=7, title="x", episodes=episodes).drama(1)])
    assert [catalogue.rendition(7, no) for no in range(-1, 6)] == ["", "", "", HASH, "", "", ""]
    assert catalogue.rendition(8, 1) == ""
    plain = DramaLine(drama_id=7, title="x", episodes=episodes[:1]).drama(1)
    assert plain.renditions == b""
