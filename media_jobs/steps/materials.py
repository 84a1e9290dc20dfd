"""MATERIALS: everything that WeChat's audit asks for is there: papers, record number and tick, every episode.

Nothing is sent yet: WeChat's ids of papers live three days, so SUBMIT uploads them anew each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from domain.media.trouble import Failure, Later, StepFailed
from domain.media.wechat_drama import MAX_PAPER, PAPER_TYPES, Dossier, files, missing, unticked
from infra.media.drama_book import Media, Standing, UnknownDrama
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.engine import Storage
from media_jobs.wechat.heard import platform

ASK_S = 300.0
NAMED = 20  # episodes that are told


def run(context: StepContext, leased: Leased) -> Facts:
    """Facts: title, episodes.  Raises StepFailed (what is to be mended), Later (episodes are on their way)."""
    dramas, drama_id = platform(context).dramas, leased.job.drama_id
    try:
        standing = dramas.standing(drama_id)
    except UnknownDrama as error:
        text = "Nothing was handed in for this drama: title, papers, record number."
        raise StepFailed(Failure.MEND, "dossier_missing", text) from error
    complete(standing, context.storage)
    episodes, media = dramas.episodes(drama_id), dramas.media(drama_id)
    lacking = [number for number in range(1, episodes + 1) if number not in media]
    context.note({"lacking": len(lacking), "first_lacking": lacking[:NAMED]})
    if lacking:
        raise Later(ASK_S)
    _fits(standing.dossier, episodes, media)
    return {"title": standing.dossier.title, "episodes": episodes}


def complete(standing: Standing, storage: Storage) -> None:
    """Raises StepFailed for what is missing, the tick for this very record number too."""
    if gaps := missing(standing.dossier):
        raise StepFailed(Failure.MEND, "dossier_incomplete", "Hand in: " + "; ".join(gaps))
    if not standing.ticked_ms:
        raise StepFailed(Failure.MEND, "record_not_ticked", unticked(standing.dossier.record_number))
    if wrong := list(_papers(standing.dossier, storage)):
        raise StepFailed(Failure.MEND, "paper_unusable", "; ".join(wrong))


def content_type(key: str) -> str:
    """Of a paper, by its name; empty for what WeChat does not take."""
    return PAPER_TYPES.get(key.rpartition(".")[2].lower(), "")


def _papers(dossier: Dossier, storage: Storage) -> Iterator[str]:
    for key in files(dossier):
        try:
            stored = storage.head(key)
        except ValueError:
            yield f"{key[:80]!r} is no key of the storage"
            continue
        if stored is None:
            yield f"{key} is not in the storage"
        elif not content_type(key):
            yield f"{key} is neither JPG nor PNG"
        elif not 0 < stored.size <= MAX_PAPER:
            yield f"{key} has {stored.size} bytes, WeChat takes up to {MAX_PAPER}"


def _fits(dossier: Dossier, episodes: int, media: Mapping[int, Media]) -> None:
    if not episodes:
        raise StepFailed(Failure.MEND, "no_episodes", "The catalogue has no episode of this drama.")
    others = [number for number in range(1, episodes + 1) if media[number].title != dossier.title]
    if others:
        text = f"WeChat has episodes {others[:NAMED]} under another title than {dossier.title}: upload them again."
        raise StepFailed(Failure.MEND, "title_differs", text)
