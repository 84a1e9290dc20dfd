"""GET .../play on twins: what is open is played, what is locked says its price, and who says so."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from domain import media_address, tickets
from domain.audience import ANYBODY, Audience
from domain.media_address import GRID_MS, Address
from infra.money.unlocks import Entitlement
from ingest_api.auth import Scope, WeakSecret
from ingest_api.errors import CatalogueUnavailable
from ingest_api.play.permission import Permission
from ingest_api.play.remembered import Remembered
from ingest_api.play.service import ASKED_AGAIN_S, REMEMBERED_S, Play
from tests.api import SETTINGS, FixedCatalogue, Twins, caller, code
from tests.builders import (
    DRAMA,
    EPISODE_MS,
    NOW_MS,
    TICKET_SECRET,
    UNKNOWN_DRAMA,
    USER,
    a_catalogue,
    a_drama,
    a_token,
)
from tests.memory_money import MemoryMoney

KEYS = [TICKET_SECRET.encode()]
FREE, LOCKED, LAST, PRICE = 3, 4, 20, 60
LIFE_MS, ADDRESS_MS = SETTINGS.ticket_life_s * 1000, SETTINGS.media_url_life_s * 1000


class CountingMoney(MemoryMoney):
    """Money that tells how often it was asked, and may be slow or end what it sold."""

    asked = 0
    until_ms = 0

    def entitled(self, user_id: int, drama_id: int, episode_no: int) -> Entitlement | None:
        self.asked += 1
        found = super().entitled(user_id, drama_id, episode_no)
        return found and Entitlement(found.drama_id, found.episode_no, self.until_ms)

    def opened(self, user_id: int, drama_id: int) -> frozenset[int]:
        self.asked += 1
        return super().opened(user_id, drama_id)

    def opens(self, episode_no: int, user_id: int = USER) -> None:
        """What a purchase leaves."""
        self._open[user_id, DRAMA, episode_no] = PRICE


class Rig:
    """The API, a clock that is moved, and money."""

    def __init__(self) -> None:
        self.money = CountingMoney()
        self.money.drama(DRAMA, episodes=LAST, free_first=FREE, price_coins=PRICE)
        drama = a_drama(episodes=LAST, free_first=FREE, price_coins=PRICE)
        self.twins = Twins(
            catalogue=FixedCatalogue(a_catalogue(drama)), money=self.money, purse=self.money, now_s=NOW_MS / 1000
        )
        self.app = self.twins.app()
        self.monotonic_s = 0.0
        self.app.state.play = Play(
            self.twins.catalogue, self.money, self.money, threads=self.app.state.threads[-2],
            permission=self.app.state.permission, now_ms=lambda: int(self.twins.now_s * 1000),
            clock=lambda: self.monotonic_s,
        )  # fmt: skip

    async def play(self, episode_no: Any, drama_id: Any = DRAMA, user: int = USER, scope: Scope = Scope.VIEWER) -> Any:
        async with caller(self.app) as client:
            return await client.get(
                f"/v1/dramas/{drama_id}/episodes/{episode_no}/play",
                headers={"authorization": f"Bearer {a_token(user, scope)}"},
            )


@pytest.fixture
def rig() -> Rig:
    return Rig()


def address_of(answer: dict[str, Any]) -> tuple[Address, str]:
    """What the address in an answer says, and its signature."""
    parts = urlsplit(answer["address"])
    _, _, _, drama_id, episode_no = parts.path.split("/")
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    audience = Audience(query.get("region", ""), int(query["age_years"]))
    address = Address(int(query["user"]), int(drama_id), int(episode_no), int(query["expires"]), audience)
    return address, query["signature"]


def states(answer: dict[str, Any]) -> list[tuple[int, str, int]]:
    return [(each["episode_no"], each["state"], each["coins"]) for each in answer["next"]]


# -- what is open ----------------------------------------------------------------------------------------------------


async def test_a_free_episode_is_played_by_everybody_and_money_is_not_asked(rig: Rig) -> None:
    answer = await rig.play(1)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    told = answer.json()
    assert (told["drama_id"], told["episode_no"], told["duration_ms"], told["reason"]) == (DRAMA, 1, EPISODE_MS, "free")
    assert states(told) == [(2, "free", 0), (3, "free", 0)]
    assert rig.money.asked == 0


async def test_its_ticket_qualifies_this_viewers_playback_of_this_episode(rig: Rig) -> None:
    told = (await rig.play(1)).json()
    ticket = tickets.read(KEYS, told["ticket"])
    assert (ticket.duration_ms, ticket.expires_ms) == (EPISODE_MS, told["ticket_expires_ms"])
    assert tickets.valid(ticket, USER, DRAMA, 1, NOW_MS)
    assert tickets.valid(ticket, USER, DRAMA, 1, NOW_MS + LIFE_MS - 1)
    assert not tickets.valid(ticket, USER, DRAMA, 1, NOW_MS + LIFE_MS + GRID_MS)


async def test_its_address_is_good_for_as_long_as_it_says(rig: Rig) -> None:
    told = (await rig.play(1)).json()
    address, signature = address_of(told)
    assert address == (USER, DRAMA, 1, told["address_expires_ms"], Audience("", 17))
    assert NOW_MS + ADDRESS_MS <= address.expires_ms < NOW_MS + ADDRESS_MS + GRID_MS
    assert media_address.genuine(KEYS, address, signature, NOW_MS)


async def test_two_answers_in_a_row_are_equal(rig: Rig) -> None:
    rig.twins.now_s = (NOW_MS - NOW_MS % GRID_MS + GRID_MS + 1) / 1000
    first = (await rig.play(1)).json()
    rig.twins.now_s += GRID_MS / 1000 - 2
    assert (await rig.play(1)).json() == first
    rig.twins.now_s += 2
    assert (await rig.play(1)).json() != first


async def test_an_unlocked_episode_is_played_and_the_next_ones_say_what_they_cost(rig: Rig) -> None:
    rig.money.opens(LOCKED)
    rig.money.opens(LOCKED + 2)
    told = (await rig.play(LOCKED)).json()
    assert told["reason"] == "unlocked"
    assert states(told) == [(LOCKED + 1, "locked", PRICE), (LOCKED + 2, "unlocked", 0)]
    assert {each["price_version"] for each in told["next"]} == {rig.money.version(DRAMA)}


async def test_the_whole_drama_opens_each_episode(rig: Rig) -> None:
    rig.money.opens(0)
    assert states((await rig.play(LOCKED)).json()) == [(LOCKED + 1, "unlocked", 0), (LOCKED + 2, "unlocked", 0)]
    assert states((await rig.play(LAST - 1)).json()) == [(LAST, "unlocked", 0)]
    assert states((await rig.play(LAST)).json()) == []


async def test_the_last_free_episode_tells_of_locked_ones(rig: Rig) -> None:
    assert states((await rig.play(FREE)).json()) == [(FREE + 1, "locked", PRICE), (FREE + 2, "locked", PRICE)]


async def test_what_was_bought_for_a_time_gets_an_address_and_a_ticket_for_that_time(rig: Rig) -> None:
    rig.money.opens(LOCKED)
    rig.money.until_ms = until_ms = NOW_MS + 60_000
    told = (await rig.play(LOCKED)).json()
    assert (told["address_expires_ms"], told["ticket_expires_ms"]) == (until_ms, until_ms)
    assert tickets.read(KEYS, told["ticket"]).expires_ms == until_ms
    rig.twins.now_s += 60  # remembered, but over
    assert (await rig.play(LOCKED)).status_code == 402


# -- what is not -----------------------------------------------------------------------------------------------------


async def test_a_locked_episode_says_what_it_costs_and_how_it_may_be_unlocked(rig: Rig) -> None:
    rig.money.credit(USER, 10, "test", "r1", pot="bonus")
    answer = await rig.play(LOCKED)
    version = rig.money.version(DRAMA)
    assert (answer.status_code, code(answer)) == (402, "episode_locked")
    assert answer.json()["price"] == {"coins": PRICE, "price_version": version}
    assert answer.json()["balance"] == {"paid": 0, "bonus": 10, "debt": 0}
    assert [(way["way"], way["price_version"]) for way in answer.json()["ways"]] == [
        ("episode", version), ("drama", version),
    ]  # fmt: skip
    assert "address" not in answer.text
    assert "ticket" not in answer.text


async def test_asking_debits_nothing(rig: Rig) -> None:
    rig.money.credit(USER, 1_000, "test", "r1")
    await rig.play(LOCKED)
    assert rig.money.balance(USER).paid == 1_000
    assert rig.money.events == []


async def test_what_another_unlocked_is_not_open_to_me(rig: Rig) -> None:
    rig.money.opens(LOCKED, USER)
    assert (await rig.play(LOCKED)).status_code == 200
    assert (await rig.play(LOCKED, user=USER + 1)).status_code == 402


@pytest.mark.parametrize(("drama_id", "episode_no"), [(UNKNOWN_DRAMA, 1), (DRAMA, LAST + 1)])
async def test_what_there_is_not_cannot_be_played(rig: Rig, drama_id: int, episode_no: int) -> None:
    answer = await rig.play(episode_no, drama_id)
    assert (answer.status_code, code(answer)) == (404, "unknown_episode")


async def test_a_drama_taken_down_cannot_be_played_by_who_bought_it_either(rig: Rig) -> None:
    rig.money.opens(LOCKED)
    assert (await rig.play(LOCKED)).status_code == 200
    rig.twins.catalogue.current = rig.twins.catalogue.current.with_takedowns([DRAMA])
    assert [(await rig.play(no)).status_code for no in (1, LOCKED)] == [404, 404]


async def test_what_an_old_catalogue_does_not_have_may_exist(rig: Rig) -> None:
    rig.twins.catalogue.age_s = 60.0
    answer = await rig.play(1, UNKNOWN_DRAMA)
    assert (answer.status_code, code(answer)) == (503, "catalogue_unavailable")
    assert (await rig.play(1)).status_code == 200


@pytest.mark.parametrize("scope", [Scope.BACKFILL, Scope.ADMIN])
async def test_who_is_no_viewer_plays_nothing(rig: Rig, scope: Scope) -> None:
    assert (await rig.play(1, scope=scope)).status_code == 403


@pytest.mark.parametrize(("drama_id", "episode_no"), [(0, 1), (DRAMA, 0), (DRAMA, 100_001), ("x", 1), (2**53, 1)])
async def test_an_address_that_cannot_be_is_said_so(rig: Rig, drama_id: Any, episode_no: Any) -> None:
    assert (await rig.play(episode_no, drama_id)).status_code == 422


# -- MySQL away ------------------------------------------------------------------------------------------------------


async def test_without_mysql_nothing_is_called_locked(rig: Rig) -> None:
    rig.money.away = True
    answer = await rig.play(LOCKED)
    assert (answer.status_code, code(answer)) == (503, "money_unavailable")


async def test_without_mysql_free_episodes_play_on_and_nothing_is_said_of_what_follows(rig: Rig) -> None:
    rig.money.away = True
    told = (await rig.play(FREE)).json()
    assert states(told) == [(FREE + 1, "unknown", PRICE), (FREE + 2, "unknown", PRICE)]


async def test_what_was_allowed_is_remembered_for_a_while_and_plays_on_without_mysql(rig: Rig) -> None:
    rig.money.opens(LOCKED)
    assert (await rig.play(LOCKED)).status_code == 200
    rig.money.away = True
    rig.monotonic_s = REMEMBERED_S - 1
    assert (await rig.play(LOCKED)).status_code == 200
    rig.monotonic_s = REMEMBERED_S
    assert (await rig.play(LOCKED)).status_code == 503


async def test_what_is_taken_back_is_refused_within_two_seconds_and_also_while_mysql_is_away_then(rig: Rig) -> None:
    assert ASKED_AGAIN_S < 2
    rig.money.opens(LOCKED)
    assert (await rig.play(LOCKED)).status_code == 200
    rig.money.take_back(USER, DRAMA, LOCKED)
    rig.monotonic_s = ASKED_AGAIN_S
    assert (await rig.play(LOCKED)).status_code == 402
    rig.money.away = True
    assert (await rig.play(LOCKED)).status_code == 503


async def test_what_was_refused_is_never_remembered(rig: Rig) -> None:
    assert (await rig.play(LOCKED)).status_code == 402
    rig.money.opens(LOCKED)
    assert (await rig.play(LOCKED)).status_code == 200


async def test_many_at_once_are_all_answered(rig: Rig) -> None:
    rig.money.opens(LOCKED)
    answers = await asyncio.gather(*(rig.play(no) for no in [1, LOCKED, LOCKED + 1] * 20))
    assert [answer.status_code for answer in answers] == [200, 200, 402] * 20


# -- the parts -------------------------------------------------------------------------------------------------------


def test_the_least_used_is_forgotten_first() -> None:
    known: Remembered[int, str] = Remembered(2, 10, lambda: 0.0)
    known.put(1, "a")
    known.put(2, "b")
    assert known.get(1) == "a"
    known.put(3, "c")
    assert [known.get(key) for key in (1, 2, 3)] == ["a", None, "c"]


async def test_an_episode_that_the_catalogue_does_not_have_yet_is_asked_for_again(rig: Rig) -> None:
    """A process may learn of a new episode a second after it was sold: the coins are spent, so that is no 404."""
    permission: Permission = rig.app.state.permission
    with pytest.raises(CatalogueUnavailable):
        await permission.open(USER, DRAMA, LAST + 1, ANYBODY)


@pytest.mark.parametrize(
    ("field", "name"), [("ticket_secret", "JULIU_TICKET_SECRET"), ("ticket_secret_previous", "_PREVIOUS")]
)
@pytest.mark.parametrize("secret", ["short", "a" * 64])
def test_a_weak_secret_is_refused_before_anything_is_served(field: str, name: str, secret: str) -> None:
    with pytest.raises(WeakSecret, match=name):
        Twins().app(SETTINGS.model_copy(update={field: SecretStr(secret)}))


def test_without_a_ticket_secret_nothing_is_served() -> None:
    with pytest.raises(WeakSecret, match="JULIU_TICKET_SECRET"):
        Twins().app(SETTINGS.model_copy(update={"ticket_secret": SecretStr("")}))
