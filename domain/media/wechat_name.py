"""How WeChat wants an episode to be called: `剧名 - 第N集`, nothing odd at the ends of the title (10090041, 10090042).

Source: wx/server/API/minidrama vod_fileupload; what a "special character" is, WeChat does not say: here, whatever is
neither letter nor digit nor Han.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

MAX_TITLE = 60  # characters; WeChat publishes none, and shows fewer
MAX_EPISODE = 9_999
_NAME = re.compile(r"(?P<title>.*\S)\s*[-‐‑–—－]\s*第\s*(?P<no>\d{1,6})\s*集", re.DOTALL)
_EXTENSION = re.compile(r"\.[0-9A-Za-z]{1,5}$")


class BadName(ValueError):
    """The name does not say which episode of which drama it is, or WeChat would refuse it; the text says why."""


class Named(NamedTuple):
    """What a name says."""

    title: str
    episode_no: int


def parse(name: str) -> Named:
    """What the name of an episode or of its file (`剧名 - 第N集.mp4`) says.

    Full-width digits and dashes, missing or more spaces and leading zeros are forgiven.  Raises BadName.
    """
    text = unicodedata.normalize("NFC", name).strip()
    found = _NAME.fullmatch(_EXTENSION.sub("", text).strip())
    if found is None:
        raise BadName("the name is not `剧名 - 第N集`")
    number = int(found["no"])
    if not 1 <= number <= MAX_EPISODE:
        raise BadName(f"episode {number} is not between 1 and {MAX_EPISODE}")
    return Named(_checked(found["title"].strip()), number)


def written(title: str, episode_no: int) -> str:
    """The name as WeChat takes it.  Raises BadName for a title that it would refuse."""
    if not 1 <= episode_no <= MAX_EPISODE:
        raise BadName(f"episode {episode_no} is not between 1 and {MAX_EPISODE}")
    return f"{_checked(title)} - 第{episode_no}集"


def trouble(title: str) -> str:
    """Why WeChat would refuse this title; empty where it would not."""
    if not title or len(title) > MAX_TITLE:
        return f"the title has {len(title)} characters, not 1 to {MAX_TITLE}"
    if any(unicodedata.category(character).startswith("C") for character in title):
        return "the title has a control or invisible character"
    if not (title[0].isalnum() and title[-1].isalnum()):
        return "the title begins or ends with something that is neither letter nor digit (WeChat answers 10090042)"
    return ""


def _checked(title: str) -> str:
    if why := trouble(title):
        raise BadName(why)
    return title
