"""`juliu verify`: every rule, partition by partition, of what was stored when it began."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

from domain.topics import DEAD
from infra.log_reader import LogReader
from juliu.dead import letters
from juliu.places import Servers, block_place, group_place
from juliu.verify import chain, counting, merged, twice
from juliu.verify.chain import Span
from juliu.verify.found import Compared, Report
from juliu.verify.log import LogCheck
from juliu.verify.period import EVER, Period

STORED_S = 60.0  # longest wait for the store worker, which is about 2 s behind
POLL_S = 0.1

SPAN = """
SELECT count(), min(first), max(last) FROM blocks
WHERE partition = {p:UInt16} AND last <= {to:Int64}
    AND at >= fromUnixTimestamp64Milli({since:Int64}) AND at <= fromUnixTimestamp64Milli({until:Int64})
"""


def verify(
    servers: Servers, period: Period = EVER, dead: str = DEAD.name, say: Callable[[str], None] = print
) -> Report:
    """Compare log, ClickHouse and Redis, of what was stored in this period.

    Counters are sums over all time, so they are compared whole.  What could not be compared is told in the report.
    Raises what the servers' clients raise.
    """
    report = Report()
    report.partitions = [_placed(servers, p, report) for p in range(servers.settings.partitions)]
    buried = _buried(servers, dead)
    for compared in report.partitions:
        say(f"partition {compared.partition}: blocks, rows, log")
        _rows(servers, compared, period, buried["store", compared.partition], report)
    say("counters")
    _counters(servers, report)
    _explain(buried, report)
    return report


def _placed(servers: Servers, p: int, report: Report) -> Compared:
    """Where the partition stands; a fence that is not sound is a difference."""
    counters, store = (group_place(servers.redis, group, p) for group in ("counters", "store"))
    blocks = block_place(servers.clickhouse, p)
    for group, place in (("counters", counters), ("store", store)):
        if place.fence is None:
            report.differs("fence", p, f"group {group}", place.wrong, "an offset")
    if store.fence is not None and store.fence > blocks.fence:
        report.differs("fence", p, "group store", f"windows up to {store.fence}", f"blocks only up to {blocks.fence}")
    return Compared(p, counters_fence=counters.fence, store_fence=store.fence, block_fence=_last(servers, p))


def _last(servers: Servers, p: int) -> int:
    """The end of the last block, whatever is missing before it."""
    row = servers.clickhouse.query(
        "SELECT toInt64(max(last)), count() FROM blocks WHERE partition = {p:UInt16}", {"p": p}
    )
    last, blocks = row.result_rows[0]
    return int(last) if blocks else -1


def _buried(servers: Servers, dead: str) -> defaultdict[tuple[str, int], set[int]]:
    """(group, partition) -> the offsets of its letters."""
    found: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
    with LogReader(servers.settings, dead) as reader:
        for entry in letters.entries(reader, None):
            said = letters.parse(entry)
            if not isinstance(said, letters.Resolution) and said[1].offset >= 0:
                found[said[1].group, said[1].partition].add(said[1].offset)
    return found


def _rows(servers: Servers, compared: Compared, period: Period, dead: set[int], report: Report) -> None:
    p = compared.partition
    span = _span(servers, compared, period)
    if span is None:
        return
    compared.blocks, compared.rows = chain.check(servers.clickhouse, p, span, report)
    twice.check(servers.clickhouse, p, span, report)
    LogCheck(servers.clickhouse, servers.log, p, servers.settings.partitions, dead, compared, report).check(span)


def _span(servers: Servers, compared: Compared, period: Period) -> Span | None:
    """The offsets of the blocks of this period; None where there are none."""
    asked = {"p": compared.partition, "to": compared.block_fence, **period.asked()}
    blocks, first, last = servers.clickhouse.query(SPAN, asked).result_rows[0]
    return Span(int(first), int(last), period.whole) if blocks else None


def _counters(servers: Servers, report: Report) -> None:
    """Of the partitions whose fences are sound; a store that went back would be waited for in vain."""
    unsound = {one.partition for one in report.differences if one.rule == "fence"}
    places = {one.partition: group_place(servers.redis, "counters", one.partition) for one in report.partitions}
    sound = {p: at.namespace for p, at in places.items() if p not in unsound and at.namespace is not None}
    counting.check(servers, sound, lambda p, offset: stored(servers, p, offset), report.partitions, report)
    if len(sound) == servers.settings.partitions:  # else the sums are not known
        merged.check(servers.redis, sound, report)


def stored(servers: Servers, p: int, offset: int, longest_s: float = STORED_S) -> bool:
    """Wait until ClickHouse has every event up to `offset`; False where it has not after `longest_s`."""
    end = time.monotonic() + longest_s
    while (fence := _last(servers, p)) < offset:
        if servers.log.first_event(p, fence + 1, offset + 1) is None:
            return True  # pulses alone close no block
        if time.monotonic() > end:
            return False
        time.sleep(POLL_S)
    return True


def _explain(buried: defaultdict[tuple[str, int], set[int]], report: Report) -> None:
    """Say where letters may be why counters and rows differ."""
    for p in sorted({one.partition for one in report.differences if one.rule == "counter"}):
        for group, other in (("counters", "store"), ("store", "counters")):
            if alone := buried[group, p] - buried[other, p]:
                report.notes.append(
                    f"partition {p}: {len(alone)} records are in juliu.dead for group {group} alone, the first at"
                    f" offset {min(alone)}: `juliu dead list --group {group}`"
                )
