"""A MySQL of the juliu before release times and refunds, with what it held: it migrates, and all of it goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.engine import Engine

from infra.catalogue import rows
from infra.money.refunds import Refund, Refunds, Sold
from infra.money.unlocks import Unlocks, Wanted
from infra.money.wallet import Balance
from infra.mysql import migrate as mysql
from infra.mysql.engine import engine_of
from infra.settings import Settings
from juliu.ledger.check import check
from tests.builders import DRAMA, NOW_MS, USER

pytestmark = pytest.mark.servers

HELD = (  # two episodes of which the second was bought for 60, and a job that made the first
    f"INSERT INTO dramas (drama_id, dense_index, title, category, tags, cast_names, region, min_age, free_first,"
    f" price_coins, published, revision, series) VALUES ({DRAMA}, 1, 't', 'c', '[]', '[]', '', 0, 1, 60, 1, 1, '')",
    f"INSERT INTO episodes (drama_id, episode_no, duration_ms, media_path) VALUES ({DRAMA}, 1, 60000, 'a.mp4'),"
    f" ({DRAMA}, 2, 60000, 'b.mp4')",
    "UPDATE catalogue_counters SET value = 1 WHERE name IN ('index', 'revision')",
    f"INSERT INTO accounts VALUES ({USER}, 40, 0, 0, 2, 2, 0, 0, 1, {NOW_MS})",
    f"INSERT INTO credits VALUES ('r', {USER}, 'paid', 100, 'test', {NOW_MS})",
    f"INSERT INTO ledger_entries VALUES ({USER}, 1, 'paid', 100, 'issued', NULL, 0, 0, 100, 'credit', 'r', 0, 0, 0)",
    f"INSERT INTO ledger_entries VALUES ({USER}, 2, 'paid', -60, 'sales', 1, 1, 100, 40, 'unlock', '', {DRAMA}, 2, 0)",
    f"INSERT INTO entitlements VALUES ({USER}, {DRAMA}, 2, 0, 60, 'v1-1-60-2', {NOW_MS})",
    "INSERT INTO media_jobs (job_id, kind, drama_id, episode_no, source, title, wechat, state, active, content_hash,"
    f" rounds, created_ms, updated_ms) VALUES (1, 'episode', {DRAMA}, 1, 'a', 't', 0, 'done', NULL, '', 0, 1, 1)",
)


@pytest.fixture
def engine(fresh: Settings) -> Iterator[Engine]:
    """At 0020, then at the newest revision, twice."""
    made = engine_of(fresh)
    with made.connect() as connection:
        command.upgrade(mysql.config(connection), "0020")
    with made.begin() as connection:
        for statement in HELD:
            connection.execute(sa.text(statement))
    assert {step.did for step in mysql.migrate(fresh) if step.name > "0020"} >= {"made"}
    assert {step.did for step in mysql.migrate(fresh)} == {"there"}
    yield made
    made.dispose()


def test_its_episodes_are_out_its_files_are_looked_through_and_nothing_was_chosen(engine: Engine):
    with engine.connect() as connection:
        (drama,) = rows.some(connection, [DRAMA])
        assert (drama.out(0), drama.posters) == (2, b"")
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM media_episodes WHERE look_ms = 0")) == 1


def test_what_was_bought_before_is_open_and_refunded_and_bought_again(engine: Engine):
    unlocks = Unlocks(engine, lambda: NOW_MS)
    assert (check(engine).ok, unlocks.opened(USER, DRAMA)) == (True, {2})
    done = Refunds(engine, lambda: NOW_MS).refund(Sold(USER, DRAMA, 2), "o", "test")
    assert done == Refund(Balance(100, 0, 0), 60, 0, repeated=False)
    wanted = Wanted(DRAMA, 2, "episode", "v1-1-60-2")
    assert unlocks.unlock(USER, wanted, "k", hashlib.sha256(b"k").digest()).balance == Balance(40, 0, 0)
    found = check(engine)
    assert found.ok
