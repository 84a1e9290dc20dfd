"""The load of the fault runner against an API that is busy, cuts connections, and forgets to answer."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from infra.settings import Settings
from juliu.faults import catalogue, load
from juliu.faults.ledger import AnswerLine, Ledger, SentLine
from juliu.faults.load import Load
from juliu.faults.traffic import Mix

MIX = Mix().but({"rate": 20_000, "poison": 0, "garbage": 0, "malformed": 0, "lanes": 8})
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"


class Api:
    """Takes what `does` says: "take", "busy", "cut" (after it was taken), "refuse"."""

    def __init__(self, *does: str) -> None:
        self.settings = Settings(
            jwt_secret=SecretStr("0123456789abcdef" * 4), ticket_secret=SecretStr("fedcba9876543210" * 4)
        )
        self.api_urls: list[tuple[str, int]] = []
        self.taken: Counter[str] = Counter()
        self._does = itertools.cycle(does)

    async def open(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.api_urls.append(server.sockets[0].getsockname())
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await self._head(reader):
            body = json.loads(await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])))
            does = next(self._does)
            if does in ("take", "cut"):
                self.taken.update(event["event_id"] for event in body["events"])
            if does == "cut":
                break
            writer.write(BUSY if does == "busy" else self._answer(body, does))
        writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    def _answer(self, body: dict[str, Any], does: str) -> bytes:
        status = {"status": "accepted"} if does == "take" else {"status": "rejected", "reason": "unknown_drama"}
        text = json.dumps({"results": [status] * len(body["events"])}).encode()
        return b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n" % len(text) + text


async def sent_to(api: Api, folder: Path, events: int = 600) -> Load:
    one = Load(api, events, "a", MIX, folder)
    one.ledger = Ledger(folder / "ledger.jsonl", {drama.drama_id: 1 for drama in catalogue.dramas()})
    servers = [await api.open(), await api.open()]
    await one.run()
    for server in servers:
        server.close()
    return one


async def test_what_is_not_answered_is_sent_again_the_same_until_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "FIRST_PAUSE_S", 0.001)
    api = Api("take", "busy", "cut", "busy", "take")
    one = await sent_to(api, tmp_path)
    lines = list(one.ledger.lines())
    first = {line.n for line in lines if isinstance(line, SentLine)}
    acked = {line.n for line in lines if isinstance(line, AnswerLine) and line.outcome == "acked"}
    assert acked == first
    assert one.ledger.problems == []
    assert one.ledger.acked == one.ledger.sent >= 600
    assert one.ledger.sent > one.ledger.unknown > 0
    assert one.answers["503"] > 0 < one.answers["cut"]
    assert len(api.taken) == one.ledger.sent


async def test_a_rejection_that_must_not_be_is_noted(tmp_path):
    one = await sent_to(Api("refuse"), tmp_path, 50)
    assert one.ledger.acked == 0
    assert one.ledger.problems


async def test_it_gives_up_in_time_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(load, "GIVE_UP_S", 0.2)
    one = await sent_to(Api("busy"), tmp_path, 200)
    assert one.over
    assert "was not answered" in one.ledger.problems[0]


async def test_who_waits_for_a_share_is_woken_also_when_it_never_comes(tmp_path):
    api = Api("take")
    one = Load(api, 400, "a", MIX, tmp_path)
    one.ledger = Ledger(tmp_path / "ledger.jsonl", {})
    server = await api.open()
    seen = []

    async def waits(share: float) -> None:
        await one.reached(share)
        seen.append((share, one.ledger.sent))

    async with asyncio.TaskGroup() as tasks:
        for share in (0.1, 0.5, 1.0):
            tasks.create_task(waits(share))
        tasks.create_task(one.run())
    server.close()
    assert [share for share, _ in seen] == [0.1, 0.5, 1.0]
    assert all(sent >= share * 400 for share, sent in seen)
    await asyncio.wait_for(one.reached(1.0), 20)
