"""The API: settings and connections go in, an ASGI app comes out.  The composition root of `juliu api`."""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from domain import experiments
from infra.catalogue.media_paths import MediaPaths
from infra.catalogue.shelf import RedisShelf
from infra.media.drama_desk import DramaDesk
from infra.media.dramas import Dramas
from infra.media.poster_desk import PosterDesk
from infra.media.queue import JobQueue
from infra.media.release_desk import ReleaseDesk
from infra.media.wechat_hints import Hints as WechatHints
from infra.media.wechat_links import Links
from infra.media.wechat_push import push_of
from infra.settings import Settings
from ingest_api import handlers, openapi
from ingest_api.audience import Audiences
from ingest_api.auth import Tokens, ticket_secrets
from ingest_api.connections import Connections, RealConnections
from ingest_api.edge import Edge, Hot
from ingest_api.errors import MoneyUnavailable
from ingest_api.events.admission import Admission
from ingest_api.events.body import BODY_S
from ingest_api.events.route import PATH, EventsRoute
from ingest_api.events.samples import Samples
from ingest_api.events.service import Ingest
from ingest_api.feed.hints import RedisHints
from ingest_api.feed.lists import RedisLists
from ingest_api.feed.router import PATH as FEED
from ingest_api.feed.router import by_hand as feed_by_hand
from ingest_api.feed.router import router as feed
from ingest_api.feed.service import Feed
from ingest_api.feed.shown import RedisShown
from ingest_api.health.readiness import Readiness
from ingest_api.health.router import router as health
from ingest_api.hls.poster_router import router as posters
from ingest_api.hls.posters import Posters
from ingest_api.hls.router import router as hls
from ingest_api.hls.service import Hls
from ingest_api.hls.stores import stores_of
from ingest_api.media_admin.drama_router import router as drama_admin
from ingest_api.media_admin.dramas import DramaAdmin
from ingest_api.media_admin.errors import JobsUnavailable
from ingest_api.media_admin.poster_router import router as poster_admin
from ingest_api.media_admin.posters import PosterAdmin
from ingest_api.media_admin.release_router import router as release_admin
from ingest_api.media_admin.releases import ReleaseAdmin
from ingest_api.media_admin.router import router as media_admin
from ingest_api.media_admin.service import MediaAdmin
from ingest_api.media_admin.uploads import uploads_of
from ingest_api.play.errors import MediaUnavailable
from ingest_api.play.media import Media
from ingest_api.play.permission import Permission
from ingest_api.play.platform import Platform
from ingest_api.play.router import router as play
from ingest_api.play.service import Play
from ingest_api.play.states import Owned
from ingest_api.product.charts import RedisCharts
from ingest_api.product.drama_page import DramaPages
from ingest_api.product.router import router as product
from ingest_api.product.service import Product
from ingest_api.product.viewers import RedisViewers
from ingest_api.storage.errors import StorageBusy
from ingest_api.storage.router import router as storage
from ingest_api.storage.service import Storage
from ingest_api.threads import Threads
from ingest_api.unlock.router import router as unlock
from ingest_api.unlock.service import Unlocking
from ingest_api.wechat_push.router import router as wechat_push
from ingest_api.wechat_push.service import WechatPush

ROUTERS = (
    health,
    product,
    feed,
    unlock,
    play,
    hls,
    posters,
    storage,
    media_admin,
    drama_admin,
    poster_admin,
    release_admin,
    wechat_push,
)


def create_app(settings: Settings) -> FastAPI:
    """The API on the servers that the settings name.  Connects when it is started, not before.

    Raises WeakSecret, NoSecret, WeakCdnKey, Nowhere: each says what to set.
    """
    return assemble(settings, RealConnections(settings))


def assemble(
    settings: Settings, connections: Connections, now_s: Callable[[], float] = time.time, body_s: float = BODY_S
) -> FastAPI:
    """The API on these connections."""
    now_ms = _in_ms(now_s)
    app = FastAPIOffline(title="juliu", version=version("juliu"), lifespan=_lifespan, redoc_url=None)
    _connected(app, settings, connections)
    app.state.tokens = Tokens(settings.jwt_secret.get_secret_value(), now_s, settings.backfill_anywhere)
    app.state.permission = _permission(settings, connections, now_ms)
    _money(app, settings, connections, now_ms)
    _lists(app, settings, connections, now_ms)
    _play(app, settings, connections, now_ms)
    for router in ROUTERS:
        app.include_router(router)
    events = _events(settings, connections, app.state.tokens, now_s, body_s)
    app.add_middleware(Edge, hot={PATH: Hot(events), FEED: Hot(feed_by_hand, "GET")})
    handlers.add(app)
    openapi.describe(app)
    return app


def _in_ms(now_s: Callable[[], float]) -> Callable[[], int]:
    return lambda: int(now_s() * 1000)


def _connected(app: FastAPI, settings: Settings, connections: Connections) -> None:
    """What every part may look at."""
    app.state.settings = settings
    app.state.connections = connections
    app.state.redis = connections.redis
    app.state.catalogue = connections.catalogue
    app.state.log = connections.log
    app.state.audiences = Audiences(settings, connections.catalogue)
    app.state.readiness = Readiness(connections, time.monotonic)


def _money(app: FastAPI, settings: Settings, connections: Connections, now_ms: Callable[[], int]) -> None:
    """Unlocking; its threads are closed first, before what their calls stand on."""
    threads = Threads("money", MoneyUnavailable)
    app.state.threads, app.state.closed = [threads], []
    hints = RedisHints(connections.redis, settings.partitions, now_ms)
    app.state.unlocking = Unlocking(connections.money, connections.purse, threads, app.state.permission, hints)


def _lists(app: FastAPI, settings: Settings, connections: Connections, now_ms: Callable[[], int]) -> None:
    """What viewers are shown to choose from: charts, what they watched, the feed."""
    charts, viewers = RedisCharts(connections.redis), RedisViewers(connections.redis, settings.partitions)
    app.state.product = Product(connections.catalogue, charts, viewers, now_ms=now_ms)
    lists, shown = RedisLists(connections.redis), RedisShown(connections.redis, viewers)
    experiment = experiments.parse(settings.experiment)
    random_share = settings.feed_random_share
    app.state.feed = Feed(connections.catalogue, lists, shown, experiment, random_share, now_ms=now_ms)


def _events(
    settings: Settings, connections: Connections, tokens: Tokens, now_s: Callable[[], float], body_s: float
) -> EventsRoute:
    log = connections.log
    admission = Admission(log, settings.queue_high_water, settings.queue_high_water_bytes)
    samples, secrets = Samples(log, time.monotonic), ticket_secrets(settings)
    ingest = Ingest(log, connections.catalogue, settings.partitions, now_s, samples, ticket_secrets=secrets)
    return EventsRoute(tokens, admission, ingest, body_s)


def _permission(settings: Settings, connections: Connections, now_ms: Callable[[], int]) -> Permission:
    return Permission(
        ticket_secrets(settings),
        connections.catalogue,
        now_ms,
        ticket_life_ms=settings.ticket_life_s * 1000,
        address_life_ms=settings.media_url_life_s * 1000,
        grant_life_ms=settings.media_grant_life_s * 1000,
    )


def _play(app: FastAPI, settings: Settings, connections: Connections, now_ms: Callable[[], int]) -> None:
    """Who may play, and a drama's page; the threads of this and of the videos share a pool's worth of connections."""
    asking = Threads("play", MoneyUnavailable, at_once=4)
    app.state.threads.append(asking)
    catalogue, money, purse = connections.catalogue, connections.money, connections.purse
    platform = Platform(Links(connections.redis) if settings.wechat_appid else None, now_ms)
    viewers = RedisViewers(connections.redis, settings.partitions)
    app.state.drama_pages = DramaPages(catalogue, viewers, Owned(money, asking), now_ms=now_ms)
    app.state.play = Play(
        catalogue, money, purse, threads=asking, permission=app.state.permission, now_ms=now_ms, platform=platform
    )
    _videos(app, settings, connections, now_ms)


def _videos(app: FastAPI, settings: Settings, connections: Connections, now_ms: Callable[[], int]) -> None:
    """The videos themselves: files, encrypted renditions, and the folder of the local engine."""
    files = Threads("storage", StorageBusy, at_once=2, within_s=30.0)
    media = Threads("media", MediaUnavailable, at_once=4)
    app.state.threads += [media]
    app.state.threads.insert(1, files)
    secrets, paths, catalogue = ticket_secrets(settings), MediaPaths(connections.mysql), connections.catalogue
    app.state.media = Media(settings.media_root, secrets, paths, catalogue, threads=media, now_ms=now_ms)
    stores, places = stores_of(settings, connections.mysql, now_ms), app.state.media.places
    app.state.hls = Hls(secrets, catalogue, app.state.play, stores, threads=media, places=places, now_ms=now_ms)
    app.state.posters = Posters(catalogue, stores.served, stores.away, threads=media, now_ms=now_ms)
    _media_admin(app, settings, connections, now_ms)
    app.state.storage = Storage(settings.media_root, secrets, threads=files, now_ms=now_ms)


def _media_admin(app: FastAPI, settings: Settings, connections: Connections, now_ms: Callable[[], int]) -> None:
    """Media jobs, dramas on WeChat, posters and release times, for staff."""
    threads = Threads("media-admin", JobsUnavailable, at_once=2, waiting=32)
    app.state.threads.insert(1, threads)
    jobs, dramas = JobQueue(connections.mysql), Dramas(connections.mysql, now_ms)
    catalogue, uploads = connections.catalogue, uploads_of(settings, ticket_secrets(settings)[0])
    app.state.media_admin = MediaAdmin(jobs, catalogue, uploads, threads=threads, now_ms=now_ms)
    desk = DramaDesk(dramas, jobs)
    app.state.drama_admin = DramaAdmin(desk, catalogue, uploads, threads=threads, now_ms=now_ms)
    shelf = RedisShelf.of(settings)
    app.state.closed += [shelf.close]
    posters = PosterDesk(connections.mysql, shelf, now_ms)
    app.state.poster_admin = PosterAdmin(posters, catalogue, uploads, threads=threads, now_ms=now_ms)
    releases = ReleaseDesk(connections.mysql, shelf, now_ms)
    app.state.release_admin = ReleaseAdmin(releases, threads=threads, now_ms=now_ms)
    hints = WechatHints(jobs, dramas)
    app.state.wechat_push = WechatPush(push_of(settings), hints, threads=threads, now_s=lambda: now_ms() / 1000)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    connections: Connections = app.state.connections
    try:
        await connections.open()
        gc.collect()
        gc.freeze()  # what is loaded now lives as long as the process: do not walk it again
        yield
    finally:
        for threads in app.state.threads:
            await threads.close()
        for close in app.state.closed:
            close()
        await connections.close()
