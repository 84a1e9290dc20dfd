"""A drama as WeChat audits it: what has to be handed in (the dossier), what is missing from it, and how it stands.

Source: wx/server/API/minidrama auditdrama, as of 2026-07-28 (rights are proved in `copyright`, AI content is declared).
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator

import msgspec

from domain.media import wechat_name

MAX_PROOFS, MAX_AUTHORISATIONS = 10, 4
MIN_ACTORS, MAX_ACTORS = 2, 5
MAX_NUMBER = 64  # characters of a record number
MAX_PAPER = 10 << 20  # bytes of a paper: WeChat's bound of a temporary material (image)
PAPER_TYPES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png"}


class Audit(enum.IntEnum):
    """How WeChat's audit of the whole drama stands; only PASSED plays, whatever the single episodes say."""

    NONE, PENDING, REJECTED, PASSED, REFILL = range(5)


class Qualification(enum.IntEnum):
    """LICENSED: a licence or a record number (备案号).  SMALL: neither, and it cost less than a million yuan."""

    LICENSED, SMALL = 1, 2


class DramaType(enum.IntEnum):
    """漫剧, 真人, 数字真人."""

    COMIC, PEOPLE, DIGITAL_PEOPLE = 1, 2, 3


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """`photo` is a key of our storage, as everything below that is a file."""

    name: str
    role: str
    photo: str
    profile: str = ""


class Papers(msgspec.Struct, frozen=True, kw_only=True):
    """What is handed in for a drama.  Files are keys of our storage: WeChat's own ids of them live three days."""

    title: str
    description: str
    producer: str
    record_number: str  # 备案号, or the number of the licence; the opening of the drama has to show it
    cover: str
    recommendations: str = ""
    qualification: Qualification = Qualification.LICENSED
    certificate: str = ""  # LICENSED: the licence, or a picture of the record
    cost_report: str = ""  # SMALL: 成本配置比例情况报告
    cost_wan: int = 0  # SMALL: 1 to 99 times ten thousand yuan
    drama_type: DramaType = DramaType.PEOPLE
    actors: tuple[Actor, ...] = ()
    is_producer: bool = True  # else somebody who may broadcast it, with authorisations
    production_proofs: tuple[str, ...] = ()
    authorisations: tuple[str, ...] = ()
    ai_content: bool = False
    ai_proof: str = ""
    expedited: bool = False  # five a day


class Dossier(Papers, frozen=True, kw_only=True):
    """The papers of this drama."""

    drama_id: int


def version(dossier: Dossier) -> str:
    """16 hex digits that change with anything in it: what two people who mend it compare."""
    return hashlib.sha256(msgspec.json.encode(dossier)).hexdigest()[:16]


def gaps(dossier: Dossier, *, ticked: bool) -> list[str]:
    """What keeps it from being published, a sentence each; empty: nothing."""
    return [*missing(dossier), *([] if ticked else [unticked(dossier.record_number)])]


def unticked(number: str) -> str:
    """That nobody has said yet that the opening shows the record number."""
    return f"somebody has to look at the opening and to tick that it shows {number or 'its record number'}"


def number_trouble(number: str) -> str:
    """Why this is no record number (备案号); empty: it may be one.

    Regulators give them several forms, so only what none of them has is refused.
    """
    if not number:
        return "the record number (备案号): without it nothing is published"
    if len(number) > MAX_NUMBER:
        return f"the record number (备案号) has more than {MAX_NUMBER} characters"
    if any(char.isspace() or not char.isprintable() for char in number):
        return "the record number (备案号) has a space, or a character that nobody sees"
    return ""


def missing(dossier: Dossier) -> list[str]:
    """What a person has to add or mend before WeChat would look at it, a sentence each; empty: nothing."""
    return [*_texts(dossier), *_record(dossier), *_rights(dossier), *_people(dossier)]


def files(dossier: Dossier) -> list[str]:
    """The storage keys that it names, each once, in order."""
    named = [dossier.cover, dossier.certificate, dossier.cost_report, dossier.ai_proof]
    named += [*dossier.production_proofs, *dossier.authorisations, *(actor.photo for actor in dossier.actors)]
    return list(dict.fromkeys(key for key in named if key))


def _texts(dossier: Dossier) -> Iterator[str]:
    if why := wechat_name.trouble(dossier.title):
        yield why
    if not 1 <= len(dossier.description) <= 200:
        yield "the description has to have 1 to 200 characters"
    if len(dossier.recommendations) > 30:
        yield "the recommendation has more than 30 characters"
    if not dossier.producer:
        yield "who produced it (producer)"
    if not dossier.cover:
        yield "the poster (cover)"


def _record(dossier: Dossier) -> Iterator[str]:
    if why := number_trouble(dossier.record_number):
        yield why
    if dossier.qualification is Qualification.LICENSED and not dossier.certificate:
        yield "the licence or the picture of the record (certificate)"
    if dossier.qualification is Qualification.SMALL:
        if not dossier.cost_report:
            yield "the report of what it cost (cost_report)"
        if not 1 <= dossier.cost_wan <= 99:
            yield "what it cost, 1 to 99 times ten thousand yuan (cost_wan)"


def _rights(dossier: Dossier) -> Iterator[str]:
    if not 1 <= len(dossier.production_proofs) <= MAX_PROOFS:
        yield f"1 to {MAX_PROOFS} proofs of its production (production_proofs)"
    if not dossier.is_producer and not dossier.authorisations:
        yield "who is not the producer has to be authorised (authorisations)"
    if len(dossier.authorisations) > MAX_AUTHORISATIONS:
        yield f"more than {MAX_AUTHORISATIONS} authorisations"
    if dossier.ai_content and not dossier.ai_proof:
        yield "a proof of ownership of what AI made (ai_proof)"


def _people(dossier: Dossier) -> Iterator[str]:
    if dossier.drama_type is DramaType.PEOPLE and not MIN_ACTORS <= len(dossier.actors) <= MAX_ACTORS:
        yield f"{MIN_ACTORS} to {MAX_ACTORS} actors"
    if not all(map(_complete, dossier.actors)):
        yield "an actor needs a name and a role (30 characters each), a photo, and a profile of at most 100 characters"


def _complete(actor: Actor) -> bool:
    named = 1 <= len(actor.name) <= 30 and 1 <= len(actor.role) <= 30
    return named and bool(actor.photo) and len(actor.profile) <= 100
