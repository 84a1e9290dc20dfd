"""A rung's playlist on its way to a viewer: its segments where the CDN has them, its key at our key service.

What is not of the form that our packager writes is refused, so that nobody can have viewers fetch from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

MAX_BYTES = 256 * 1024  # an hour in segments of 2 s is 65 KB
KEY = "key"  # the key's address, relative to the playlist
SEGMENT = re.compile(r"[0-9]{5}\.ts")
RUNG = re.compile(r"(360|540|720|1080)p")

_TAG = re.compile(
    r"#EXTM3U|#EXT-X-(VERSION|TARGETDURATION|MEDIA-SEQUENCE):[0-9]{1,9}|#EXT-X-PLAYLIST-TYPE:(VOD|EVENT)"
    r"|#EXTINF:[0-9]{1,6}(\.[0-9]{1,9})?,|#EXT-X-ENDLIST|#EXT-X-INDEPENDENT-SEGMENTS|#EXT-X-ALLOW-CACHE:(YES|NO)"
    r"|#EXT-X-DISCONTINUITY"
)
_KEY = re.compile(r'#EXT-X-KEY:METHOD=AES-128,URI="(?P<uri>[^"]*)"(,IV=0x[0-9a-fA-F]{1,32})?')
_STREAM = re.compile(r"#EXT-X-STREAM-INF:[A-Za-z0-9=,.\"-]{1,300}")
_VARIANT = re.compile(rf"({RUNG.pattern})/index\.m3u8")


class BadPlaylist(ValueError):
    """This is not a playlist that our packager writes."""


def rewritten(text: str, address: Callable[[str], str]) -> str:
    """The playlist with every segment ("00000.ts") at `address` of it, and the key at KEY beside the playlist.

    Raises BadPlaylist for what is no whole encrypted playlist: no key before a segment, no end, another tag.
    """
    return "\n".join(_lines(_checked_size(text), address)) + "\n"


def checked_master(text: str) -> str:
    """The master playlist, if every address in it is a rung's beside it.  Raises BadPlaylist."""
    lines = _checked_size(text)
    for line in lines:
        if not (_TAG.fullmatch(line) or _STREAM.fullmatch(line) or _VARIANT.fullmatch(line)):
            raise BadPlaylist("not a master playlist of ours")
    if not any(_VARIANT.fullmatch(line) for line in lines):
        raise BadPlaylist("a master playlist without rungs")
    return "\n".join(lines) + "\n"


def rungs(text: str) -> list[str]:
    """The rungs of a master playlist, in its order.  Raises BadPlaylist."""
    return [found[1] for line in checked_master(text).splitlines() if (found := _VARIANT.fullmatch(line))]


def _checked_size(text: str) -> list[str]:
    if len(text) > MAX_BYTES or not text.startswith("#EXTM3U"):
        raise BadPlaylist("no playlist, or a longer one than an hour needs")
    return [line for line in text.splitlines() if line]


def _lines(lines: list[str], address: Callable[[str], str]) -> Iterator[str]:
    encrypted = False
    for line in lines:
        if SEGMENT.fullmatch(line):
            if not encrypted:
                raise BadPlaylist("a segment without a key")
            yield address(line)
        elif found := _KEY.fullmatch(line):
            encrypted = True
            yield line.replace(f'URI="{found["uri"]}"', f'URI="{KEY}"')
        elif _TAG.fullmatch(line):
            yield line
        else:
            raise BadPlaylist("a line that our packager does not write")
    if lines[-1] != "#EXT-X-ENDLIST":
        raise BadPlaylist("a playlist without its end")
