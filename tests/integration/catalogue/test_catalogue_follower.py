"""A process follows what is published, and keeps what it has when it cannot."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import pytest
import redis.asyncio
from redis.exceptions import RedisError

from domain import keys
from infra.catalogue.follower import POLL_S, CatalogueFollower
from infra.catalogue.form import DELTA_DRAMAS, CatalogueDamaged, Delta, Version, delta_of
from infra.catalogue.takedown import put_back, take_down
from tests.catalogue import a_drama, a_line
from tests.catalogue_rig import Rig

pytestmark = pytest.mark.servers

STANDSTILL_S = 20.0  # a bound on waiting, far above what it takes


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so; fails after a bound that only a standstill reaches."""
    for _ in range(int(STANDSTILL_S / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it did not become so")


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis.asyncio.Redis.from_url(rig.settings.redis_url) as client:
        yield client


@pytest.fixture
async def follower(client: redis.asyncio.Redis) -> AsyncIterator[CatalogueFollower]:
    """One that looks often, so that tests are quick."""
    follower = CatalogueFollower(client, poll_s=0.02)
    yield follower
    await follower.stop()


async def publishes(rig: Rig, *lines: object, **how: bool) -> Version:
    done = await asyncio.to_thread(lambda: rig.publishes(*lines, **how))
    return Version.parse(done.version.encode())


async def test_it_has_the_catalogue_once_it_has_started(rig: Rig, follower: CatalogueFollower):
    version = await publishes(rig, a_line(1), a_line(2, published=False))
    await follower.start()
    assert (follower.version, follower.current.count) == (version, 2)
    assert (follower.current.shown(1), follower.current.shown(2)) == (True, False)
    assert follower.age_s < STANDSTILL_S


async def test_it_follows_deltas_and_bases(rig: Rig, follower: CatalogueFollower):
    await publishes(rig, a_line(1), a_line(2))
    await follower.start()
    kept = follower.current.drama(1)
    await publishes(rig, a_line(2, title="new title"), a_line(3))
    await until(lambda: follower.current.count == 3)
    assert follower.current.drama(2).title == "new title"
    assert follower.current.drama(1) is kept, "a delta leaves alone what it does not name"
    many = [a_line(n, how_many=1) for n in range(100, 101 + DELTA_DRAMAS)]
    version = await publishes(rig, *many)
    await until(lambda: follower.version == version)
    assert follower.current.count == 3 + len(many)
    assert follower.current.drama(1) is not kept, "a base is read whole"


async def test_it_follows_at_its_usual_pace(rig: Rig, client: redis.asyncio.Redis):
    await publishes(rig, a_line(1))
    assert POLL_S <= 0.5
    follower = CatalogueFollower(client)
    await follower.start()
    await publishes(rig, a_line(2))
    await until(lambda: follower.current.count == 2)
    await follower.stop()


async def test_it_follows_takedowns_without_a_new_version(rig: Rig, follower: CatalogueFollower):
    version = await publishes(rig, a_line(1), a_line(2))
    await follower.start()
    await asyncio.to_thread(take_down, rig.engine, rig.shelf, 1, now_ms=1)
    await until(lambda: not follower.current.shown(1))
    assert follower.current.shown(2)
    await asyncio.to_thread(put_back, rig.engine, rig.shelf, 1)
    await until(lambda: follower.current.shown(1))
    assert follower.version == version


async def test_a_takedown_outlives_a_new_base(rig: Rig, follower: CatalogueFollower):
    await publishes(rig, a_line(1))
    await follower.start()
    await asyncio.to_thread(take_down, rig.engine, rig.shelf, 1, now_ms=1)
    version = await publishes(rig, afresh=True)
    await until(lambda: follower.version == version)
    assert not follower.current.shown(1)


async def test_it_starts_empty_where_nothing_is_published_and_follows_when_there_is(
    rig: Rig, follower: CatalogueFollower
):
    await follower.start()
    assert (follower.current.count, follower.age_s) == (0, math.inf)
    await publishes(rig, a_line(1))
    await until(lambda: follower.current.count == 1)


async def test_it_keeps_catalogue_and_takedowns_when_redis_lost_them(rig: Rig, follower: CatalogueFollower):
    await publishes(rig, a_line(1), a_line(2))
    await asyncio.to_thread(take_down, rig.engine, rig.shelf, 2, now_ms=1)
    await follower.start()
    rig.redis.flushdb()
    with pytest.raises(CatalogueDamaged):
        await follower.refresh()
    assert (follower.current.shown(1), follower.current.shown(2)) == (True, False)
    await publishes(rig, a_line(3))
    await until(lambda: follower.current.count == 3)
    assert not follower.current.shown(2)


@pytest.mark.parametrize("spoil", ["version", "meta", "chunk", "deltas", "takedowns"])
async def test_it_keeps_the_last_good_one_when_the_next_is_damaged(rig: Rig, follower: CatalogueFollower, spoil: str):
    await publishes(rig, a_line(1))
    await follower.start()
    await follower.stop()
    base = (await publishes(rig, a_line(2), afresh=True)).base
    await publishes(rig, a_line(3))
    match spoil:
        case "version":
            rig.redis.set(keys.CATALOGUE_VERSION, b"\xff")
        case "meta":
            rig.redis.set(keys.catalogue_meta(base), b"{}")
        case "chunk":
            rig.redis.append(keys.catalogue_base(base, 0), b"x")
        case "deltas":
            rig.redis.lset(keys.catalogue_deltas(base), 0, b"x")
        case "takedowns":
            rig.redis.sadd(keys.TAKEDOWNS, b"x")
    with pytest.raises(CatalogueDamaged):
        await follower.refresh()
    assert follower.current.count == 1


async def test_a_redis_that_went_back_is_followed_back(rig: Rig, follower: CatalogueFollower):
    at = await publishes(rig, a_line(1))
    await publishes(rig, a_line(1, title="lost"))
    await publishes(rig, a_line(1, title="lost too"))
    await follower.start()
    assert follower.current.drama(1).title == "lost too"
    await follower.stop()
    rig.redis.ltrim(keys.catalogue_deltas(at.base), 1, 0)
    rig.redis.set(keys.CATALOGUE_VERSION, str(at))
    for nth in range(1, 4):  # past where the follower stands, before it looks again
        drama = a_drama(nth, index=nth, title=f"again {nth}")
        new = Version(at.base, nth, at.revision + 10)
        assert rig.shelf.push(at, new, delta_of(Delta(after=at.revision, revision=new.revision, dramas=[drama])))
        at = new
    await follower.refresh()
    assert follower.version == at
    assert {drama.drama_id: drama.title for drama in follower.current} == {n: f"again {n}" for n in (1, 2, 3)}


class Cable:
    """A connection to Redis that can be pulled out and put back."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def plug(self) -> None:
        """Let connections through, at the same port as before."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def pull(self) -> None:
        """End all connections and take no new ones."""
        assert self._server
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._to)
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


async def test_it_keeps_what_it_has_while_redis_is_away_and_says_how_old_that_is(rig: Rig):
    url = urlsplit(rig.settings.redis_url)
    cable, now = Cable(url.hostname, url.port), 1_000.0
    await cable.plug()
    async with redis.asyncio.Redis.from_url(f"redis://127.0.0.1:{cable.port}{url.path}") as client:
        follower = CatalogueFollower(client, poll_s=0.02, clock=lambda: now)
        await publishes(rig, a_line(1))
        await follower.start()
        assert follower.age_s == 0
        cable.pull()
        with pytest.raises((RedisError, OSError)):
            await follower.refresh()
        now += 60
        await publishes(rig, a_line(2))
        assert (follower.current.count, follower.age_s) == (1, 60)
        await cable.plug()
        await until(lambda: follower.current.count == 2)
        assert follower.age_s == 0
        await follower.stop()
    cable.pull()


async def test_it_stops_when_it_is_told_whatever_it_is_doing(client: redis.asyncio.Redis):
    rng = random.Random(7)
    for _ in range(100):
        follower = CatalogueFollower(client, poll_s=0)
        await follower.start()
        await asyncio.sleep(rng.random() / 500)
        await asyncio.wait_for(follower.stop(), STANDSTILL_S)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "catalogue-follower"]
