"""Namespaces while one is made in place of another, on a real Redis that is emptied, killed and started anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis.exceptions import ResponseError

from domain import keys
from infra.namespaces import GROUPS
from juliu.rebuild import space
from juliu.rebuild.bulk import Bulk
from juliu.rebuild.refused import Refused
from tests.redis_server import RedisServer, until

pytestmark = pytest.mark.servers

P = 2


@pytest.fixture(scope="module")
def shared() -> Iterator[RedisServer]:
    """One Redis for these tests."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def server(shared: RedisServer) -> RedisServer:
    """With the first namespace of three partitions, and a viewer in it."""
    with shared.client() as client:
        client.flushall()
        shared.migrate(dict.fromkeys(range(3), 9))
        client.hset(keys.user(1, P, 5), "g1", "x")
    return shared


def written(client: Any, p: int, number: int) -> None:
    """A new namespace."""
    with Bulk(client) as bulk:
        bulk.put("HSET", keys.user(number, p, 5), "g1", "y")
        for group in GROUPS:
            bulk.put("SET", keys.fence(group, number, p), 12)


def test_a_new_namespace_is_switched_to_once_it_is_whole_and_the_old_one_goes(server: RedisServer) -> None:
    with server.client() as client:
        client.set(keys.served(P, 5), b"stays")
        begun = space.begin(client, [P])[P]
        assert time.time() * 1000 - 60_000 < begun.number <= time.time() * 1000
        with pytest.raises(space.Lost, match="fence is gone"):
            space.switch(client, P, begun, 1)
        written(client, P, begun.number)
        for _ in range(2):  # an answer may be lost
            space.switch(client, P, begun, 1)
        assert space.pointers(client, range(3)) == {0: 1, 1: 1, P: begun.number}
        assert space.sweep(client, [P]) == 1
        assert client.hget(keys.user(begun.number, P, 5), "g1") == b"y"
        assert client.get(keys.served(P, 5)) == b"stays"
        assert client.exists(keys.fence("store", 1, 0)), "of another partition"
        assert not client.exists(keys.user(1, P, 5), keys.rebuilding(P), keys.fence("store", 1, P))


def emptied(server: RedisServer) -> None:
    with server.client() as client:
        client.flushall()


def started_anew(server: RedisServer) -> None:
    server.kill()
    server.start()


def begun_again(server: RedisServer) -> None:
    with server.client() as client:
        assert space.unfinished(client, [P])
        space.begin(client, [P])


def replaced(server: RedisServer) -> None:
    with server.client() as client:
        client.set(keys.namespace(P), 4)


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (emptied, "is gone"), (started_anew, "started anew"),
        (begun_again, "another rebuild"), (replaced, "another one"),
    ],
)  # fmt: skip
def test_what_was_written_is_not_switched_to_after(server: RedisServer, meanwhile: Any, why: str) -> None:
    with server.client() as client:
        begun = space.begin(client, [P])[P]
        written(client, P, begun.number)
    meanwhile(server)
    with server.client() as client:
        before = space.pointers(client, [P])
        with pytest.raises(space.Lost, match=why):
            space.switch(client, P, begun, 1)
        assert space.pointers(client, [P]) == before


def test_a_number_that_was_used_is_refused(server: RedisServer) -> None:
    with server.client() as client:
        with pytest.raises(Refused, match="not above"):
            space.begin(client, [P], asked=1)
        first = space.begin(client, [P])[P]
        assert space.begin(client, [P])[P].number > first.number
        assert space.begin(client, [P], asked=2**60)[P].number == 2**60


def test_a_number_whose_keys_outlived_their_pointer_is_refused(server: RedisServer) -> None:
    with server.client() as client:
        client.delete(keys.namespace(P))
        with pytest.raises(Refused, match="holds keys already"):
            space.begin(client, [P], asked=1)
        assert not client.exists(keys.rebuilding(P))


class Sleeper:
    """A client that sleeps behind its first look at the keys, while `meanwhile` happens."""

    def __init__(self, client: Any, meanwhile: Callable[[], object]) -> None:
        self._client, self._meanwhile, self._looks = client, meanwhile, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def scan(self, *arguments: Any, **options: Any) -> Any:
        self._looks += 1
        if self._looks == 2:
            self._meanwhile()
        return self._client.scan(*arguments, **options)


def test_whoever_slept_while_sweeping_removes_nothing_of_a_later_rebuild(server: RedisServer) -> None:
    """Its lock runs out after 30 s, and somebody else begins."""
    with server.client() as client:
        dead = space.begin(client, [P])[P]
        written(client, P, dead.number)
        client.mset({f"filler:{n}": n for n in range(5 * space.PAGE)})
        begun: list[space.Begun] = []

        def another() -> None:
            begun.append(space.begin(client, [P])[P])
            for user_id in range(100):
                client.hset(keys.user(begun[0].number, P, user_id), "g1", "y")
            written(client, P, begun[0].number)
            space.switch(client, P, begun[0], 1)

        space.sweep(Sleeper(client, another), [P])  # type: ignore[arg-type]
        assert space.pointers(client, [P]) == {P: begun[0].number}
        assert all(client.exists(keys.user(begun[0].number, P, user_id)) for user_id in range(100))
        assert all(client.exists(keys.fence(group, begun[0].number, P)) for group in GROUPS)
        space.sweep(client, [P])
        assert not client.exists(keys.user(dead.number, P, 5), keys.user(1, P, 5))


def test_one_rebuild_at_a_time_and_it_hears_when_redis_forgot_it(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "RENEW_S", 0.02)
    with server.client() as client:
        with space.Lock(client) as lock:
            with pytest.raises(Refused, match="at work"):
                space.Lock(client).__enter__()
            lock.beat()
            client.flushall()

            def lost() -> bool:
                try:
                    lock.beat()
                except space.Lost:
                    return True
                return False

            until(lost, 5, "it hears of it")
        with space.Lock(client):
            assert client.exists(keys.REBUILD_LOCK)
        assert not client.exists(keys.REBUILD_LOCK)


def write_on_a_text(client: Any) -> None:
    with Bulk(client) as bulk:
        bulk.put("SET", "one", 1)
        bulk.put("HSET", "text", "a", 1)
        bulk.put("SET", "two", 2)


def test_an_error_among_many_commands_ends_the_writing(server: RedisServer) -> None:
    with server.client() as client:
        client.set("text", "x")
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            write_on_a_text(client)
        assert client.ping()
