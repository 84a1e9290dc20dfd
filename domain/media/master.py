"""The master playlist of an episode: which rungs there are, as a player chooses among them (RFC 8216, 4.3.4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain.media import names

MOST = 8  # rungs


class Variant(NamedTuple):
    """A rung as players are told of it.

    `name` is "720p"; `peak_bps` the highest rate of any segment, `average_bps` that of all, sound included;
    `codecs` as of RFC 6381 ("avc1.64001f,mp4a.40.2"); `fps` 0 where it is not known.
    """

    name: str
    width: int
    height: int
    peak_bps: int
    average_bps: int
    codecs: str
    fps: float = 0.0


def write(variants: Sequence[Variant]) -> str:
    """The text of master.m3u8, rungs from small to large; each is `{name}/index.m3u8` beside it.

    Raises ValueError for none or more than MOST, two of one name, and rates or sizes that cannot be.
    """
    if not 1 <= len(variants) <= MOST or len({one.name for one in variants}) != len(variants):
        raise ValueError(f"a master playlist has 1..{MOST} rungs, each of its own name")
    ordered = sorted(variants, key=lambda one: (one.width * one.height, one.peak_bps))
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for one in ordered:
        lines += [f"#EXT-X-STREAM-INF:{_attributes(one)}", f"{one.name}/index.m3u8"]
    return "\n".join(lines) + "\n"


def hash12_of(media_path: str, drama_id: int, episode_no: int) -> str:
    """The rendition whose master playlist this is; empty where the path is another, also that of another episode."""
    if not media_path.startswith("hls/"):  # nearly all of an old catalogue
        return ""
    hash12 = media_path.split("/")[3:4]
    try:
        return hash12[0] if hash12 and media_path == names.master(drama_id, episode_no, hash12[0]) else ""
    except ValueError:
        return ""


def _attributes(one: Variant) -> str:
    if min(one.width, one.height, one.average_bps) < 1 or one.peak_bps < one.average_bps:
        raise ValueError(f"rung {one.name} cannot be: {one}")
    if not one.codecs or '"' in one.codecs or not one.codecs.isprintable():
        raise ValueError(f"rung {one.name} has no codecs that can be told")
    told = f"BANDWIDTH={one.peak_bps},AVERAGE-BANDWIDTH={one.average_bps},RESOLUTION={one.width}x{one.height}"
    rate = f",FRAME-RATE={one.fps:.3f}" if one.fps > 0 else ""
    return f'{told}{rate},CODECS="{one.codecs}"'
