"""A catalogue in Redis, as readers have it, without MySQL."""

from __future__ import annotations

import redis

from infra.catalogue.form import Meta, Version, chunk_of, digest_of, meta_of
from infra.catalogue.shelf import RedisShelf
from infra.settings import Settings
from tests.catalogue import a_drama
from tests.watch_rows import DRAMA_OF


def published(settings: Settings, dramas: int) -> None:
    """Dramas of dense indexes 1..`dramas`."""
    chunk = chunk_of([a_drama(DRAMA_OF + n, index=n) for n in range(1, dramas + 1)])
    with redis.Redis.from_url(settings.redis_url) as client:
        shelf = RedisShelf(client)
        shelf.put_meta(1, meta_of(Meta(revision=1, dramas=dramas, chunks=[digest_of(chunk)])))
        shelf.put_chunk(1, 0, chunk)
        assert shelf.switch(None, Version(1, 0, 1))
