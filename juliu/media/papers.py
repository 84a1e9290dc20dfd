"""A drama's dossier from a file: the papers that it names go into storage, and keys take the place of their paths."""

from __future__ import annotations

from pathlib import Path

import msgspec

from domain.media import names
from domain.media.wechat_drama import MAX_PAPER, PAPER_TYPES, Actor, Dossier
from juliu.media.submitting import content_hash
from media_jobs.engine import Storage
from media_jobs.watch import Unwatched

MAX_DOSSIER = 262_144  # bytes: texts of some hundred characters, and at most twenty paths


class BadDossier(ValueError):
    """The file cannot be read, or names a paper that cannot be handed in; the text says which."""


def read(path: Path) -> Dossier:
    """The file's JSON, whose papers are paths relative to its folder.  Raises BadDossier."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_DOSSIER + 1)
        if len(text) > MAX_DOSSIER:
            raise BadDossier(f"{path}: larger than {MAX_DOSSIER:,} bytes: no dossier")
        return msgspec.json.decode(text, type=Dossier)
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise BadDossier(f"{path}: {error}"[:500]) from error


def handed_in(dossier: Dossier, folder: Path, storage: Storage) -> Dossier:
    """The dossier with every paper in storage.  What is a key of storage already stays.

    Raises BadDossier, StepFailed (storage).  May be repeated: a key is made of the paper's content.
    """

    def key(paper: str) -> str:
        return _key(dossier.drama_id, paper, folder, storage) if paper else ""

    return msgspec.structs.replace(
        dossier,
        cover=key(dossier.cover),
        certificate=key(dossier.certificate),
        cost_report=key(dossier.cost_report),
        ai_proof=key(dossier.ai_proof),
        production_proofs=tuple(map(key, dossier.production_proofs)),
        authorisations=tuple(map(key, dossier.authorisations)),
        actors=tuple(_photographed(actor, key(actor.photo)) for actor in dossier.actors),
    )


def _photographed(actor: Actor, photo: str) -> Actor:
    return msgspec.structs.replace(actor, photo=photo)


def _key(drama_id: int, paper: str, folder: Path, storage: Storage) -> str:
    if names.is_paper(drama_id, paper) and storage.head(paper) is not None:
        return paper
    path, ending = folder / paper, paper.rpartition(".")[2].lower()
    if ending not in PAPER_TYPES:
        raise BadDossier(f"{paper}: a paper is a picture ({', '.join(PAPER_TYPES)})")
    try:
        if not path.is_file() or not 0 < path.stat().st_size <= MAX_PAPER:
            raise BadDossier(f"{paper}: no file of 1 to {MAX_PAPER >> 20} MiB is there")
        found = names.paper(drama_id, names.hash12(content_hash(path, lambda _: None)), ending)
        storage.put(found, path, PAPER_TYPES[ending], Unwatched())
    except (OSError, ValueError) as error:
        raise BadDossier(f"{paper}: {error}"[:500]) from error
    return found
