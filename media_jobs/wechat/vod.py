"""WeChat's media library for short dramas (wxa/sec/vod), a method a call: what is sent, what is read.

Every method raises as Wire.call does.  Writes (pull, audit, replacement) may have been done although they raised
Unclear; whoever calls them looks that up.  Source: wx/server/API/minidrama.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from media_jobs.wechat.shapes import Detail, Drama, Link, Media, Package, Task, Used, named, read, read_all

PAGE = 100
MAX_PAGES = 50  # of a list: 5,000 dramas or packages, more than an account has
REPLACEMENT_AUDIT = 2


class Caller(Protocol):
    """Kept by media_jobs.wechat.wire.Wire."""

    def call(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer.  Raises Refused, TooFast, NotSent, Unclear, Wait."""

    def material(self, path: Path, content_type: str) -> str:
        """A temporary id of a picture."""

    def take(self, name: str) -> None:
        """Count what has a limit of its own."""


class Vod:
    """The calls that we make."""

    def __init__(self, wire: Caller) -> None:
        self._wire = wire

    # -- media -------------------------------------------------------------------------------------------------------

    def pull(self, name: str, address: str, source_context: str) -> int:
        """Ask WeChat to fetch a media: the id of the task."""
        body = {"media_name": name, "media_url": address, "source_context": source_context}
        return int(named(self._wire.call("pullupload", body), "task_id"))

    def task(self, task_id: int) -> Task:
        """How a pull stands."""
        return read(self._wire.call("gettask", {"task_id": task_id}).get("task_info"), Task)

    def named(self, name: str, since_s: int) -> list[Media]:
        """Media of exactly this name that were uploaded since then (Unix time, s), oldest first; at most 100."""
        body = {"media_name": name, "start_time": since_s, "limit": PAGE, "offset": 0}
        found = read_all(self._wire.call("listmedia", body).get("media_info_list"), Media)
        return sorted((one for one in found if one.name == name), key=lambda one: (one.create_time, one.media_id))

    def of_drama(self, platform_id: int) -> list[Media]:
        """The media of a drama, with what the audit said of each."""
        found: list[Media] = []
        for page in range(MAX_PAGES):
            body = {"drama_id": platform_id, "limit": PAGE, "offset": page * PAGE}
            some = read_all(self._wire.call("listmedia", body).get("media_info_list"), Media)
            found += some
            if len(some) < PAGE:
                break
        return found

    def media(self, media_id: int) -> Media:
        """One media."""
        return read(self._wire.call("getmedia", {"media_id": media_id}).get("media_info"), Media)

    def delete(self, media_id: int) -> None:
        """Delete a media; one that is not there is no trouble to whoever catches Refused(NOT_FOUND)."""
        self._wire.call("deletemedia", {"media_id": media_id})

    def link(self, media_id: int, until_s: int) -> Link:
        """Where it plays until then (Unix time, s; at most two hours ahead)."""
        return read(self._wire.call("getmedialink", {"media_id": media_id, "t": until_s}).get("media_info"), Link)

    # -- dramas ------------------------------------------------------------------------------------------------------

    def material(self, path: Path, content_type: str) -> str:
        """A temporary id of a picture, good for three days."""
        return self._wire.material(path, content_type)

    def take(self, name: str) -> None:
        """Count an urgent audit.  Raises TooFast until tomorrow, Wait."""
        self._wire.take(name)

    def submit(self, body: Mapping[str, Any]) -> int:
        """Hand a drama in for audit: WeChat's id of it."""
        return int(named(self._wire.call("auditdrama", body), "drama_id"))

    def drama(self, platform_id: int) -> Drama:
        """A drama as it stands."""
        return read(self._wire.call("getdrama", {"drama_id": platform_id}).get("drama_info"), Drama)

    def dramas_named(self, name: str) -> list[Drama]:
        """Our dramas of exactly this name."""
        found: list[Drama] = []
        for page in range(MAX_PAGES):
            answer = self._wire.call("listdramas", {"limit": PAGE, "offset": page * PAGE})
            some = read_all(answer.get("drama_info_list"), Drama)
            found += (one for one in some if one.name == name)
            if len(some) < PAGE:
                break
        return found

    def submit_replacement(self, platform_id: int, old: int, new: int) -> None:
        """Hand another media in for an episode of a drama that passed."""
        body = {"drama_id": platform_id, "replace_media_list": [{"old": old, "new": new}]}
        self._wire.call("submitreplacedramamedias", body)

    def replace(self, platform_id: int, old: int, new: int) -> None:
        """Let the new media play: within seven days after its audit passed."""
        body = {"drama_id": platform_id, "old_media_id": old, "new_media_id": new}
        self._wire.call("replacedramamedia", body)

    def replacement_audit(self, platform_id: int) -> Detail:
        """How the latest replacement of the drama stands."""
        body = {"drama_id": platform_id, "audit_type": REPLACEMENT_AUDIT}
        return read(self._wire.call("getdramalatestauditinfo", body).get("audit_detail"), Detail)

    # -- traffic -----------------------------------------------------------------------------------------------------

    def packages(self) -> Sequence[Package]:
        """The traffic packages that are valid."""
        found: list[Package] = []
        for page in range(MAX_PAGES):
            answer = self._wire.call("listpackages", {"status": 1, "limit": PAGE, "offset": page * PAGE})
            some = read_all(answer.get("package_list"), Package)
            found += some
            if len(some) < PAGE:
                break
        return [one for one in found if not one.is_deleted]

    def used(self, from_s: int, to_s: int) -> Sequence[Used]:
        """Traffic a day between the two (at most 90 days)."""
        body = {"start_time": from_s, "end_time": to_s, "data_interval": 1_440}
        return read_all(self._wire.call("getcdnusagedata", body).get("item_list"), Used)
