"""Kafka stands still (it answers nothing, refuses nothing): the API answers 503 in time, and recovers."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.local import state
from infra.local.home import Home
from infra.local.identity import Identity
from infra.settings import Settings
from ingest_api.errors import LogUnavailable
from ingest_api.events.kafka_log import KafkaLog
from ingest_api.events.log import Waiting
from tests.api import SETTINGS, Twins, code, post, until_there
from tests.builders import a_body, a_session

ACK_MS = 3_000
pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]


@pytest.fixture
def kafka(stack: Settings) -> Identity:
    found = state.read(Home(Path(os.environ["JULIU_HOME"])))
    assert found is not None
    process = found.programs["kafka"].process
    assert process is not None
    return process


@pytest.fixture
async def twins(stack: Settings, topic: str) -> AsyncIterator[Twins]:
    settings = stack.model_copy(update={"ack_timeout_ms": ACK_MS, "partitions": 4})
    log = KafkaLog(settings, topic, topic)
    await log.start()
    await until_there(log)
    yield Twins(log=log)
    await log.close()


async def test_requests_are_answered_503_in_time_and_202_again_afterwards(twins: Twins, kafka: Identity) -> None:
    app, full = twins.app(SETTINGS), twins.app(SETTINGS.model_copy(update={"queue_high_water": 100}))
    assert (await post(app, a_body(*a_session(10)))).status_code == 202
    kafka.signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(10 * ACK_MS / 1000):  # without a deadline it is never
            asked = [asyncio.create_task(post(app, a_body(*a_session(10)))) for _ in range(20)]
            while twins.log.waiting().messages < 200:  # noqa: ASYNC110  they are on their way
                await asyncio.sleep(0.01)
            turned_away = await post(full, a_body())
            waited = [not task.done() for task in asked]
            answers = await asyncio.gather(*asked)
        with pytest.raises(LogUnavailable):
            await twins.log.check()
    finally:
        kafka.signal(signal.SIGCONT)
    assert all(waited)
    assert (turned_away.status_code, code(turned_away)) == (503, "overloaded")
    assert {(answer.status_code, code(answer)) for answer in answers} == {(503, "log_unavailable")}
    async with asyncio.timeout(60):
        while (await post(app, a_body(*a_session(10)))).status_code != 202:  # each waits for its deadline
            pass
        while twins.log.waiting() != Waiting(0, 0):  # noqa: ASYNC110  reports of what had timed out come later
            await asyncio.sleep(0.1)
