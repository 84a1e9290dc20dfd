"""Keys and the catalogue as steps use them: what MySQL, Redis and the sealed keys say, as a step says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from domain.media.trouble import Failure, StepFailed
from infra.catalogue import publish
from infra.catalogue.form import CatalogueDamaged
from infra.catalogue.media import UnknownEpisode, publish_media
from infra.catalogue.shelf import Shelf
from infra.media.keys import KeyDamaged, KeyStore


@dataclass(frozen=True)
class SealedKeys:
    """Keeps the promises of Keys (media_jobs.context)."""

    store: KeyStore

    def keys_for(self, drama_id: int, episode_no: int, hash12: str, rungs: Sequence[str]) -> Mapping[str, bytes]:
        """See Keys.  Raises Wait, StepFailed where the secret is another than the keys were sealed with."""
        try:
            return self.store.keys_for(drama_id, episode_no, hash12, rungs)
        except KeyDamaged as error:
            raise StepFailed(Failure.GIVE_UP, "key_damaged", str(error)) from error


@dataclass(frozen=True)
class CatalogueWriter:
    """Keeps the promises of Publish (media_jobs.context): in MySQL first, then for all readers."""

    engine: Engine
    shelf: Shelf

    def __call__(self, drama_id: int, episode_no: int, media_path: str, duration_ms: int) -> None:
        """See Publish.  Raises StepFailed: MEND where the catalogue lacks the episode or does not take its length."""
        try:
            publish_media(self.engine, drama_id, episode_no, media_path, duration_ms)
            publish.publish(self.engine, self.shelf)
        except UnknownEpisode as error:
            text = f"{error} (`juliu catalogue import`); then retry the job"
            raise StepFailed(Failure.MEND, "unknown_episode", text) from error
        except CatalogueDamaged as error:
            raise StepFailed(Failure.GIVE_UP, "catalogue_damaged", str(error)) from error
        except ValueError as error:
            raise StepFailed(Failure.MEND, "not_for_the_catalogue", str(error)) from error
        except (DBAPIError, NoConnection, RedisError, publish.PublishRaced) as error:
            raise StepFailed(Failure.AGAIN, "catalogue_away", f"{type(error).__name__} while publishing") from error
