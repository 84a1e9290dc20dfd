"""Apache Kafka (KRaft) on the Java of this machine: one node, or one of several."""

from __future__ import annotations

import base64
import shutil
import socket
import struct
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from infra.local import kafka_jars
from infra.local.errors import NotReady, StackError
from infra.local.filled import fill
from infra.local.home import ETC, HOST, Home
from infra.local.program import SOON, Kind, giving_way

_TIMEOUT_S = 1.0
_FORMAT_WITHIN_S = 60
_MAX_ANSWER_BYTES = 1_000_000
_SAFE_REPLICAS = 3
_HEAP = ("-Xms128m", "-Xmx512m")


class Listener(NamedTuple):
    """One more way to the broker: clients that ask on `port` are told that it is at `advertised`."""

    name: str
    port: int
    advertised: int


class Cluster(NamedTuple):
    """Several nodes: the id that their folders are formatted with, and the controller ports of nodes 1, 2, ..."""

    id: str
    controller_ports: tuple[int, ...]


@dataclass(frozen=True)
class Kafka:
    """One broker and controller on two loopback ports, alone or as node `node_id` of a cluster."""

    home: Home
    port: int
    controller_port: int
    name: str = "kafka"
    node_id: int = 1
    cluster: Cluster | None = None
    more: tuple[Listener, ...] = ()
    kind: Kind = "server"
    start_within_s: float = 90.0  # after kill -9 it waits for its old session and checks its log
    stop_within_s: float = 30.0
    clean_exits: frozenset[int] = frozenset({0, 143})  # a JVM that ended orderly at SIGTERM says 143

    @property
    def _config(self) -> Path:
        return self.home.run(self.name) / "server.properties"

    def prepare(self) -> None:
        """Fetch the jars if set-up did not, write server.properties, format the data folder once."""
        kafka_jars.resolve()
        self._fill(self._config, self.home.data(self.name))
        if not self.home.data(self.name).exists():
            self._format()

    def _fill(self, target: Path, data: Path) -> None:
        listeners = (Listener("BROKER", self.port, self.port), *self.more)
        names = [*(listener.name for listener in listeners), "CONTROLLER"]
        voters = self.cluster.controller_ports if self.cluster else (self.controller_port,)
        fill(
            "kafka-server.properties", target, data=java_escaped(str(data)), node_id=self.node_id,
            voters=[f"{n}@{HOST}:{port}" for n, port in enumerate(voters, 1)],
            listeners=[f"{x.name}://{HOST}:{x.port}" for x in listeners] + [f"CONTROLLER://{HOST}:{self.controller_port}"],
            advertised=[f"{x.name}://{HOST}:{x.advertised}" for x in listeners],
            protocols=[f"{name}:PLAINTEXT" for name in names],
            replicas=min(len(voters), _SAFE_REPLICAS), min_isr=2 if len(voters) >= _SAFE_REPLICAS else 1,
        )  # fmt: skip

    def _format(self) -> None:
        """Format a folder beside the place and move it there when it is whole."""
        partial = self.home.data(f"{self.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        config = self.home.run(self.name) / "format.properties"
        self._fill(config, partial)
        cluster_id = self.cluster.id if self.cluster else new_cluster_id()
        made = subprocess.run(
            [*kafka_jars.java("-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"), _log_config(),
             "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "--config", str(config)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_FORMAT_WITHIN_S, check=False,
        )  # fmt: skip
        if made.returncode:
            raise StackError(f"Kafka could not format {partial}: {(made.stderr or made.stdout).strip()[-500:]}")
        partial.rename(self.home.data(self.name))

    def command(self) -> list[str]:
        """The broker.

        Heap grows to 512 MB at most (570 MB resident after millions of records).  Only the first compiler: measured
        on two cores, half the CPU until ready (2.2 s, not 4), 3 CPU-seconds instead of 8.5 for the first
        150,000 records in batches of 100; then as good (0.8 and 1.1 CPU-seconds for 400,000 records in bulk).
        """
        java = kafka_jars.java(*_HEAP, "-XX:+UseG1GC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
        return giving_way(SOON, [*java, _log_config(), "kafka.Kafka", str(self._config)])

    def environment(self) -> Mapping[str, str]:
        """A locale in which Java can open a folder of any name."""
        return {"LC_ALL": "C.UTF-8"}

    def addresses(self) -> Mapping[str, str]:
        """Bootstrap address."""
        return {"address": f"{HOST}:{self.port}"}

    def probe(self) -> str:
        """Ask for the live brokers: ready when it is among them, that is registered and unfenced."""
        if self.port not in live_broker_ports(self.port):
            raise NotReady("the broker has not registered yet")
        return kafka_jars.version()


def _log_config() -> str:
    return f"-Dlog4j2.configurationFile={(ETC / 'kafka-log4j2.properties').as_uri()}"


def java_escaped(text: str) -> str:
    r"""`text` as a properties file spells it: everything beyond ASCII as \uXXXX of its UTF-16."""
    units = struct.iter_unpack(">H", text.encode("utf-16-be"))
    return "".join(chr(unit) if unit < 128 else f"\\u{unit:04x}" for (unit,) in units)


def new_cluster_id() -> str:
    """What `StorageTool random-uuid` prints, without a JVM.  It may begin with a dash: pass it as --cluster-id=X."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def live_broker_ports(port: int) -> list[int]:
    """Ports of the live brokers, by a Metadata request to the broker on `port`.  Raises NotReady when nobody answers.

    Source: Kafka protocol, Metadata v1.
    """
    body = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(
        ">i", 0
    )  # Metadata v1, correlation 1, no client id, no topics
    try:
        with socket.create_connection((HOST, port), _TIMEOUT_S) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            with connection.makefile("rb") as stream:
                (size,) = struct.unpack(">i", stream.read(4))
                answer = stream.read(min(size, _MAX_ANSWER_BYTES))
        return _broker_ports(answer)
    except (OSError, struct.error) as error:
        raise NotReady(str(error)) from error


def _broker_ports(answer: bytes) -> list[int]:
    """Ports in a Metadata v1 answer: correlation id, count, then node id, host, port, rack of each broker."""
    (count,) = struct.unpack_from(">i", answer, 4)
    position, ports = 8, []
    for _ in range(count):
        (host_length,) = struct.unpack_from(">h", answer, position + 4)
        position += 6 + host_length
        port, rack_length = struct.unpack_from(">ih", answer, position)
        position += 6 + max(rack_length, 0)
        ports.append(port)
    return ports
