"""Keys and the catalogue as steps use them: what MySQL, Redis and the sealed keys say, as a step says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from redis.exceptions import RedisError
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from domain.media.trouble import Failure, StepFailed
from infra.catalogue import publish
from infra.catalogue.form import CatalogueDamaged
from infra.catalogue.media import UnknownEpisode, publish_media
from infra.catalogue.shelf import Shelf
from infra.media.fence import held
from infra.media.job import Leased
from infra.media.keys import KeyDamaged, KeyStore
from infra.media.record_number import is_ticked
from media_jobs.context import Publish


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
    """Makes a Publish (media_jobs.context) for a lease: in MySQL first, then for all readers.

    Who has lost the lease publishes nothing: an episode that slept would come back over the one that took its place.
    `needs_record`: nor is a drama published whose record number nobody has ticked.
    """

    engine: Engine
    shelf: Shelf
    needs_record: bool = False

    def under(self, leased: Leased) -> Publish:
        """See Publish.  Raises LeaseLost, StepFailed: MEND where the catalogue does not take the episode's length."""
        return partial(self._publish, leased)

    def _publish(self, leased: Leased, drama_id: int, episode_no: int, media_path: str, duration_ms: int) -> None:
        try:
            fence = partial(self._fence, leased)
            publish_media(self.engine, drama_id, episode_no, media_path, duration_ms, fence=fence)
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

    def _fence(self, leased: Leased, connection: Connection) -> None:
        held(leased, connection)
        drama_id = leased.job.drama_id
        if self.needs_record and not is_ticked(connection, drama_id):
            text = f"`juliu media drama put`, look at the opening, `juliu media drama tick {drama_id}`; then retry"
            raise StepFailed(Failure.MEND, "record_not_ticked", text)
