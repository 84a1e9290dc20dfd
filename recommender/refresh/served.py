"""The version that readers have, and what it takes to bring it up to date."""

from __future__ import annotations

from domain.recommendations import Damaged, Version
from infra import logs
from recommender.errors import Refused
from recommender.learning.folding import Folding
from recommender.publication.publish import Meta, meta_of
from recommender.publication.store import RecommendationStore

log = logs.get(__name__)


def served(store: RecommendationStore) -> tuple[Version, Meta, Folding]:
    """The version, what it is, and the factors that it was made with.

    Raises Refused where nothing is served, or its factors are not whole.
    """
    text = store.pointers().current
    meta = meta_of(store, text)
    if meta is None:
        raise Refused(f"{text or 'nothing'} is served: train first")
    version = Version.parse(text)
    try:
        return version, meta, Folding.unpack(store.model(version))
    except Damaged as error:
        log.error("the factors of what is served are not whole", version=text, error=str(error))
        raise Refused(f"the factors of {text} are not whole, train: {error}") from error
