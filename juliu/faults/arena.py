"""A whole installation to do harm to: servers and processes that are this runner's own children, in a home of its own.

    async with arena.opened(home, print) as arena:
        await arena.begin(fault.world)          # an empty world, running
        arena.kill("kafka"); await arena.ready("kafka")

Names: kafka kafka-2 kafka-3 redis redis-2 clickhouse mysql api api-2 relay stream-counters stream-counters-2
stream-store stream-store-2 schedule.  Each begin deletes everything; no JULIU_* variable but JULIU_HOME is read.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from infra.local import local_env, ports, prerequisites
from infra.local.errors import StackError
from infra.local.home import HOST, Home
from infra.local.redis import ask
from infra.settings import Settings
from juliu.faults import arena_links, arena_programs, arena_reset
from juliu.faults.arena_ports import NAMES, link
from juliu.faults.crew import Crew, sweep
from juliu.faults.disks import Disk
from juliu.faults.fault import World
from juliu.faults.links import Link, Trouble

Say = Callable[[str], None]
SABOTAGE = "juliu.faults.sabotage"
_NOT_OURS = ("JULIU_HOME", "JULIU_TEST_HOMES")


class Arena(Crew):
    """Made by `opened`.  Between two worlds its servers go on."""

    def __init__(self, home: Home, of: Mapping[str, int], known: Mapping[str, str], links: arena_links.Links) -> None:
        super().__init__(home)
        self.world = World()
        self.sabotage = ""  # name of the rule that the next worlds lack
        self._serving: tuple[str, ...] = ()  # the servers of this world
        self.disk = Disk(home.path / "small")
        self._ports, self._known, self._links = of, known, links

    @property
    def settings(self) -> Settings:
        """Straight to the servers, past every link; with a replica through the one that a failover switches."""
        straight = arena_programs.addresses(self.world, self._ports, local_env.mysql_password(self._known))
        if self.world.replica:
            straight["JULIU_REDIS_URL"] = f"redis://{HOST}:{self._ports[link('runner', 'redis')]}/0"
        return _settings({**self._known, **straight})

    @property
    def api_urls(self) -> list[tuple[str, int]]:
        """Host and port of each API of this world; of the viewers' links where it is linked."""
        names = [name for name in arena_programs.wanted(self.world) if name.startswith("api")]
        return [(HOST, self._ports[link("client", name) if self.world.linked else name]) for name in names]

    def url(self, name: str) -> str:
        """Where one of our processes serves /readyz and /metrics."""
        return f"http://{HOST}:{self._ports[name]}"

    def port(self, name: str) -> int:
        """Of a server or a process, past every link."""
        return self._ports[name]

    def link(self, client: str, server: str, node: int = 0) -> Trouble:
        """How `client` (api, counters, store, relay) finds `server` (kafka, redis, clickhouse, mysql) if linked.

        The client `client` is the viewers, its servers are `api` and `api-2`.
        `node` 1, 2, 3 is one broker; 0 all that the world has.  KeyError in a world that is not linked.
        """
        if not self.world.linked:
            raise KeyError(f"{client} {server}: this world has no links")
        return self._links[client, f"{server}-{node}" if node else server]

    def fail_over(self) -> None:
        """Everybody finds the second Redis where the first was."""
        for (_, server), each in self._links.items():
            if server == "redis" and isinstance(each, Link):
                each.switch(self._ports["redis-2"])

    async def begin(self, world: World) -> None:
        """An empty world with everything in it ready.  AssertionError, StackError where something does not start."""
        ours = arena_programs.processes(self.home, self._ports)
        await self.stop(*ours, by_force=True)
        await self._serve(world)
        self.world = world
        arena_links.renew(self._links, world, self._ports)
        await asyncio.to_thread(self._empty)
        module = (SABOTAGE, self.sabotage) if self.sabotage else ()
        for name, process in ours.items():
            self.take(process, arena_programs.environment(name, world, self._ports, self._known), module)
        names = arena_programs.wanted(world)
        for name in names:
            self.launch(name)
        await self.ready(*names)

    async def _serve(self, world: World) -> None:
        """Have the servers of this world run, and no others."""
        if self.world.small_disk or world.small_disk:
            await self.stop(*(name for name in self._servers() if name == self.world.small_disk))
            self.disk.unmount()
        if world.small_disk:
            self.disk.mount(world.small_disk)
        password = local_env.mysql_password(self._known)
        wanted = arena_programs.servers(world, self.home, self.disk.path, self._ports, password)
        await self.stop(*(name for name in self._servers() if self.program(name) != wanted.get(name)))
        for name, program in wanted.items():
            if self.program(name) is None:
                self.take(program, {})
                self.launch(name)
            self.thaw(name)
        self._serving = tuple(wanted)
        await self.ready(*wanted)

    def _servers(self) -> list[str]:
        return [name for name in self.names() if (one := self.program(name)) is not None and one.kind == "server"]

    def _empty(self) -> None:
        redis_ports = [self._ports[name] for name in ("redis", "redis-2") if self.program(name)]
        arena_reset.empty(self.settings, tuple(redis_ports), self.home.path / "catalogue.imported")
        if self.world.replica:
            ask(self._ports["redis-2"], ("REPLICAOF", HOST, str(self._ports["redis"])))

    async def mend(self) -> None:
        """Whatever was left frozen, cut or down goes on again; returns at once."""
        for each in self._links.values():
            each.heal()
        for name in (*self._serving, *arena_programs.wanted(self.world)):
            if self.program(name) is None:
                self.launch(name)
        for name in self.names():
            self.thaw(name)

    async def close(self) -> None:
        """End everything."""
        servers = set(self._servers())
        await self.stop(*(name for name in self.names() if name not in servers), by_force=True)
        await arena_links.close(self._links)
        await self.stop(*servers)
        self.disk.unmount()


@asynccontextmanager
async def opened(home: Home, say: Say = lambda _: None) -> AsyncIterator[Arena]:
    """The arena of a home; a second one in the same home is refused (StackError)."""
    home = Home(home.path.resolve())  # the children work in folders of their own
    with _alone(home), _bare_environment():
        prerequisites.check(home)
        home.log("").parent.mkdir(parents=True, exist_ok=True)
        if left := sweep(home):
            say(f"{left} programs of a killed run were ended")
        of, _ = ports.settle(home, NAMES)
        arena = Arena(home, of, local_env.write(home, of), await arena_links.opened(of))
        arena.disk.unmount()
        try:
            yield arena
        finally:
            await arena.close()


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    home.supervisor_lock.parent.mkdir(parents=True, exist_ok=True)
    with home.supervisor_lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(
                f"another run has {home.path}: wait for it, or set JULIU_HOME to another folder"
            ) from error
        yield


@contextmanager
def _bare_environment() -> Iterator[None]:
    """No setting of the shell's reaches the children: it might point at servers that nobody wants emptied."""
    taken = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith("JULIU_") and name not in _NOT_OURS
    }
    try:
        yield
    finally:
        os.environ.update(taken)


def _settings(environment: Mapping[str, str]) -> Settings:
    given = {name.removeprefix("JULIU_").lower(): value for name, value in environment.items()}
    return Settings(**given)  # type: ignore[arg-type]
