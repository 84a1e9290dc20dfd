"""Every route, walked by viewers who have not paid: no answer holds an address or a ticket of a locked episode."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from domain import tickets
from domain.media import grant
from domain.tickets import Ticket
from infra.media.drama_desk import DramaDesk
from infra.money.unlocks import Wanted
from ingest_api.auth import Scope
from ingest_api.feed.service import Feed
from ingest_api.media_admin.dramas import DramaAdmin
from ingest_api.media_admin.posters import PosterAdmin
from ingest_api.media_admin.releases import ReleaseAdmin
from ingest_api.media_admin.service import MediaAdmin
from ingest_api.media_admin.uploads import SignedUploads
from ingest_api.play.media import Media
from ingest_api.play.states import Owned
from ingest_api.product.drama_page import DramaPages
from ingest_api.product.service import Product
from ingest_api.unlock.service import Unlocking
from tests.api import FixedCatalogue, Twins, caller
from tests.builders import (
    DRAMA,
    NOW_MS,
    OTHER_DRAMA,
    TICKET_SECRET,
    USER,
    a_batch,
    a_catalogue,
    a_drama,
    a_token,
    an_event,
)
from tests.folding import folded, heat, numbers
from tests.memory_dramas import MemoryDramas
from tests.memory_feed import MemoryHints, MemoryLists, MemoryShown
from tests.memory_jobs import MemoryJobs
from tests.memory_money import MemoryMoney
from tests.memory_posters import MemoryPosters
from tests.memory_releases import MemoryReleases
from tests.unit.test_api_health import OneRedis
from tests.unit.test_api_product import MemoryCharts, MemoryViewers

KEYS = [TICKET_SECRET.encode()]
EPISODES, FREE, PAID_FOR = 8, 3, 5  # one viewer has unlocked PAID_FOR of DRAMA; all else past FREE is locked
OUT = 2  # of OTHER_DRAMA; its free third episode, and the next one that the viewer has unlocked, come in a millisecond
BUYER, STRANGER = USER, USER + 1
SOMEWHERE = "hidden/folder"
ADDRESS = re.compile(r"/v1/media/(\d+)/(\d+)\?user=(\d+)")
GRANT = re.compile(r"g2\.[A-Za-z0-9_-]{92}")
TICKET = re.compile(r"t1\.[A-Za-z0-9_-]{92}")
HASH = "0123456789ab"
KNOWN = {
    "drama_id": (DRAMA, OTHER_DRAMA), "episode_no": range(1, EPISODES + 2), "grant": ("g2." + "A" * 92,),
    "rung": ("720p",), "number": ("00000",), "hash12": (HASH,), "width": (480,), "kind": ("webp",),
    "key": (f"mezzanine/{DRAMA}/{EPISODES}/{HASH}.mp4",), "job_id": (1,), "secret": ("x" * 30,),
}  # fmt: skip


class HiddenPaths:
    """Every episode has a video."""

    def path(self, drama_id: int, episode_no: int) -> str:
        return f"{SOMEWHERE}/{drama_id}/{episode_no}.mp4"


@pytest.fixture
def app(tmp_path: Any) -> Any:
    """Everything that the API may tell is there to be told."""
    money = MemoryMoney()
    encrypted = {OTHER_DRAMA: bytes.fromhex(HASH) * EPISODES}
    dramas = [
        a_drama(n, n, EPISODES, free_first=FREE, price_coins=60, renditions=encrypted.get(n, b""), releases=when)
        for n, when in ((DRAMA, ()), (OTHER_DRAMA, [NOW_MS] * OUT + [NOW_MS + 1] * (EPISODES - OUT)))
    ]
    for drama in dramas:
        money.drama(drama.drama_id, EPISODES, FREE, 60)
    money.credit(BUYER, 120, "test", "r1")
    money.unlock(BUYER, Wanted(DRAMA, PAID_FOR, "episode", money.version(DRAMA)), "bought", b"")
    money.unlock(BUYER, Wanted(OTHER_DRAMA, FREE + 1, "episode", money.version(OTHER_DRAMA)), "later", b"")
    twins = Twins(catalogue=FixedCatalogue(a_catalogue(*dramas)), redis=OneRedis(), money=money, purse=money)
    app = twins.app()
    viewers = MemoryViewers()
    for user in (BUYER, STRANGER):
        viewers.watched[user] = [(DRAMA, 1, EPISODES, 0), (OTHER_DRAMA, 2, FREE, 90_000)]
    lists = MemoryLists(charts={"hot": [DRAMA, OTHER_DRAMA], "trending": [DRAMA]})
    app.state.product = Product(twins.catalogue, MemoryCharts(), viewers, now_ms=twins.now_ms)
    app.state.drama_pages = DramaPages(
        twins.catalogue, viewers, Owned(money, app.state.threads[0]), now_ms=twins.now_ms
    )
    app.state.feed = Feed(twins.catalogue, lists, MemoryShown(), now_ms=twins.now_ms)
    app.state.unlocking = Unlocking(money, money, app.state.threads[0], app.state.permission, MemoryHints())
    app.state.media_admin = MediaAdmin(
        MemoryJobs(twins.now_ms), twins.catalogue, SignedUploads(None), threads=app.state.threads[1],
        now_ms=twins.now_ms,
    )  # fmt: skip
    book = MemoryDramas(lambda: int(twins.now_s * 1000), {DRAMA: EPISODES})
    app.state.drama_admin = DramaAdmin(
        DramaDesk(book, MemoryJobs(book.now_ms)), twins.catalogue, SignedUploads(None),
        threads=app.state.threads[1], now_ms=book.now_ms,
    )  # fmt: skip
    app.state.poster_admin = PosterAdmin(
        MemoryPosters(), twins.catalogue, SignedUploads(None), threads=app.state.threads[1], now_ms=book.now_ms
    )
    app.state.release_admin = ReleaseAdmin(
        MemoryReleases(book.now_ms), threads=app.state.threads[1], now_ms=book.now_ms
    )
    app.state.media = Media(
        str(tmp_path), KEYS, HiddenPaths(), twins.catalogue, threads=app.state.threads[-1],
        now_ms=twins.now_ms,
    )  # fmt: skip
    return app


def addresses(app: Any) -> Iterator[tuple[str, str]]:
    """Every method and every path, with every value of what stands in it."""
    document = app.openapi()["paths"]
    assert {f"/v1/dramas/{{drama_id}}/episodes/{{episode_no}}/{what}" for what in ("play", "unlock")} <= document.keys()
    for path, methods in [*document.items(), ("/openapi.json", {"get": {}})]:
        filled = [path]
        for name in re.findall(r"\{(\w+)\}", path):
            filled = [each.replace(f"{{{name}}}", str(value)) for each in filled for value in KNOWN[name]]
        yield from ((method, each) for method in methods for each in filled)


async def walk(app: Any, user: int, scope: Scope = Scope.VIEWER) -> list[httpx.Response]:
    """All answers to a viewer who has no coins and sends what might be taken for more than it is."""
    version = app.state.connections.money.version(DRAMA)
    batch = a_batch(*(an_event("play_started", n, episode_no=n) for n in range(1, EPISODES + 1)))
    headers = {"authorization": f"Bearer {a_token(user, scope)}", "idempotency-key": "k"}
    answers = []
    async with caller(app) as client:
        for method, address in addresses(app):
            query: dict[str, Any] = {}
            if address.startswith("/v1/media"):
                query = {"user": user, "expires": 2**53 - 1, "signature": "A" * 43}
            body = batch if address == "/v1/events" else {"price_version": version, "way": "episode"}
            sent = body if method == "post" else None
            answers.append(await client.request(method, address, params=query, json=sent, headers=headers))
    return answers


def locked(user: int, drama_id: int, episode_no: int) -> bool:
    coming = drama_id == OTHER_DRAMA and episode_no > OUT
    return coming or (episode_no > FREE and (user, drama_id, episode_no) != (BUYER, DRAMA, PAID_FOR))


@pytest.mark.parametrize("user", [BUYER, STRANGER])
async def test_no_answer_holds_an_address_or_a_ticket_of_a_locked_episode(app: Any, user: int) -> None:
    opened = set()
    for answer in await walk(app, user):
        assert answer.status_code < 500, answer.url  # it said what it says when all is well
        told = f"{answer.headers} {answer.text}"
        for place in ADDRESS.findall(told):
            drama_id, episode_no, whose = map(int, place)
            assert (whose, locked(user, drama_id, episode_no)) == (user, False), answer.url
            opened.add((drama_id, episode_no))
        for text in GRANT.findall(told):
            given = grant.read(KEYS, text)
            assert (given.user_id, locked(user, given.drama_id, given.episode_no)) == (user, False), answer.url
            opened.add((given.drama_id, given.episode_no))
        for text in TICKET.findall(told):
            ticket: Ticket = tickets.read(KEYS, text)
            assert (ticket.user_id, locked(user, ticket.drama_id, ticket.episode_no)) == (user, False), answer.url
        assert SOMEWHERE not in told, answer.url
    free = {(DRAMA, no) for no in range(1, FREE + 1)} | {(OTHER_DRAMA, no) for no in range(1, OUT + 1)}
    assert opened == free | ({(DRAMA, PAID_FOR)} if user == BUYER else set())  # the walk did see what is open


@pytest.mark.parametrize("scope", [Scope.BACKFILL, Scope.ADMIN])
async def test_other_tokens_get_none_at_all(app: Any, scope: Scope) -> None:
    told = " ".join(answer.text for answer in await walk(app, BUYER, scope))
    assert not ADDRESS.search(told)
    assert not GRANT.search(told)
    assert not TICKET.search(told)


async def test_an_open_episodes_address_does_not_open_a_locked_one(app: Any) -> None:
    async with caller(app) as client:
        headers = {"authorization": f"Bearer {a_token(STRANGER)}"}
        told = (await client.get(f"/v1/dramas/{DRAMA}/episodes/1/play", headers=headers)).json()
        assert (await client.get(told["address"])).status_code == 404  # good, but there is no file in this test
        for no in range(FREE + 1, EPISODES + 1):
            assert (await client.get(told["address"].replace("/1?", f"/{no}?"))).status_code == 403


async def test_no_locked_episodes_play_heats(app: Any) -> None:
    """A viewer who plays a locked episode all the same (a leaked file, say) is counted, and heats nothing."""
    async with caller(app) as client:
        headers = {"authorization": f"Bearer {a_token(STRANGER)}"}
        ticket = (await client.get(f"/v1/dramas/{DRAMA}/episodes/1/play", headers=headers)).json()["ticket"]
        plays = [an_event("play_started", no, episode_no=no, ticket=ticket) for no in range(1, EPISODES + 1)]
        assert (await client.post("/v1/events", json=a_batch(*plays), headers=headers)).json()["accepted"] == EPISODES
    qualified = [event.episode_no for event in app.state.connections.logged if event.qualified]
    assert qualified == [1]


async def test_only_the_play_with_its_ticket_heats_and_both_are_counted(app: Any) -> None:
    """From the permission over the route and the log to the fold."""
    async with caller(app) as client:
        headers = {"authorization": f"Bearer {a_token(STRANGER)}"}
        told = (await client.get(f"/v1/dramas/{DRAMA}/episodes/1/play", headers=headers)).json()
        for drama_id, ticket in ((DRAMA, told["ticket"]), (OTHER_DRAMA, None)):
            play = {"play_id": str(uuid.UUID(int=drama_id)), "drama_id": drama_id}
            watched = an_event("heartbeat", 2, from_ms=0, to_ms=8_000, wall_ms=8_000, **play)
            batch = a_batch(an_event("play_started", 1, ticket=ticket, **play), watched, session_id=play["play_id"])
            assert (await client.post("/v1/events", json=batch, headers=headers)).json()["accepted"] == 2
    twin = folded(*app.state.connections.logged)
    assert {drama_id for _, _, drama_id in heat(twin)} == {DRAMA}
    assert [numbers(twin)[drama_id, "valid_plays"] for drama_id in (DRAMA, OTHER_DRAMA)] == [1, 1]
