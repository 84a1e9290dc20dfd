"""The decisions of the local stack that need no server: ports, secrets, restarts, what is missing, logs."""

from __future__ import annotations

import json
import os
import random
import stat
import struct
from pathlib import Path

import pytest

from infra.local import (
    files,
    filled,
    identity,
    kafka,
    lag,
    local_env,
    log_files,
    ports,
    prerequisites,
    report,
    state,
    wanted,
)
from infra.local.errors import StackError
from infra.local.home import Home
from infra.local.restarts import READY_CAP_S, STILLBORN_LIMIT, WINDOW_LIMIT, WINDOW_S, Restarts

SECRET = "".join(f"{n:08x}" for n in range(28))  # no part is another
PORTS = {name: 20_000 + number for number, name in enumerate(ports.NAMES)}


class TestPorts:
    def test_the_first_start_chooses_different_free_ports(self):
        chosen, moved = ports.choose({}, lambda port: port % 2 == 0, random.Random(1))
        assert set(chosen) == set(ports.NAMES)
        assert len(set(chosen.values())) == len(ports.NAMES)
        assert all(port % 2 == 0 for port in chosen.values())
        assert moved == []

    def test_remembered_ports_are_kept(self):
        assert ports.choose(PORTS, lambda port: True, random.Random(2)) == (PORTS, [])

    def test_only_a_taken_port_moves_and_it_is_named(self):
        chosen, moved = ports.choose(PORTS, lambda port: port != PORTS["redis"], random.Random(3))
        assert moved == ["redis"]
        assert chosen["redis"] not in PORTS.values()
        assert {**chosen, "redis": 0} == {**PORTS, "redis": 0}

    def test_no_port_at_all_is_said_in_words(self):
        with pytest.raises(StackError, match="no free port"):
            ports.choose({}, lambda port: False, random.Random(4))

    def test_a_damaged_file_says_what_to_do(self, tmp_path):
        (tmp_path / "stack.json").write_text("{")
        with pytest.raises(StackError, match="remove it"):
            ports.recall(Home(tmp_path))

    def test_an_older_checkout_gets_the_port_that_was_new(self, tmp_path):
        (tmp_path / "stack.json").write_text(json.dumps({"format": 1, "ports": {"kafka": 23_456}}))
        assert ports.recall(Home(tmp_path)) == {"kafka": 23_456}


class TestLocalEnv:
    def test_secrets_are_made_once_and_kept(self):
        first = local_env.parse(local_env.render({}, PORTS, SECRET))
        second = local_env.parse(local_env.render(first, PORTS, SECRET[::-1]))
        assert second == first
        assert local_env.mysql_password(first) == SECRET[:32]
        secrets = {first[f"JULIU_{name}_SECRET"] for name in ("JWT", "TICKET", "MEDIA_KEY")}
        made = {local_env.mysql_password(first), *secrets}
        assert len(made) == 4
        assert min(map(len, made)) >= 32

    def test_a_secret_that_is_new_to_an_older_file_is_added(self):
        older = {"JULIU_JWT_SECRET": "kept"}
        found = local_env.parse(local_env.render(older, PORTS, SECRET))
        assert (found["JULIU_JWT_SECRET"], found["JULIU_TICKET_SECRET"]) == ("kept", SECRET[96:160])

    def test_addresses_follow_the_ports(self):
        moved = {**PORTS, "redis": 21_000}
        text = local_env.render(local_env.parse(local_env.render({}, PORTS, SECRET)), moved, SECRET)
        assert local_env.parse(text)["JULIU_REDIS_URL"] == "redis://127.0.0.1:21000/0"

    def test_lines_that_somebody_added_are_kept(self):
        assert local_env.parse(local_env.render({"JULIU_PARTITIONS": "8"}, PORTS, SECRET))["JULIU_PARTITIONS"] == "8"

    def test_the_file_is_its_owners_alone(self, tmp_path):
        local_env.write(Home(tmp_path), PORTS)
        assert stat.S_IMODE((tmp_path / "local.env").stat().st_mode) == 0o600


class TestRestarts:
    def test_what_worked_before_is_back_soon(self):
        restarts = Restarts()
        delays = [restarts.after_death(at, was_ready=True) for at in range(0, 100, 10)]  # ten kills, ten seconds apart
        assert delays[0] == 0.1
        assert all(delay is not None and delay <= READY_CAP_S for delay in delays)

    def test_what_never_became_ready_waits_longer_and_is_given_up(self):
        restarts = Restarts()
        delays = [restarts.after_death(0, was_ready=False) for _ in range(STILLBORN_LIMIT)]
        assert delays[-1] is None
        known = [delay for delay in delays[:-1] if delay is not None]
        assert len(known) == STILLBORN_LIMIT - 1
        assert known == sorted(known)
        assert sum(known) > 10

    def test_one_good_start_forgets_the_bad_ones(self):
        restarts = Restarts()
        for _ in range(STILLBORN_LIMIT - 1):
            restarts.after_death(0, was_ready=False)
        restarts.after_death(0, was_ready=True)
        assert restarts.after_death(0, was_ready=False) is not None

    def test_a_program_that_dies_again_and_again_is_given_up(self):
        restarts = Restarts()
        delays = [restarts.after_death(at, was_ready=True) for at in range(WINDOW_LIMIT)]
        assert delays[-1] is None
        assert None not in delays[:-1]

    def test_deaths_of_long_ago_do_not_count(self):
        restarts = Restarts()
        delays = [restarts.after_death(at * WINDOW_S / 10, was_ready=True) for at in range(200)]
        assert None not in delays

    def test_forgiven_it_may_try_as_often_as_at_first_and_the_total_stays(self):
        restarts = Restarts()
        while restarts.after_death(0, was_ready=False) is not None:
            pass
        restarts.forgive()
        assert restarts.after_death(0, was_ready=False) == 0.1
        assert restarts.total == STILLBORN_LIMIT + 1


class TestPrerequisites:
    FLAGS = "flags\t\t: fpu avx avx2 bmi1 bmi2 f16c fma abm movbe xsave sse4_2"

    def test_a_modern_cpu_lacks_nothing(self):
        assert prerequisites.missing_cpu_flags(f"processor : 0\n{self.FLAGS}\n", "x86_64") == []
        assert prerequisites.cpu_problem([]) is None

    def test_an_old_cpu_is_told_which_instructions_it_lacks(self):
        missing = prerequisites.missing_cpu_flags(self.FLAGS.replace(" avx2", "").replace(" fma", ""), "x86_64")
        assert missing == ["avx2", "fma"]
        assert "avx2, fma" in (prerequisites.cpu_problem(missing) or "")

    def test_unreadable_flags_count_as_missing_and_other_machines_as_fine(self):
        assert set(prerequisites.missing_cpu_flags("", "x86_64")) == prerequisites.CPU_FLAGS
        assert prerequisites.missing_cpu_flags("", "aarch64") == []

    def test_missing_programs_name_their_packages(self):
        problem = prerequisites.program_problem(["java", "mvn"]) or ""
        assert "apt-get install maven openjdk-17-jre-headless" in problem
        assert "make setup" in problem
        assert prerequisites.program_problem([]) is None

    def test_a_full_disk_says_how_much_is_missing(self):
        problem = prerequisites.disk_problem(Path("/somewhere"), 12_000_000) or ""
        assert "12 MB free" in problem
        assert "JULIU_HOME" in problem
        assert prerequisites.disk_problem(Path("/somewhere"), 10**11) is None

    def test_an_old_java_is_told_apart_from_a_new_one(self):
        assert "version 11" in (prerequisites.java_problem('JAVA_VERSION="11.0.2"\n') or "")
        assert prerequisites.java_problem('IMPLEMENTOR="x"\nJAVA_VERSION="17.0.15"\n') is None
        assert prerequisites.java_problem("") is None

    def test_everything_missing_is_said_at_once(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(StackError) as raised:
            prerequisites.check(Home(tmp_path))
        assert "redis-server" in str(raised.value)
        assert "openjdk-17-jre-headless" in str(raised.value)

    def test_a_home_that_cannot_be_made_is_said(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(StackError, match="JULIU_HOME"):
            prerequisites.check(Home(tmp_path / "file" / "home"))


class TestFiles:
    def test_a_template_refuses_a_path_that_would_break_it(self, tmp_path):
        with pytest.raises(StackError, match="JULIU_HOME"):
            filled.fill("redis.conf", tmp_path / "redis.conf", port=1, data='/tmp/a"b')

    def test_a_template_is_filled(self, tmp_path):
        text = filled.fill("redis.conf", tmp_path / "redis.conf", port=6379, data="/data dir").read_text()
        assert "port 6379\n" in text
        assert 'dir "/data dir"\n' in text
        assert "bind 127.0.0.1\n" in text

    def test_java_reads_what_is_escaped(self):
        assert kafka.java_escaped("/home/剧流/𠮷") == r"/home/\u5267\u6d41/\ud842\udfb7"

    def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(self, tmp_path):
        files.write_whole(tmp_path / "deep" / "file", "one")
        files.write_whole(tmp_path / "deep" / "file", "two")
        assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]
        assert (tmp_path / "deep" / "file").read_text() == "two"

    def test_a_log_past_its_bound_is_cut_and_its_end_kept_beside_it(self, tmp_path):
        log = tmp_path / "a.log"
        with log.open("ab") as writer:  # as a server keeps it open
            writer.write(b"old\n" * 10 + b"new\n" * 25)
            writer.flush()
            assert log_files.bound(log, max_bytes=100)
            writer.write(b"next\n")
        assert log.read_bytes() == b"next\n"
        assert (tmp_path / "a.log.1").read_bytes() == b"new\n" * 25
        assert not log_files.bound(log, max_bytes=100)
        assert not log_files.bound(tmp_path / "none.log", max_bytes=100)

    @pytest.mark.parametrize("lines", [1, 3, 100_000])
    def test_the_tail_of_a_log(self, tmp_path, lines):
        log = tmp_path / "a.log"
        written = [f"line {number}" for number in range(20_000)]
        log.write_text("\n".join(written) + "\n")
        assert log_files.tail(log, lines).splitlines() == written[-lines:]
        assert log_files.tail(tmp_path / "none.log", lines) == ""


class TestState:
    def test_what_is_written_is_read(self, tmp_path):
        program = state.ProgramState("server", "ready", identity.Identity(7, 8), 1.5, 2, "4.3", "")
        told = state.StackState(
            str(tmp_path), identity.Identity(1, 2), 3, {"kafka": program, "redis": state.ProgramState("server")}
        )
        state.write(Home(tmp_path), told)
        assert state.read(Home(tmp_path)) == told
        assert told.processes() == [identity.Identity(7, 8)]

    def test_a_copied_folder_does_not_know_the_servers_of_the_first(self, tmp_path):
        state.write(Home(tmp_path), state.StackState("/first", identity.Identity(1, 2)))
        assert state.read(Home(tmp_path)) is None

    def test_nothing_and_nonsense_are_nothing(self, tmp_path):
        assert state.read(Home(tmp_path)) is None
        files.write_whole(Home(tmp_path).state, "[]")
        assert state.read(Home(tmp_path)) is None

    def test_what_is_wanted_is_read_as_it_was_written(self, tmp_path):
        assert wanted.read(Home(tmp_path)) == wanted.Wanted()
        wanted.write(Home(tmp_path), wanted.Wanted(processes=True, asked=4))
        assert wanted.read(Home(tmp_path)) == wanted.Wanted(processes=True, asked=4)

    def test_a_pid_used_again_is_another_process(self):
        me = identity.of(os.getpid())
        assert me is not None
        assert me.alive()
        assert (me.memory_bytes() or 0) > 1_000_000
        assert not identity.Identity(me.pid, me.started - 1).alive()
        assert identity.Identity(me.pid, me.started - 1).memory_bytes() is None


class TestLag:
    def test_an_end_is_the_next_offset_and_a_fence_the_last_one_applied(self):
        assert lag.total([0, 10, 5], [-1, 9, 2]) == 2

    @pytest.mark.parametrize(
        ("answer", "number"), [("12", 12), ("-1", -1), ("broken 7", None), (None, None), (3.5, None)]
    )
    def test_a_broken_or_missing_fence_is_no_number(self, answer, number):
        assert lag.as_integer(answer) == number


def test_ports_in_a_metadata_answer():
    def broker(number: int, port: int) -> bytes:
        return struct.pack(">ih9sih", number, 9, b"127.0.0.1", port, -1)

    answer = struct.pack(">ii", 1, 2) + broker(1, 9092) + broker(2, 9093)
    assert kafka._broker_ports(answer) == [9092, 9093]


def test_the_json_of_status_names_what_the_issue_names():
    lines = [
        report.Line("clickhouse", "server", True, "ready", {"http": "h:1", "address": "h:1"}, "26", 1, 2, 3.0, 0, ""),
        report.Line(
            "stream-store", "process", False, "off", {"address": "http://h:2"}, None, None, None, None, 0, "", True
        ),
    ]
    document = report.as_json(lines)
    assert document["servers"]["clickhouse"]["up"] is True
    assert document["servers"]["clickhouse"]["http"] == "h:1"
    assert document["processes"]["stream-store"]["lag"] is None
    assert document["processes"]["stream-store"]["pid"] is None
