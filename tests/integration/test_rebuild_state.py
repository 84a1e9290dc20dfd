"""The state that is made from ClickHouse is that of the folds: every key of a namespace, compared in full."""

from __future__ import annotations

import time

import pytest

from domain import keys
from infra.clickhouse.client import connect
from infra.settings import Settings
from juliu.rebuild import dump, redis_state
from juliu.rebuild.redis_state import Writer
from juliu.rebuild.refused import Refused
from juliu.rebuild.stand import Target, missing_rows, stand
from tests.rebuild_rig import PARTITIONS, Rig, a_log

pytestmark = pytest.mark.servers

NEW = 77


def made(rig: Rig, later_s: int = 0) -> Target:
    """A state in namespace NEW, made so much later."""
    with connect(rig.settings) as client:
        at = stand(client, PARTITIONS)
        assert not missing_rows(client, at)
    target = Target(at, dict.fromkeys(range(PARTITIONS), NEW), int(time.time()) + later_s)
    with rig.client() as client:
        writer = Writer(rig.settings, client, target, lambda: None)
        writer.write()
        writer.write_fences()
    return target


def differences(rig: Rig) -> list[str]:
    """All keys of namespace 1 against those of NEW."""
    found: list[str] = []
    with rig.client() as client:
        for p in range(PARTITIONS):
            both = {dump.renamed(key, NEW) for key in dump.names(client, p, 1)} | set(dump.names(client, p, NEW))
            new = sorted(key for key in both if dump.is_compared(key))
            old = [dump.renamed(key, 1) for key in new]
            for key, one, other in zip(new, dump.read(client, old), dump.read(client, new), strict=True):
                found += [f"{key}: {wrong}" for wrong in dump.differs(key, one, other)]
    return found


def test_every_key_is_what_the_folds_have(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_state, "ROWS_A_SLICE", 1_500)
    rig = Rig(fresh)
    a_log(rig)
    target = made(rig)
    assert differences(rig) == []
    with rig.client() as client:
        families = {key.split(":", 1)[0] for p in range(PARTITIONS) for key in dump.names(client, p, NEW)}
        assert families == {"c", "u", "s", "seen", "recent", "heat", "dirty", "fence", "block_format"}
        for p in range(PARTITIONS):
            for group in ("counters", "store"):
                assert client.get(keys.fence(group, NEW, p)) == str(rig.fences()[p]).encode()
            kept = keys.block_format(NEW, p)
            assert client.hgetall(kept) == client.hgetall(dump.renamed(kept, 1))
            assert client.zrange(keys.dirty(NEW, p), 0, -1) != []
            for key in dump.names(client, p, NEW):
                life_s, old_s = client.ttl(key), client.ttl(dump.renamed(key, 1))
                assert (life_s == -1) == (old_s == -1), key
                assert life_s == -1 or -5 <= life_s - old_s <= 2 * 3_600, key
    assert target.at.rows > 5_000


def test_sessions_that_cannot_go_on_are_left_out_and_viewers_live_as_long_as_they_would_have(fresh: Settings) -> None:
    rig = Rig(fresh)
    a_log(rig, 1_500)
    later_s = keys.SESSION_LIFE_S + 3 * 3_600
    made(rig, later_s)
    with rig.client() as client:
        found = [key for p in range(PARTITIONS) for key in dump.names(client, p, NEW)]
        assert not [key for key in found if key.startswith("s:")]
        viewers = [key for key in found if key.startswith(("u:", "seen:", "recent:"))]
        assert viewers
        assert all(keys.USER_LIFE_S - later_s < int(client.ttl(key)) < keys.USER_LIFE_S for key in viewers)  # type: ignore[arg-type]


def test_rows_that_blocks_tell_of_and_events_lacks_are_noticed(fresh: Settings) -> None:
    rig = Rig(fresh)
    a_log(rig, 500)
    with connect(rig.settings) as client:
        at = stand(client, PARTITIONS)
        ((offset,),) = client.query("SELECT min(offset) FROM events WHERE partition = 1").result_rows
        client.command(f"DELETE FROM events WHERE partition = 1 AND offset = {offset}")
        assert missing_rows(client, at) == {1: 1}
        lasts = client.query("SELECT last FROM blocks WHERE partition = 2 ORDER BY last").result_rows
        client.command(f"DELETE FROM blocks WHERE partition = 2 AND last = {lasts[-2][0]}")
        with pytest.raises(Refused, match="partition 2: a block begins at"):
            stand(client, PARTITIONS)
        with pytest.raises(Refused, match="blocks of partition 2"):
            stand(client, 2)
