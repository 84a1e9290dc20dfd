"""Giving readers what staff have just written of the catalogue."""

from __future__ import annotations

from redis.exceptions import RedisError
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from infra.catalogue import publish
from infra.catalogue.form import CatalogueDamaged
from infra.catalogue.shelf import Shelf
from infra.fold_store import Wait


def tell(engine: Engine, shelf: Shelf) -> None:
    """Publish what is in MySQL; readers have it within a second.  Raises Wait: they may have it or not, repeat it."""
    try:
        publish.publish(engine, shelf)
    except (RedisError, publish.PublishRaced, CatalogueDamaged) as error:
        raise Wait("redis", error) from error
    except (DBAPIError, NoConnection) as error:
        raise Wait("mysql", error) from error
