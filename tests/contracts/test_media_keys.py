"""The promises of the keys of renditions and of their playlists, kept by the memory twins and by MySQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from domain.media import names
from domain.media.playlist import MAX_BYTES
from infra.fold_store import Wait
from infra.media.keys import KeyDamaged, KeyStore, NoSecret, Sealer
from infra.media.playlists import PlaylistStore
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from tests.builders import DRAMA, NOW_MS, OTHER_DRAMA
from tests.memory_keys import MemoryKeys, MemoryPlaylists

SECRET, NEXT_SECRET = "seals-keys-0123456789-abcdefghijklm", "another-one-0123456789-abcdefghijkl"
HASH, OTHER_HASH = "0123456789ab", "ba9876543210"
RUNGS = ["360p", "720p"]


def now_ms() -> int:
    return NOW_MS


class Stores(NamedTuple):
    keys: Any
    playlists: Any


@pytest.fixture
def engine(fresh: Settings) -> Iterator[sa.Engine]:
    migrate(fresh)
    made = engine_of(fresh)
    yield made
    made.dispose()


@pytest.fixture(params=["memory", pytest.param("mysql", marks=pytest.mark.servers)])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        return Stores(MemoryKeys(), MemoryPlaylists())
    engine = request.getfixturevalue("engine")
    return Stores(KeyStore(engine, Sealer([SECRET]), now_ms), PlaylistStore(engine, now_ms))


# -- keys ------------------------------------------------------------------------------------------------------------


def test_every_rung_has_a_key_of_its_own_that_stays(stores: Stores):
    made = stores.keys.keys_for(DRAMA, 1, HASH, RUNGS)
    assert [len(key) for key in made.values()] == [16, 16]
    assert len(set(made.values())) == 2
    assert stores.keys.keys_for(DRAMA, 1, HASH, RUNGS) == made
    assert {rung: stores.keys.key(DRAMA, 1, HASH, rung) for rung in RUNGS} == made


def test_a_rung_more_leaves_the_others_as_they_are(stores: Stores):
    first = stores.keys.keys_for(DRAMA, 1, HASH, RUNGS[:1])
    both = stores.keys.keys_for(DRAMA, 1, HASH, RUNGS)
    assert both["360p"] == first["360p"]


def test_renditions_share_no_key(stores: Stores):
    places = [(DRAMA, 1, HASH), (DRAMA, 1, OTHER_HASH), (DRAMA, 2, HASH), (OTHER_DRAMA, 1, HASH)]
    keys = {key for place in places for key in stores.keys.keys_for(*place, RUNGS).values()}
    assert len(keys) == len(places) * len(RUNGS)


def test_what_was_never_made_has_no_key(stores: Stores):
    stores.keys.keys_for(DRAMA, 1, HASH, RUNGS)
    for place in ((DRAMA, 1, HASH, "540p"), (DRAMA, 2, HASH, "720p"), (DRAMA, 1, OTHER_HASH, "720p")):
        assert stores.keys.key(*place) is None


def test_whoever_is_first_all_get_the_same(stores: Stores):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: stores.keys.keys_for(DRAMA, 1, HASH, RUNGS), range(16)))
    assert all(one == made[0] for one in made)


@pytest.mark.parametrize(
    ("place", "rungs"),
    [((0, 1, HASH), RUNGS), ((DRAMA, -1, HASH), RUNGS), ((DRAMA, 1, "x"), RUNGS), ((DRAMA, 1, HASH), []),
     ((DRAMA, 1, HASH), ["../x"]), ((DRAMA, 1, HASH), [f"{n}p" for n in range(100, 109)])],
)  # fmt: skip
def test_names_that_are_none_are_refused(stores: Stores, place: Any, rungs: list[str]):
    with pytest.raises(ValueError, match=r"\A"):
        stores.keys.keys_for(*place, rungs)


# -- playlists -------------------------------------------------------------------------------------------------------

MASTER, INDEX = names.master(DRAMA, 1, HASH), names.playlist(DRAMA, 1, HASH, "720p")


def test_playlists_are_kept_as_they_are_put(stores: Stores):
    assert stores.playlists.read(MASTER) is None
    stores.playlists.put({MASTER: "#EXTM3U\n", INDEX: "剧"})
    stores.playlists.put({INDEX: "newer"})
    assert (stores.playlists.read(MASTER), stores.playlists.read(INDEX)) == ("#EXTM3U\n", "newer")


def test_the_largest_is_kept_and_a_larger_one_refused_with_all_of_them(stores: Stores):
    stores.playlists.put({MASTER: "x" * MAX_BYTES})
    assert stores.playlists.read(MASTER) == "x" * MAX_BYTES
    with pytest.raises(ValueError, match="kept"):
        stores.playlists.put({INDEX: "good", MASTER: "x" * (MAX_BYTES + 1)})
    assert stores.playlists.read(INDEX) is None


@pytest.mark.parametrize("texts", [{}, {"../x": ""}, {f"hls/{n}": "" for n in range(17)}])
def test_what_is_no_set_of_playlists_is_refused(stores: Stores, texts: dict[str, str]):
    with pytest.raises(ValueError, match="playlist"):
        stores.playlists.put(texts)


# -- sealed ----------------------------------------------------------------------------------------------------------


def sealed(engine: sa.Engine) -> dict[str, bytes]:
    with engine.connect() as connection:
        return {rung: bytes(data) for rung, data in connection.execute(sa.text("SELECT rung, sealed FROM media_keys"))}


@pytest.mark.servers
def test_a_copy_of_the_table_opens_nothing(engine: sa.Engine):
    made = KeyStore(engine, Sealer([SECRET]), now_ms).keys_for(DRAMA, 1, HASH, RUNGS)
    assert not any(key in data for key in made.values() for data in sealed(engine).values())
    with pytest.raises(KeyDamaged):
        KeyStore(engine, Sealer([NEXT_SECRET]), now_ms).key(DRAMA, 1, HASH, "720p")


@pytest.mark.servers
def test_a_key_that_was_copied_into_another_row_does_not_open(engine: sa.Engine):
    store = KeyStore(engine, Sealer([SECRET]), now_ms)
    store.keys_for(DRAMA, 1, HASH, RUNGS)
    store.keys_for(DRAMA, 2, HASH, RUNGS)
    with engine.begin() as connection:
        one = connection.execute(sa.text("SELECT sealed FROM media_keys WHERE episode_no = 1 LIMIT 1")).scalar_one()
        connection.execute(sa.text("UPDATE media_keys SET sealed = :one WHERE episode_no = 2"), {"one": one})
    with pytest.raises(KeyDamaged):
        store.key(DRAMA, 2, HASH, "720p")


@pytest.mark.servers
def test_after_a_change_of_the_secret_the_one_before_still_opens(engine: sa.Engine):
    made = KeyStore(engine, Sealer([SECRET]), now_ms).keys_for(DRAMA, 1, HASH, RUNGS)
    changed = Sealer.of(Settings(media_key_secret=SecretStr(NEXT_SECRET), media_key_secret_previous=SecretStr(SECRET)))
    assert KeyStore(engine, changed, now_ms).keys_for(DRAMA, 1, HASH, RUNGS) == made


@pytest.mark.servers
def test_without_mysql_nothing_is_known_and_nothing_denied(fresh: Settings):
    away = engine_of(fresh.model_copy(update={"mysql_url": SecretStr("mysql+pymysql://juliu@127.0.0.1:1/juliu")}))
    for ask in (
        lambda: KeyStore(away, Sealer([SECRET]), now_ms).key(DRAMA, 1, HASH, "720p"),
        lambda: PlaylistStore(away, now_ms).read(MASTER),
    ):
        with pytest.raises(Wait):
            ask()


@pytest.mark.parametrize("secrets", [[], [""], ["short"], ["a" * 40], [SECRET, ""]])
def test_a_weak_secret_seals_nothing(secrets: list[str]):
    with pytest.raises(NoSecret):
        Sealer(secrets)
