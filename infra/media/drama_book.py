"""Dramas on WeChat: what was handed in, how the audit stands, which media is which episode.

Kept by Dramas (MySQL) and by the twin in tests.memory_dramas.  One writer a drama at a time is the queue's promise (one
active job each); what a zombie writes late is refused here by the time its job was made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from domain.media import names
from domain.media.orders import MAX_WHO, By
from domain.media.wechat_drama import MAX_NUMBER, Audit, Dossier, files, version

NOTE_LENGTH = 500
MAX_ASKED = 500  # episodes of one question
MAX_LISTED = 100  # dramas of one page: a dossier may have tens of KB


class UnknownDrama(LookupError):
    """There is no such drama in the catalogue, or nothing was handed in for it."""


class OtherNumber(ValueError):
    """It is another record number than was handed in."""


class ChangedMeanwhile(Exception):
    """Somebody mended the dossier since it was seen: look at it, and mend that."""


class Standing(NamedTuple):
    """A drama: what was handed in, who ticked that the opening shows the record number, and WeChat's word on it."""

    dossier: Dossier
    ticked_by: str
    ticked_ms: int
    platform_id: int | None
    audit: Audit
    audit_note: str
    submitted_ms: int
    audited_ms: int


class Media(NamedTuple):
    """An episode's media: the one in the drama, and one that is to take its place (0: none)."""

    media_id: int
    next_media_id: int
    title: str
    made_ms: int


class DramaBook(Protocol):
    """Blocks; call it in a thread.  Every call may raise Wait: MySQL does not answer, and it may be repeated."""

    # -- by people ---------------------------------------------------------------------------------------------------

    # Each writes the record of the order (domain.media.orders) in its transaction, none where it was so already.

    def put(self, dossier: Dossier, by: By, seen: str | None = None) -> None:
        """Hand in, or mend.  A changed record number takes the tick away.

        `seen`: the version (domain.media.wechat_drama) that is mended; None: whatever is there.
        Raises UnknownDrama, ValueError (a paper that was not uploaded for this drama, a number that is too long),
        ChangedMeanwhile (another version is there than `seen`, and not this very dossier).
        """

    def number(self, drama_id: int, record_number: str, by: By) -> None:
        """Mend the record number alone.  Raises UnknownDrama, ValueError (it can be none)."""

    def tick(self, drama_id: int, record_number: str, by: By) -> None:
        """Somebody has seen this record number in the opening; the first who says so stands.

        Raises UnknownDrama, OtherNumber.
        """

    # -- the drama ---------------------------------------------------------------------------------------------------

    def standing(self, drama_id: int) -> Standing:
        """How it stands.  Raises UnknownDrama where nothing was handed in."""

    def listed(self, audit: Audit | None, after_id: int, limit: int) -> list[Standing]:
        """At most `limit` (1..MAX_LISTED, else ValueError) of those for which something was handed in, by id."""

    def submitted(self, drama_id: int, platform_id: int, submitted_ms: int, media: Mapping[int, int]) -> None:
        """WeChat has taken it under this id, with these media (episode -> media id).  May be repeated.

        A newer one that an episode was given while the drama was handed in waits for its turn.

        What was submitted earlier than what is known, or is known already, changes nothing: a worker that slept must
        not take away what the audit has said since.
        """

    def audited(self, drama_id: int, audit: Audit, note: str = "") -> None:
        """What WeChat says now; `note` is what a person should do.

        PENDING takes no pass away, only `submitted` does: who says so has asked before WeChat passed it.
        """

    def drama_of(self, platform_id: int) -> int | None:
        """Our id of WeChat's drama."""

    def passed(self, limit: int) -> list[int]:
        """Dramas that play, those first that were not asked about for longest."""

    def episodes(self, drama_id: int) -> int:
        """How many episodes the catalogue has of it."""

    def releases(self, drama_id: int) -> Sequence[int]:
        """From when on each episode of the catalogue may be watched, in order (domain.releases); 0: at once."""

    # -- its episodes ------------------------------------------------------------------------------------------------

    def media(self, drama_id: int) -> Mapping[int, Media]:
        """Media of each episode that has any, by number."""

    def uploaded(self, drama_id: int, episode_no: int, media_id: int, title: str, made_ms: int) -> bool:
        """An episode has this media now; in a drama that was submitted it waits for its turn.  May be repeated.

        False, and nothing is changed, where a job that was made later has put its own.
        """

    def replaced(self, drama_id: int, episode_no: int, media_id: int) -> None:
        """WeChat plays this one now, which was to take the other's place.  May be repeated."""

    def plays(self, pairs: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], int]:
        """Media ids of those (drama, episode)s that may play now: passed, ticked, published, not taken down.

        At most MAX_ASKED, else ValueError.
        """


def checked(dossier: Dossier, by: By) -> None:
    """Raises ValueError where what is handed in cannot be kept: papers of others, a number beyond its column."""
    who(by)
    if len(dossier.record_number) > MAX_NUMBER:
        raise ValueError(f"the record number has more than {MAX_NUMBER} characters")
    for key in files(dossier):
        if not names.is_paper(dossier.drama_id, key):
            raise ValueError(f"{key[:80]!r} is no paper that was uploaded for drama {dossier.drama_id}")


def check_seen(there: Dossier | None, seen: str | None) -> None:
    """Raises ChangedMeanwhile where what is there is not the version that was seen."""
    if seen is not None and (there is None or version(there) != seen):
        raise ChangedMeanwhile("somebody mended the dossier meanwhile")


def who(by: By) -> None:
    """Raises ValueError where nobody orders."""
    if not 1 <= len(by.who) <= MAX_WHO:
        raise ValueError(f"who orders it has 1 to {MAX_WHO} characters")


def check_limit(limit: int) -> None:
    """Raises ValueError for a page out of bounds."""
    if not 1 <= limit <= MAX_LISTED:
        raise ValueError(f"1..{MAX_LISTED} dramas at once, not {limit}")
