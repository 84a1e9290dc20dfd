"""Where each file of an episode lies in Storage: one list of key shapes, as domain/keys.py is for Redis.

A key is relative, ASCII but for nothing, and safe below a folder, in an address and in a bucket.  What is made from a
source carries the first 12 characters of the source's content hash: another source never overwrites what plays.
"""

from __future__ import annotations

import re
import unicodedata

KEY_BYTES = 300  # as wide as media_steps' source; COS takes 850
NAME_LENGTH = 80
HASH_LENGTH = 12

_KEY = re.compile(r"[a-z]+(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{12}", re.ASCII)
_RUNG = re.compile(r"[1-9][0-9]{2,3}p", re.ASCII)
_LOST = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "ts": "video/mp2t",
    "mp4": "video/mp4",
    "webp": "image/webp",
    "jpg": "image/jpeg",
}


def is_key(key: str) -> bool:
    """May this be a key: no way out of the folder, no empty or hidden part, nothing that an address would escape."""
    return len(key) <= KEY_BYTES and _KEY.fullmatch(key) is not None


def content_type_of(key: str) -> str:
    """What an address of the key is served as; application/octet-stream for what is not ours."""
    return _TYPES.get(key.rpartition(".")[2].lower(), "application/octet-stream")


def hash12(sha256: str) -> str:
    """The part of a content hash (hex) that keys carry.  Raises ValueError for what is none."""
    return _hash(sha256[:HASH_LENGTH])


def incoming(drama_id: int, episode_no: int, name: str) -> str:
    """A file as it was handed in, under its own name made harmless.  Written by submit and by browsers."""
    return f"incoming/{_episode(drama_id, episode_no)}/{harmless(name)}"


def hls(drama_id: int, episode_no: int, hash12: str) -> str:
    """Folder of an episode's rendition, without a slash at its end.  Below it: master, rungs, segments."""
    return f"hls/{_episode(drama_id, episode_no)}/{_hash(hash12)}"


def master(drama_id: int, episode_no: int, hash12: str) -> str:
    """The master playlist: what the catalogue's media_path says.  Written last, when everything else is there."""
    return f"{hls(drama_id, episode_no, hash12)}/master.m3u8"


def playlist(drama_id: int, episode_no: int, hash12: str, rung: str) -> str:
    """The playlist of one rung, such as 720p."""
    return f"{hls(drama_id, episode_no, hash12)}/{_rung(rung)}/index.m3u8"


def segment(drama_id: int, episode_no: int, hash12: str, rung: str, number: int) -> str:
    """One encrypted segment.  Numbers begin at 0 and are below 100,000."""
    if not 0 <= number < 100_000:
        raise ValueError(f"no segment: {number}")
    return f"{hls(drama_id, episode_no, hash12)}/{_rung(rung)}/{number:05d}.ts"


def mezzanine(drama_id: int, episode_no: int, hash12: str) -> str:
    """The plain file that WeChat pulls; never served to viewers."""
    return f"mezzanine/{_episode(drama_id, episode_no)}/{_hash(hash12)}.mp4"


def posters(drama_id: int, episode_no: int, hash12: str) -> str:
    """Folder of an episode's poster candidates, without a slash at its end."""
    return f"posters/{_episode(drama_id, episode_no)}/{_hash(hash12)}"


def poster(drama_id: int, episode_no: int, hash12: str, number: int, *, width: int, kind: str) -> str:
    """One candidate in one size; `kind` is webp or jpg.  Raises ValueError for another kind."""
    if kind not in ("webp", "jpg") or not 0 <= number < 100 or not 0 < width < 10_000:
        raise ValueError(f"no poster: {number}-{width}.{kind}")
    return f"{posters(drama_id, episode_no, hash12)}/{number}-{width}.{kind}"


def paper(drama_id: int, hash12: str, ending: str) -> str:
    """A paper that is handed in with a drama: licence, proof, photo.  Raises ValueError for an odd ending."""
    if not re.fullmatch(r"[a-z0-9]{1,8}", ending, re.ASCII):
        raise ValueError(f"no ending of a file: {ending!r}")
    return f"papers/{_episode(drama_id, 0)}/{_hash(hash12)}.{ending}"


def is_paper(drama_id: int, key: str) -> bool:
    """Whether this is the key of a paper of this drama."""
    return is_key(key) and key.rpartition("/")[0] == f"papers/{_episode(drama_id, 0)}"


def intermediate(drama_id: int, episode_no: int, hash12: str) -> str:
    """Folder of what a processing service leaves on the way; the bucket's lifecycle rule empties `work/`."""
    return f"work/{_episode(drama_id, episode_no)}/{_hash(hash12)}"


def harmless(name: str) -> str:
    """A file's name as the last part of a key: ASCII, at most 80 characters, its ending kept.  Never fails.

    `剧名 - 第3集.MP4` becomes `_3_.MP4`: the number of the episode is in the key already, the title in the job.
    """
    plain = unicodedata.normalize("NFKC", name.replace("\\", "/").rpartition("/")[2])
    stem, dot, ending = _LOST.sub("_", plain).rpartition(".")
    ending = ending[:10]
    stem = stem.lstrip(".")[: NAME_LENGTH - 1 - len(ending)]
    return f"{stem or 'source'}.{ending}" if dot and ending else (stem + ending).lstrip(".")[:NAME_LENGTH] or "source"


def _episode(drama_id: int, episode_no: int) -> str:
    if not 0 < drama_id < 1 << 63 or not 0 <= episode_no < 1 << 31:
        raise ValueError(f"no episode: {drama_id}/{episode_no}")
    return f"{drama_id}/{episode_no}"


def _hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError(f"no content hash: {text!r}")
    return text


def _rung(text: str) -> str:
    if not _RUNG.fullmatch(text):
        raise ValueError(f"no rung: {text!r}")
    return text
