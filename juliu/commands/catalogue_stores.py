"""The catalogue's two stores for a command, and publishing from the one to the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Engine

from infra.catalogue.form import CatalogueDamaged
from infra.catalogue.publish import Published, PublishRaced, publish
from infra.catalogue.shelf import RedisShelf
from infra.mysql.engine import engine_of
from infra.settings import load
from juliu.commands.trouble import SERVER_TROUBLE, end, told


@contextmanager
def stores() -> Iterator[tuple[Engine, RedisShelf]]:
    """MySQL and Redis; they connect when first used."""
    settings = load()
    engine, shelf = engine_of(settings), RedisShelf.of(settings)
    try:
        yield engine, shelf
    finally:
        shelf.close()
        engine.dispose()


def published(engine: Engine, shelf: RedisShelf, *, afresh: bool = False) -> Published:
    """Give readers what MySQL holds; ends the command where that is not done."""
    with told("what is in MySQL was not published, run `juliu catalogue publish`"):
        try:
            return publish(engine, shelf, afresh=afresh)
        except (PublishRaced, CatalogueDamaged) as error:
            raise end(f"not published: {error}", SERVER_TROUBLE) from error


def sentence(done: Published) -> str:
    """What publishing did."""
    match done.what:
        case "nothing":
            return f"Nothing new to publish: readers have version {done.version}."
        case "delta":
            return f"Published {done.dramas:,} changed dramas: version {done.version}."
        case "base":
            return f"Published all {done.dramas:,} dramas: version {done.version}."
