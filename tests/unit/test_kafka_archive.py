"""The broker that writes the class-data archive is the broker that will run, told to write it."""

from __future__ import annotations

from pathlib import Path

from infra.local.home import Home
from infra.local.kafka import Kafka
from infra.local.kafka_archive import archiving


def test_java_gets_the_option_whatever_the_command_begins_with(tmp_path):
    command = Kafka(Home(tmp_path), 1, 2).command()
    told = archiving(command, Path("/x.jsa"))
    assert told[told.index("java") + 1] == "-XX:ArchiveClassesAtExit=/x.jsa"
    assert [one for one in told if one != "-XX:ArchiveClassesAtExit=/x.jsa"] == command
