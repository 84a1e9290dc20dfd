"""The product with one rule taken away, so that the runner can show that it would notice.

    python -m juliu.faults.sabotage fence stream counters      # `juliu stream counters` without the fence

Everything is patched here, from outside: the product knows nothing of it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

ZOMBIE_S = 15.0
Put = Callable[[object, str, object], None]  # setattr, or pytest's monkeypatch.setattr


@dataclass(frozen=True)
class Sabotage:
    """One rule that is taken away: from which commands, and the fault under which the checks must then fail."""

    what: str
    commands: tuple[tuple[str, ...], ...]
    caught_by: str
    patch: Callable[[Put], None]

    def spoils(self, words: Sequence[str]) -> bool:
        """Whether `juliu WORDS` is one of its commands."""
        return any(tuple(words[: len(each)]) == each for each in self.commands)


def command(name: str, words: Sequence[str]) -> list[str]:
    """What runs `juliu WORDS` under this sabotage; the plain product where it is none of its commands ("": nothing)."""
    spoilt = name and SABOTAGES[name].spoils(words)
    return [sys.executable, "-m", *(("juliu.faults.sabotage", name) if spoilt else ("juliu",)), *words]


class _Anywhere(int):
    """A fence that is wherever somebody believes it to be."""

    def __eq__(self, _other: object) -> bool:
        return True

    def __ne__(self, _other: object) -> bool:
        return False

    __hash__ = int.__hash__


# -- the fold store --------------------------------------------------------------------------------------------------

_COMPARED = "if fence ~= ARGV[1] then return {0, tonumber(fence)} end"
_FOLLOWS = "if tonumber(ARGV[2]) ~= tonumber(fence) + 1 or "


def _scripted(put: Put, replaced: dict[str, str]) -> None:
    """apply.lua with these pieces replaced; a read's fence is believed to be ours."""
    module = importlib.import_module("infra.fold_store")
    source = (module.LUA / "apply.lua").read_text()
    for old, new in replaced.items():
        if old not in source:
            raise LookupError(f"apply.lua has no {old!r} any more")
        source = source.replace(old, new)
    store = module.RedisFoldStore
    begin, read = store.__init__, store.read

    def begins(self: Any, client: Any, group: str) -> None:
        begin(self, client, group)
        self._apply = client.register_script(source)

    async def reads(self: Any, *arguments: Any) -> tuple[int, Any]:
        fence, values = await read(self, *arguments)
        return _Anywhere(fence), values

    put(store, "__init__", begins)
    put(store, "read", reads)


def _fence(put: Put) -> None:
    """A run is applied wherever the fence is, and what is held is believed, also when a partition comes back.

    A worker that slept goes on for ZOMBIE_S before it ends itself.
    """
    _scripted(put, {_COMPARED: "", _FOLLOWS: "if "})
    _remembered(put)
    watchdog = importlib.import_module("streams.watchdog").Watchdog
    tick, slept = watchdog.tick, list[tuple[float, float]]()

    def ticks(self: Any, slept_s: float) -> None:
        if slept_s > 1.0:
            slept.append((self.now() + ZOMBIE_S, slept_s))
        due = [each for each in slept if each[0] <= self.now()]
        tick(self, max((seconds for _, seconds in due), default=0.0))

    put(watchdog, "tick", ticks)


def _remembered(put: Put) -> None:
    """A counters worker goes on with the state that it had of a partition, whoever wrote meanwhile."""
    counters = importlib.import_module("streams.counting").Counters
    opened, had = counters.open, dict[int, Any]()

    async def opens(self: Any, p: int) -> Any:
        fresh, before = await opened(self, p), had.get(p)
        if before is not None and not before._fold.state.missing:
            fresh._fold = before._fold
        had[p] = fresh
        return fresh

    put(counters, "open", opens)


def _contiguity(put: Put) -> None:
    """Whatever lies behind the fence is taken, also where something is missing in between."""
    behind = "if tonumber(ARGV[2]) <= tonumber(fence) then return {0, tonumber(fence)} end"
    _scripted(put, {_COMPARED: behind, _FOLLOWS: "if "})
    group = importlib.import_module("streams.group")

    async def apply(self: Any, p: int, run: Any) -> None:
        while (part := self._held.get(p)) is not None:
            run = group.records.from_offset(run, part.position)
            if not run:
                return
            try:
                await part.take(run)
                self.waits.done(p)
            except (group.Moved, group.NamespaceMoved):
                await self._reopen(p, part)
            except group.Wait as error:
                await self.waits.pause(p, error)
                await self._reopen(p, part)

    put(group.Group, "_apply", apply)


# -- the log and the rows --------------------------------------------------------------------------------------------


def _window(put: Put) -> None:
    """Every event counts, however often the client sent it."""
    module = importlib.import_module("domain.window")

    def add(window: tuple[int, ...], seq: int, received_h: int) -> tuple[int, tuple[int, ...]]:
        return module.NEW, (max(window[0], received_h), window[1], max(window[2], seq), *window[3:])

    put(module, "add", add)


def _token(put: Put) -> None:
    """Inserts are just sent: no token, no question in doubt, no condition."""
    fences, statements = (importlib.import_module(name) for name in ("domain.fences", "infra.clickhouse.statements"))
    http = importlib.import_module("infra.clickhouse.http").Http
    ask = http.ask

    async def asks(self: Any, sql: str, options: Any, body: bytes = b"") -> Any:
        kept = {name: value for name, value in options.items() if name != "insert_deduplication_token"}
        if "deduplicate_insert" in kept:
            kept |= {"deduplicate_insert": "disable", "deduplicate_insert_select": "disable"}
        return await ask(self, sql, kept, body)

    put(http, "ask", asks)
    put(fences, "must_ask", lambda _doubt, _rows: False)
    unconditional = {
        table: sql.replace(f" WHERE {statements._IS_NEXT}", "") for table, sql in statements.INSERT.items()
    }
    put(statements, "INSERT", unconditional)
    put(statements, "CLOSE", statements.CLOSE.replace(f" WHERE {statements._IS_NEXT}", ""))


def _fetched_blocks(put: Put) -> None:
    """A block ends where a fetched run ends."""
    storing = importlib.import_module("streams.store").Storing
    take = storing.take

    async def takes(self: Any, run: Any) -> None:
        await take(self, run)
        if self._records:
            taken, self._records, self.open = self._records, [], None
            await self._store(self._cutter._close(taken[-1].offset), taken)

    put(storing, "take", takes)


def _early_ack(put: Put) -> None:
    """The API says 202 as soon as its own memory has the events."""
    log = importlib.import_module("ingest_api.events.kafka_log").KafkaLog

    async def append(self: Any, partition: int, key: bytes, values: list[bytes]) -> None:
        messages = [{"value": value, "key": key} for value in values]
        self._producer.produce_batch(self._topic, messages, partition=partition, on_delivery=lambda *_: None)

    put(log, "append", append)


_COUNTERS, _STORE, _API = ("stream", "counters"), ("stream", "store"), ("api",)

SABOTAGES: dict[str, Sabotage] = {
    "fence": Sabotage("effects are applied whatever the fence says", (_COUNTERS, _STORE), "F9", _fence),
    "contiguity": Sabotage(
        "gaps, and runs that do not begin at fence + 1, are taken", (_COUNTERS,), "F22", _contiguity
    ),
    "token": Sabotage("inserts without token, question and condition", (_STORE,), "F25", _token),
    "window": Sabotage("every seq is new", (_COUNTERS, _STORE), "F29", _window),
    "fetched_blocks": Sabotage("blocks end where a fetch ended", (_STORE,), "F4", _fetched_blocks),
    "early_ack": Sabotage("202 before Kafka has it", (_API,), "F10", _early_ack),
}


def main() -> None:
    """`NAME WORDS...`: patch, then run the command line as if it had been typed without NAME.

    A command that the sabotage has nothing to do with runs as it is.
    """
    if len(sys.argv) < 2 or sys.argv[1] not in SABOTAGES:
        sys.exit(f"python -m juliu.faults.sabotage NAME WORDS...; the names are {', '.join(SABOTAGES)}")
    name = sys.argv.pop(1)
    if SABOTAGES[name].spoils(sys.argv[1:]):
        SABOTAGES[name].patch(setattr)
    importlib.import_module("juliu.cli").main()


if __name__ == "__main__":
    main()
