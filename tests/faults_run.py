"""A run of the fault runner without servers: traffic as the API logs it, its ledger, what the product makes of it."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from domain import events, keys
from domain.catalogue import Catalogue, Drama
from domain.rows import NEW, RowFold
from domain.topics import PULSE_KEY
from ingest_api.events.decode import read
from ingest_api.events.judge import judge
from ingest_api.events.stamps import Receipt
from juliu.faults import catalogue
from juliu.faults.check_truth import Problems, Truth, row_of, truth_of
from juliu.faults.ledger import AnswerLine, Ledger, LogRecord
from juliu.faults.traffic import Mix, Poison, Traffic
from tests.twin import Twin

NOW_MS = 1_795_000_000_000
SECRET = b"s" * 32
MIX = Mix().but({"viewers": 40, "duplicates": 0.1, "late": 0.02, "poison": 0.002, "older": 0.1, "out_of_order": 0.1})
DRAMAS = [Drama(drama_id=d.drama_id, index=i, durations=d.durations_ms) for i, d in enumerate(catalogue.dramas(), 1)]
KNOWN = Catalogue.of(DRAMAS)


class Run:
    """Traffic of one partition as the API logs it, and its ledger."""

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger(folder / "ledger.jsonl", {drama.drama_id: drama.index for drama in DRAMAS})
        self.ledger.skew_ms = 10**13  # NOW_MS is none
        self.log: list[LogRecord] = []
        for parcel in Traffic(catalogue.dramas(), MIX, "1", NOW_MS, SECRET).parcels(3_000):
            if isinstance(parcel, Poison):
                self.ledger.poisoned(0, len(self.log), parcel.value)
                self._append(parcel.value)
            elif not parcel.garbage:
                self._post(parcel)
            if len(self.log) % 7 == 0:
                self._append(b"", PULSE_KEY)

    def _post(self, parcel: Any) -> None:
        self.ledger.sends(parcel)
        batch = read(parcel.body)
        envelope = batch.envelope
        receipt = Receipt(
            parcel.user_id, parcel.session_id, NOW_MS + int(parcel.due_ms) + 30, envelope.clock_offset_ms,
            envelope.client, envelope.sent_at_ms,
        )  # fmt: skip
        judged = judge(batch.events, receipt, KNOWN, [SECRET])
        for value in judged.values:
            self._append(value)
        self.ledger.answered(AnswerLine(parcel.n, 0, "acked", 202, len(judged.values), 0))

    def _append(self, value: bytes, key: bytes = b"1") -> None:
        self.log.append(LogRecord(len(self.log), key, value))

    def truth(self, found: Problems, log: list[LogRecord] | None = None) -> Truth:
        return truth_of(self.ledger, 0, 1, self.log if log is None else log, found)

    def decoded(self, truth: Truth) -> list[events.AnyEvent | None]:
        dead = truth.poison
        return [None if r.offset in dead or r.key == PULSE_KEY else events.decode(r.value or b"") for r in self.log]


def rows(run: Run, truth: Truth) -> tuple[list[list[Any]], list[list[Any]]]:
    """What the product stores of the log: rows of events, rows of late_events."""
    fold = RowFold(0, 1)
    prepared = fold.prepare(enumerate(run.decoded(truth)))
    fold.state.fill([[None] * len(fields) for fields in fold.state.missing.values()])
    verdicts = fold.judge(prepared)
    content = [(r.offset, json.loads(r.value or b"null")) for r in run.log if r.offset not in truth.poison and r.value]
    stored = [[offset, *row_of(event)] for offset, event in content if verdicts[offset] == NEW]
    return stored, [[offset, *row_of(event)] for offset, event in content if event.get("late")]


class Fake:
    """As much of a Redis client as the comparison uses, over twins of both groups; it is its own pipeline."""

    def __init__(self, counters: Twin, windows: Twin) -> None:
        self.hashes = deepcopy(counters.hashes | {k: v for k, v in windows.hashes.items() if ":store:" in k})
        self.zsets, self.bitmaps = deepcopy(counters.zsets), deepcopy(counters.bitmaps)
        self.lives = counters.lives | windows.lives
        self.texts = {keys.namespace(0): "1", keys.fence("counters", 1, 0): str(counters.fence)}
        self.texts[keys.fence("store", 1, 0)] = str(windows.fence)
        self._asked: list[Any] = []

    def names(self) -> list[str]:
        return [*self.hashes, *self.zsets, *self.bitmaps, *self.texts]

    def pipeline(self, transaction: bool) -> Fake:
        self._asked = []
        return self

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        return self._asked

    def type(self, name: str) -> None:
        kinds = {"hash": self.hashes, "zset": self.zsets, "string": self.bitmaps | self.texts}
        self._asked.append(next(kind for kind, of in kinds.items() if name in of).encode())

    def ttl(self, name: str) -> None:
        self._asked.append(self.lives.get(name, -1))

    def hgetall(self, name: str) -> None:
        self._asked.append({f.encode(): str(v).encode() for f, v in self.hashes[name].items()})

    def zrange(self, name: str, first: int, last: int, withscores: bool) -> None:
        self._asked.append([(m.encode(), float(score)) for m, score in self.zsets[name].items()])

    def get(self, name: str) -> Any:
        answer: Any = self.texts.get(name)
        if name in self.bitmaps:
            bits = bytearray(max(self.bitmaps[name]) // 8 + 1)
            for index in self.bitmaps[name]:
                bits[index >> 3] |= 0x80 >> (index & 7)
            answer = bytes(bits)
        answer = answer.encode() if isinstance(answer, str) else answer
        self._asked.append(answer)
        return answer
