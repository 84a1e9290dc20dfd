"""Dramas on WeChat as the OpenAPI document shows them.  Times are Unix ms, 0 where it has not been."""

from __future__ import annotations

from typing import Literal

import msgspec
from fastapi import Response

from domain.media.wechat_drama import Audit, Dossier, version
from infra.media.drama_book import Media
from infra.media.drama_desk import DramaView

AuditState = Literal["none", "pending", "rejected", "passed", "refill"]


class MediaOfEpisode(msgspec.Struct, frozen=True):
    """WeChat's numbers of an episode's files: the one in the drama, and one that is to take its place (0: none)."""

    episode_no: int
    media_id: int
    next_media_id: int
    title: str
    made_ms: int


class DramaAnswer(msgspec.Struct, frozen=True):
    """A drama: what was handed in, who has seen its record number, how the audit stands.

    `version` changes with anything in the dossier: send it as `seen` with what you mended.  `missing` is what keeps
    the drama from being published, a sentence each.  `ticked_by`: the staff's user id, or a name that was told at a
    terminal.  `audit_note`: what a person should do.  `platform_id`: WeChat's number of it.  `episodes` have been given
    to WeChat; `releases`: from when on episodes 1, 2, ... of the catalogue may be watched, 0: at once.  In a list of
    dramas both are left out.
    """

    drama_id: int
    version: str
    dossier: Dossier
    ticked_by: str
    ticked_ms: int
    audit: AuditState
    audit_note: str
    platform_id: int | None
    submitted_ms: int
    audited_ms: int
    missing: list[str]
    releases: list[int]
    episodes: list[MediaOfEpisode]


class DramaPage(msgspec.Struct, frozen=True):
    """Dramas by id; `next_after`: ask for the next page with it, null at the end."""

    dramas: list[DramaAnswer]
    next_after: int | None


SCHEMAS = (DramaAnswer, DramaPage)  # FastAPI does not know them


def audit_of(state: AuditState | None) -> Audit | None:
    """The audit of that name."""
    return None if state is None else Audit[state.upper()]


def drama_answer(view: DramaView) -> DramaAnswer:
    """The drama as it is shown."""
    its = view.standing
    return DramaAnswer(
        drama_id=its.dossier.drama_id, version=version(its.dossier), dossier=its.dossier,
        ticked_by=its.ticked_by, ticked_ms=its.ticked_ms,
        audit=_state(its.audit), audit_note=its.audit_note, platform_id=its.platform_id,
        submitted_ms=its.submitted_ms, audited_ms=its.audited_ms, missing=list(view.missing),
        releases=list(view.releases),
        episodes=[_of(number, one) for number, one in sorted(view.media.items())],
    )  # fmt: skip


def answered(found: DramaAnswer | DramaPage) -> Response:
    """What is found, as JSON; nobody keeps it."""
    return Response(msgspec.json.encode(found), media_type="application/json", headers={"cache-control": "no-store"})


def _state(audit: Audit) -> AuditState:
    state: AuditState = msgspec.convert(audit.name.lower(), AuditState)
    return state


def _of(number: int, one: Media) -> MediaOfEpisode:
    return MediaOfEpisode(number, one.media_id, one.next_media_id, one.title, one.made_ms)
