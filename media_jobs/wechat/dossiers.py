"""The body of auditdrama: a drama's papers by WeChat's ids of them, and its episodes in order.

Source: wx/server/API/minidrama api_auditdrama; rights in `copyright` as of 2026-07-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.media.wechat_drama import Actor, Dossier, Qualification
from infra.media.drama_book import Media

PRODUCER, AUTHORISED = 1, 2


def episodes(media: Mapping[int, Media]) -> dict[str, int]:
    """What each episode is to be, by its number as JSON has it."""
    return {str(number): one.next_media_id or one.media_id for number, one in sorted(media.items())}


def body(
    dossier: Dossier, papers: Mapping[str, str], media: Mapping[int, Media], platform_id: int | None
) -> dict[str, Any]:
    """What is sent: the first time with all episodes, again with those only that take another's place."""
    made = {
        "name": dossier.title,
        "description": dossier.description,
        "producer": dossier.producer,
        "recommendations": dossier.recommendations,
        "cover_material_id": papers[dossier.cover],
        "drama_type": int(dossier.drama_type),
        "content_declared": int(dossier.ai_content),
        "ai_software_ownership_proof": papers.get(dossier.ai_proof, ""),
        "actor_list": {"actor": [_actor(one, papers) for one in dossier.actors]},
        "copyright": _copyright(dossier, papers),
        **_qualification(dossier, papers),
        **(_first(dossier, media) if platform_id is None else _again(platform_id, media)),
    }
    return {name: value for name, value in made.items() if value not in ("", [], {"actor": []})}


def _first(dossier: Dossier, media: Mapping[int, Media]) -> dict[str, Any]:
    ids = [one.media_id for _, one in sorted(media.items())]
    return {"media_count": len(ids), "media_id_list": ids, "expedited": int(dossier.expedited)}


def _again(platform_id: int, media: Mapping[int, Media]) -> dict[str, Any]:
    moved = [one for _, one in sorted(media.items()) if one.next_media_id]
    return {
        "drama_id": platform_id,
        "replace_media_list": [{"old": one.media_id, "new": one.next_media_id} for one in moved],
    }


def _qualification(dossier: Dossier, papers: Mapping[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"qualification_type": int(dossier.qualification)}
    if dossier.qualification is Qualification.LICENSED:
        certificate = papers[dossier.certificate]
        return made | {
            "registration_number": dossier.record_number,
            "qualification_certificate_material_id": certificate,
        }
    return made | {
        "cost_commitment_letter_material_id": papers[dossier.cost_report],
        "cost_of_production": dossier.cost_wan,
    }


def _copyright(dossier: Dossier, papers: Mapping[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "copyright_role": PRODUCER if dossier.is_producer else AUTHORISED,
        "apply_for_copyright_protection": 0,
        "proof_of_production": [papers[key] for key in dossier.production_proofs],
    }
    if dossier.authorisations:
        made["purchase_or_broadcast_authorization_certificate"] = [papers[key] for key in dossier.authorisations]
    return made


def _actor(one: Actor, papers: Mapping[str, str]) -> dict[str, Any]:
    return {"name": one.name, "role": one.role, "photo_material_id": papers[one.photo], "profile": one.profile}
