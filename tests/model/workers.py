"""The workers of the model, as generators: at every `yield` one can be stopped for ever, or for long, or be overtaken.

They use the real window, cutter and rules of fences (domain/); what they lack is the servers.
"""

from __future__ import annotations

from collections.abc import Generator

from domain import fences, window
from domain.blocks import Block, Cutter, GapError
from tests.model.world import LIMIT, Event, FenceGone, Fetched, Windows, World

Steps = Generator[None, None, None]
Answer = Generator[None, None, bool]


def fold(windows: Windows, records: Fetched, drops_duplicates: bool) -> tuple[dict[str, window.Window], list[int]]:
    """(windows that changed, offsets that count)."""
    new: dict[str, window.Window] = {}
    took = []
    for offset, event in records:
        if isinstance(event, Event):
            held = new.get(event.session) or windows.get(event.session, window.EMPTY)
            verdict, after = window.add(held, event.seq, 0)
            if verdict == window.NEW or not drops_duplicates:
                new[event.session] = after
                took.append(offset)
    return new, took


class Worker:
    """One partition of one group: begin at the fences, work until something is in doubt, begin again."""

    group = ""

    def __init__(self, world: World, p: int) -> None:
        self.w, self.p, self.rules = world, p, world.rules
        self.held: Windows | None = None
        self.fence, self.namespace = fences.NOTHING, 0

    def live(self) -> Steps:
        """For ever.  What ends the process is tried again by the next one: only a rebuild can have mended it."""
        while True:
            try:
                begun = self.begin()
                yield
                while begun and (yield from self.step()):
                    pass
            except (fences.WentBack, fences.BlockMoved) as stop:
                if not self.rules.rebuilds or self.w.calm:
                    raise
                self.w.note("stopped", stop)
                yield

    def begin(self) -> bool:
        """An assignment, or what a doubt is resolved by: the fence is read, nothing is held.  False: no fence.

        Raises FenceGone where it should be there.
        """
        kept = self.w.kept(self.group, self.p)
        if kept is None or kept.fence is None:
            if self.p not in self.w.lost:
                raise FenceGone(f"{self.group} {self.p}")
            return False
        self.fence, self.namespace = kept.fence, self.w.redis.pointers[self.p]
        if self.rules.forgets:
            self.held = None
        return True

    def step(self) -> Answer:
        """Work on; False when this must begin again."""
        raise NotImplementedError

    def start(self) -> int:
        """The position that an assignment gives."""
        return self.fence + 1 if self.rules.position_from_fence else self.w.committed[self.group, self.p]

    def overtaken(self) -> bool:
        """After healing: whether the fence moved without us.  (In the wild the next apply or read finds out.)"""
        return self.w.calm and self.w.fence(self.group, self.p) != self.fence

    def read(self) -> Answer:
        """Hold the state as of our fence; False when the fence is elsewhere."""
        if self.held is None:
            kept = self.w.kept(self.group, self.p)
            if kept is None or kept.fence != self.fence or self.w.redis.pointers[self.p] != self.namespace:
                return False
            self.held = kept.windows
            yield
        return True

    def apply(self, last: int, new: Windows, took: list[int], limit: int = LIMIT) -> Answer:
        """Move the fence to `last` with these effects; False when that was refused or not answered."""
        args = (self.group, self.p, self.namespace, self.fence, last, new, took, limit)
        if not (yield from self.w.send("apply", *args)):
            return False
        assert self.held is not None
        self.held, self.fence = {**self.held, **new}, last
        self.w.committed[self.group, self.p] = last + 1
        return True


class Counters(Worker):
    """Read, fold, apply: whatever was fetched is a run."""

    group = "counters"

    def begin(self) -> bool:
        begun = super().begin()
        self.at = self.start()
        return begun

    def step(self) -> Answer:
        fetched = self.w.fetch(self.p, self.at)
        yield
        run = [record for record in fetched if record[0] > self.fence]
        if not run:
            yield
            return not self.overtaken()
        if self.rules.contiguous and run[0][0] != self.fence + 1:
            return False
        if not (yield from self.read()):
            return False
        assert self.held is not None
        new, took = fold(self.held, run, self.rules.window)
        done = yield from self.apply(run[-1][0], new, took)
        self.at = self.fence + 1
        return done


class Store(Worker):
    """Cut blocks, and for each: rows, its `blocks` row, windows and fence."""

    group = "store"

    def begin(self) -> bool:
        if not super().begin():
            return False
        self.block_fence = self.w.block_fence(self.p)
        if self.rules.fences_checked:
            fences.start(self.fence, self.block_fence)
        self.open: Fetched = []
        self.doubt = True
        self.cutter = Cutter(self.start(), self.kept_limit())
        return True

    def kept_limit(self) -> int:
        """How the open block is being cut."""
        if self.rules.format_kept:
            kept = self.w.kept(self.group, self.p)
            assert kept is not None  # no yield since begin() saw it
            return kept.limit
        return self.w.code_limit if not self.rules.format_from_log else LIMIT

    def next_limit(self) -> int:
        """How the block after this one is cut: what is kept with the fence."""
        return self.cutter.limit if self.rules.format_from_log else self.w.code_limit

    def step(self) -> Answer:
        if self.overtaken():
            return False
        fetched = self.w.fetch(self.p, self.cutter.next)
        yield
        try:
            block = self.cut(fetched)
        except GapError:
            if self.rules.contiguous:
                return False
            self.cutter, self.open = Cutter(fetched[0][0], self.cutter.limit), []
            return True
        if block is not None:
            records, self.open = self.open, []
            return (yield from self.store(block, records))
        return (yield from self.wait())

    def cut(self, fetched: Fetched) -> Block | None:
        """The next block, if it ends in what was fetched.  Raises GapError."""
        block = None
        for offset, record in fetched:
            if offset < self.cutter.next or block:
                continue
            limit = record if isinstance(record, int) and self.rules.format_from_log else None
            block = self.cutter.take(offset, not isinstance(record, Event), limit)
            self.open.append((offset, record))
        if block is None and self.open and not self.rules.blocks_from_log:
            block = Block(self.open[0][0], self.open[-1][0])
            self.cutter = Cutter(block.last + 1, LIMIT)
        if block is not None and not self.rules.format_from_log:
            self.cutter = Cutter(block.last + 1, self.w.code_limit)
        return block

    def wait(self) -> Answer:
        """The block stays open: close it by a pulse when it is old enough."""
        if self.open and not self.w.calm and self.w.rnd.random() < 0.3:
            self.w.append(self.p, None)
        elif self.open and not self.rules.fence_at_block_ends and self.open[0][0] == self.fence + 1:
            yield from self.read()
            if self.held is not None:
                yield from self.apply(self.open[-1][0], *fold(self.held, self.open, self.rules.window))
            return False
        yield
        return True

    def store(self, block: Block, records: Fetched) -> Answer:
        """The effects of one block, in their order."""
        if not (yield from self.read()):
            return False
        assert self.held is not None
        new, took = fold(self.held, records, self.rules.window)
        effects = (block.last, new, took, self.next_limit())
        if not self.rules.rows_first and not (yield from self.apply(*effects)):
            return False
        if self.needs_rows(block) and not (yield from self.write_rows(block, took)):
            return False
        return not self.rules.rows_first or (yield from self.apply(*effects))

    def needs_rows(self, block: Block) -> bool:
        """Whether ClickHouse lacks this block."""
        if self.rules.fences_checked and self.rules.contiguous:
            return fences.needs_rows(block, self.block_fence)
        return block.last > self.block_fence

    def write_rows(self, block: Block, took: list[int]) -> Answer:
        """Every insert of the block, each until it is answered or found; then the block's own row.

        False where somebody else wrote that meanwhile.
        """
        for month, positions in self.inserts(took).items():
            offsets = [took[at] for at in positions]
            while True:
                if self.rules.asks and fences.must_ask(self.doubt, len(offsets)):
                    found = self.w.has_row(self.p, offsets[0])
                    yield
                    if found:
                        self.w.note("found by its key", self.p, block)
                        break
                token = fences.token("t", self.p, block, month)
                if (yield from self.w.send("insert", self.p, block, token, offsets)):
                    break
                self.doubt = True
        while (written := (yield from self.w.send("write_block", self.p, block, len(took)))) is None:
            pass
        self.block_fence, self.doubt = block.last, False
        return bool(written)

    def inserts(self, took: list[int]) -> dict[int, list[int]]:
        """The block's rows by insert."""
        if self.rules.insert_a_month:
            return fences.inserts([self.w.month(self.p, offset) for offset in took])
        return {0: list(range(len(took)))} if took else {}


WORKERS: dict[str, type[Worker]] = {"counters": Counters, "store": Store}
