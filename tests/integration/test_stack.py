"""The local stack as a person meets it: started, killed, restarted, two side by side, ended without a trace."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local import identity, log_files, ports, report, state
from infra.local.home import Home
from infra.settings import Settings
from tests.kept_rows import rows_everywhere, write_a_row_everywhere
from tests.servers import remove

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

SERVERS = ("kafka", "clickhouse", "redis", "mysql")


@dataclass
class Typed:
    """`juliu` as typed in a shell of its own, for one home."""

    home: Home

    def __call__(self, *words: str, rc: int = 0) -> str:
        environment = {**os.environ, "JULIU_HOME": str(self.home.path)}
        done = subprocess.run(  # reads until everybody has closed the pipes: hangs if a server holds one
            [sys.executable, "-m", "juliu", *words],
            env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == rc, done.stdout + done.stderr
        return done.stdout + done.stderr

    def status(self) -> dict[str, dict[str, dict[str, Any]]]:
        return report.as_json(report.gather(self.home))

    def settings(self) -> Settings:
        return Settings(_env_file=self.home.local_env)  # type: ignore[call-arg]

    def is_up(self, *names: str) -> bool:
        servers = self.status()["servers"]
        return all(servers[name]["up"] for name in names)


@pytest.fixture(scope="module")
def started(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typed]:
    """A second stack beside the session's own."""
    home = Home(
        tmp_path_factory.mktemp("home 剧流") / ("deep" * 30)
    )  # a blank, other letters, past a socket's 107 bytes
    typed = Typed(home)
    try:
        typed("up")
        yield typed
    finally:
        remove(home)


KEPT = dict.fromkeys(SERVERS, "kept")


def test_status_tells_what_runs_where(started: Typed):
    status = json.loads(started("status", "--json"))
    assert set(status["servers"]) == set(SERVERS)
    assert {"api", "relay", "stream-counters", "stream-store", "schedule", "media"} == set(status["processes"])
    for server in status["servers"].values():
        assert server["up"] is True
        assert psutil.pid_exists(server["pid"])
        assert server["version"]
        assert server["memory_bytes"] > 1_000_000
        assert server["uptime_s"] >= 0
        host, port = server["address"].split(":")
        socket.create_connection((host, int(port)), 1).close()
    assert status["servers"]["clickhouse"]["http"] == started.settings().clickhouse_url.removeprefix("http://")
    assert status["servers"]["kafka"]["address"] == started.settings().kafka
    assert not any(process["up"] for process in status["processes"].values())
    assert status["processes"]["stream-store"]["lag"] is None
    assert "clickhouse" in started("status")


def test_servers_listen_on_loopback_only(started: Typed):
    for server in started.status()["servers"].values():
        listening = [c for c in psutil.Process(server["pid"]).net_connections() if c.status == psutil.CONN_LISTEN]
        assert listening
        assert {address.laddr.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_all_of_them_fit_in_their_memory(started: Typed):
    assert sum(server["memory_bytes"] for server in started.status()["servers"].values()) < 2_500_000_000


def test_up_again_changes_nothing(started: Typed):
    before = {name: server["pid"] for name, server in started.status()["servers"].items()}
    started("up")
    assert {name: server["pid"] for name, server in started.status()["servers"].items()} == before


def test_processes_need_a_migrated_stack(started: Typed):
    assert "juliu migrate" in started("up", "--all", rc=1)


def test_all_servers_killed_at_once_come_back_with_their_data(started: Typed):
    write_a_row_everywhere(started.settings(), "killed_all")
    before = started.status()["servers"]
    for server in before.values():
        os.kill(server["pid"], signal.SIGKILL)
    started("up")  # returns when they are back
    after = started.status()["servers"]
    for name in SERVERS:
        assert after[name]["up"]
        assert after[name]["pid"] != before[name]["pid"]
        assert after[name]["restarts"] == before[name]["restarts"] + 1
    assert rows_everywhere(started.settings(), "killed_all") == KEPT


def test_servers_end_with_a_killed_supervisor_and_the_next_up_finds_their_data(started: Typed):
    write_a_row_everywhere(started.settings(), "killed_supervisor")
    known = state.read(started.home)
    assert known is not None
    redis = known.programs["redis"].process
    assert redis is not None
    redis.signal(signal.SIGSTOP)  # it cannot hear the SIGTERM of its parent's death
    os.kill(known.supervisor.pid, signal.SIGKILL)
    assert identity.wait_gone([p for p in known.processes() if p != redis], 60) == []
    assert not started.is_up("kafka")
    assert redis.alive()
    started("up")
    assert not redis.alive()
    assert rows_everywhere(started.settings(), "killed_supervisor") == KEPT


def test_down_keeps_the_data_and_the_ports_and_leaves_no_process(started: Typed):
    write_a_row_everywhere(started.settings(), "restarted")
    remembered = ports.recall(started.home)
    known = state.read(started.home)
    assert known is not None
    running = [known.supervisor, *known.processes()]
    assert [process.alive() for process in running] == [True] * 5
    started("down")
    assert [process.alive() for process in running] == [False] * 5
    assert processes_of(started.home) == []
    assert not any(server["up"] for server in started.status()["servers"].values())
    assert "nothing was running" in started("down")
    started("up")
    assert ports.recall(started.home) == remembered
    assert rows_everywhere(started.settings(), "restarted") == KEPT


def processes_of(home: Home) -> list[int]:
    """Every other process that was started with this home in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("JULIU_HOME") == str(home.path) and process.pid != os.getpid():
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return [pid for pid in found if identity.of(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def test_two_stacks_side_by_side_share_nothing(started: Typed, stack: Settings):
    ours, theirs = started.settings(), stack
    for name in ("kafka", "redis_url", "clickhouse_url", "mysql_url", "jwt_secret", "api_port"):
        assert getattr(ours, name) != getattr(theirs, name)


def test_a_taken_port_is_left_to_its_owner(started: Typed):
    started("down")
    port = ports.recall(started.home)["redis"]
    with socket.socket() as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        foreign.bind(("127.0.0.1", port))
        foreign.listen()
        said = started("up")
    assert "the port of redis is taken" in said
    assert ports.recall(started.home)["redis"] != port
    assert started.is_up(*SERVERS)
    assert f":{port}/" not in started.settings().redis_url


def test_a_supervisor_whose_state_was_removed_is_not_joined_by_a_second(started: Typed):
    known = state.read(started.home)
    assert known is not None
    kept = started.home.state.read_text()
    started.home.state.unlink()
    said = started("up", rc=1)
    assert f"kill {known.supervisor.pid}" in said
    assert known.supervisor.alive()
    started.home.state.write_text(kept)
    assert started.is_up(*SERVERS)


def test_logs_shows_the_end_of_a_log_and_names_those_there_are(started: Typed):
    assert "Ready to accept connections" in started("logs", "redis")
    assert "kafka" in started("logs", "nobody", rc=1)


def test_a_program_that_cannot_start_is_shown_with_its_own_words(started: Typed, tmp_path: Path):
    started("down")
    damaged = started.home.data("redis") / "appendonlydir"
    shutil.move(damaged, tmp_path / "kept")
    damaged.write_text("no folder")
    try:
        said = started("up", rc=1)
        assert "redis" in said
        assert "given up" in said
    finally:
        damaged.unlink()
        shutil.move(tmp_path / "kept", damaged)
    started("up")  # tries again what was given up
    assert started.is_up(*SERVERS)


A_DRAMA = {
    "drama_id": 7, "title": "重生之后", "category": "romance", "tags": [], "cast": [], "region": "CN", "min_age": 0,
    "free_first": 1, "price_coins": 0, "published": True,
    "episodes": [{"episode_no": 1, "duration_ms": 60_000, "media_path": "7/1.m3u8"}],
}  # fmt: skip


def test_all_of_it_runs_and_what_dies_comes_back(started: Typed, tmp_path: Path):
    (tmp_path / "dramas.jsonl").write_text(json.dumps(A_DRAMA) + "\n")
    started("migrate")
    started("catalogue", "import", str(tmp_path / "dramas.jsonl"))
    with started.home.local_env.open("a") as kept:
        kept.write("JULIU_CANARY_EVERY_S=0\n")  # a canary in flight is a lag
    started("up", "--all")
    before = started.status()["processes"]
    assert {name for name, process in before.items() if process["up"]} == set(before)
    assert before["stream-counters"]["lag"] == 0
    assert before["stream-store"]["lag"] == 0
    assert before["relay"]["lag"] == 0
    for process in before.values():
        os.kill(process["pid"], signal.SIGKILL)
    started("up", "--all")  # returns when they are back
    after = started.status()["processes"]
    for name, process in after.items():
        assert process["up"]
        assert process["restarts"] == before[name]["restarts"] + 1
    known = state.read(started.home)
    assert known is not None
    started("down")
    assert not any(process.alive() for process in known.processes())
    ending = log_files.tail(started.home.log("supervisor"), 12)
    assert "killed" not in ending
    assert "no orderly stop" not in ending
