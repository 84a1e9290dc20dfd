"""What a request to POST /v1/events costs in this process: CPU microseconds a request and an event, without a socket.

    python -m bench.ingest [--seconds 2] [--kafka] [--profile 100]

The log is the twin in memory; with --kafka it is librdkafka with its own mock broker in this process, whose cost is
included.  Uvicorn's part (parsing HTTP, about 40 us a request) is not.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import pstats
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Producer
from fastapi import FastAPI

from domain.topics import EVENTS
from ingest_api.events.kafka_log import KafkaLog
from tests.api import PARTITIONS, SETTINGS, Twins, until_there
from tests.builders import NOW_MS, a_batch, a_session, a_token, an_event

SIZES = (1, 8, 100, 500)
CLIENT = {"app_id": "wx0123456789abcdef", "platform": "weapp", "version": "1.2.0", "network": "wifi", "scene": 1001}


def body(size: int, bad: bool = False) -> bytes:
    """A batch as the mini-program sends it; `bad` adds an event that must be found out."""
    events = a_session(size) + ([an_event("heartbeat", size + 1) | {"seq": "x"}] if bad else [])
    return json.dumps(a_batch(*events, client=CLIENT), separators=(",", ":")).encode()


class Call:
    """One request, again and again."""

    def __init__(self, app: FastAPI, content: bytes) -> None:
        self._app = app
        token = f"Bearer {a_token()}".encode()
        headers = [(b"authorization", token), (b"content-type", b"application/json")]
        headers += [(b"content-length", b"%d" % len(content)), (b"host", b"api"), (b"user-agent", b"bench")]
        self._scope: dict[str, Any] = {
            "type": "http", "method": "POST", "path": "/v1/events", "raw_path": b"/v1/events", "query_string": b"",
            "headers": headers, "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 80), "scheme": "http",
            "http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"},
        }  # fmt: skip
        self._message = {"type": "http.request", "body": content, "more_body": False}

    async def once(self) -> None:
        """Send it; anything but 202 is an error."""
        await self._app(dict(self._scope, state={}), self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        return self._message

    async def _send(self, message: Any) -> None:
        if message.get("status", 202) != 202:
            raise RuntimeError(str(message))


async def measure(call: Call, seconds: float, lanes: int, forget: Callable[[], None]) -> float:
    """CPU microseconds a call, with `lanes` calls in flight."""
    calls, until, cpu = 0, time.perf_counter() + seconds, time.process_time()
    while time.perf_counter() < until:
        await asyncio.gather(*(call.once() for _ in range(lanes)))
        calls += lanes
        forget()
    return (time.process_time() - cpu) / calls * 1e6


def mock_log() -> KafkaLog:
    """The real producer on librdkafka's mock broker."""
    mock = {"test.mock.num.brokers": 1, "bootstrap.servers": "", "allow.auto.create.topics": True}
    return KafkaLog(SETTINGS, make=lambda config: Producer(config | mock))


async def main(options: argparse.Namespace) -> None:
    """Print one line a batch size."""
    twins = Twins(log=mock_log()) if options.kafka else Twins()
    twins.now_s = NOW_MS / 1000
    app, lanes = twins.app(), 16 if options.kafka else 1
    if options.kafka:
        await twins.log.start()
        await until_there(twins.log)

    def forget() -> None:
        if not options.kafka:
            for records in twins.log.partitions:
                records.clear()

    gc.collect()
    gc.freeze()
    for size, bad in (*((size, False) for size in SIZES), (100, True)):
        call = Call(app, body(size, bad))
        await measure(call, 0.3, lanes, forget)
        us = await measure(call, options.seconds, lanes, forget)
        print(f"batch of {size:>3}{' + 1 bad' if bad else '':8}: {us:8.1f} us a request, {us / size:6.2f} us an event")
    if options.profile:
        call = Call(app, body(options.profile))
        profile = cProfile.Profile()
        profile.enable()
        await measure(call, options.seconds, lanes, forget)
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(28)
    if options.kafka:
        await twins.log.close()


def parsed() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--kafka", action="store_true")
    parser.add_argument("--profile", type=int, default=0, metavar="BATCH")
    return parser.parse_args()


if __name__ == "__main__":
    print(f"{PARTITIONS} partitions of {EVENTS.name}")
    asyncio.run(main(parsed()))
