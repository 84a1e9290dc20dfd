"""The structure of infra/compose.yaml and the Dockerfile, which cannot be run here."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local import programs
from infra.local.home import Home
from infra.local.ports import NAMES
from infra.place import ROOT
from infra.settings import Settings
from juliu.cli import COMMANDS

TEXT = (ROOT / "infra" / "compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVERS = {"kafka", "clickhouse", "redis", "mysql"}
WATCHES = "prometheus"
OURS = set(SERVICES) - SERVERS - {WATCHES}
DOCKERFILE = (ROOT / "infra" / "docker" / "Dockerfile").read_text()


def test_it_runs_what_the_local_stack_runs():
    local = {p.name for p in programs.processes(Home(Path("/nowhere")), dict.fromkeys(NAMES, 1))}
    assert local | {"migrate"} == OURS
    assert set(SERVICES) >= SERVERS


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_services_run_commands_that_exist(name):
    assert SERVICES[name]["command"][0] in {command.name for command in COMMANDS}


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_servers_are_official_images_of_a_pinned_version_and_keep_their_data(name):
    image, _, tag = SERVICES[name]["image"].partition(":")
    assert image in {"apache/kafka", "clickhouse/clickhouse-server", "redis", "mysql"}
    assert re.fullmatch(r"\d+(\.\d+)+", tag)
    (volume,) = SERVICES[name]["volumes"]
    assert volume.split(":")[0] in COMPOSE["volumes"]


def test_prometheus_scrapes_every_process_where_it_listens_and_loads_the_alarms():
    folder = ROOT / "infra"
    config = yaml.safe_load((folder / "prometheus.yml").read_text())
    scraped = {job["job_name"]: job["dns_sd_configs"][0] for job in config["scrape_configs"]}
    found = {"juliu-" + name.removeprefix("stream-"): name for name in OURS - {"migrate"}}
    assert {job: target["names"] for job, target in scraped.items()} == {job: [name] for job, name in found.items()}
    for job, name in found.items():
        environment = SERVICES[name]["environment"]
        port = environment["JULIU_API_PORT"] if name == "api" else environment["JULIU_METRICS_PORT"]
        assert scraped[job]["port"] == int(port)
    mounted = [volume.split(":") for volume in SERVICES[WATCHES]["volumes"]]
    given = {inside: outside for outside, inside, *_ in mounted if outside.startswith("./")}
    for name in ("prometheus.yml", *config["rule_files"]):
        assert given[f"/etc/prometheus/{name}"] == f"./{name}"
        assert (folder / name).is_file()
    assert re.fullmatch(r"prom/prometheus:v\d+(\.\d+)+", SERVICES[WATCHES]["image"])


def test_kafka_is_the_version_of_the_local_stack():
    pom = (ROOT / "infra" / "local" / "etc" / "kafka-pom.xml").read_text()
    assert SERVICES["kafka"]["image"].endswith(":" + re.search(r"<kafka.version>(.*)</kafka.version>", pom)[1])


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate"}))
def test_every_service_says_whether_it_works(name):
    assert SERVICES[name]["healthcheck"]["test"]


def test_processes_start_on_migrated_servers_that_work():
    for name in OURS - {"migrate"}:
        assert SERVICES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert SERVICES["migrate"]["depends_on"] == {name: {"condition": "service_healthy"} for name in SERVERS}


def test_every_juliu_variable_is_a_setting():
    names = {name for service in OURS for name in SERVICES[service]["environment"]}
    assert names <= {f"JULIU_{field.upper()}" for field in Settings.model_fields}


def test_no_secret_has_a_default():
    used = re.findall(r"\$\{([^}]*)\}", re.sub(r"^#.*$", "", TEXT, flags=re.MULTILINE))
    assert {re.sub(r":\?.*", "", name) for name in used} == {
        "JULIU_JWT_SECRET", "JULIU_TICKET_SECRET", "JULIU_MEDIA_KEY_SECRET",
        "JULIU_REDIS_PASSWORD", "JULIU_CLICKHOUSE_PASSWORD", "JULIU_MYSQL_PASSWORD",
    }  # fmt: skip
    assert all(":?" in name for name in used)
    for service in SERVICES.values():
        for name, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD$|SECRET|AUTH", name) and name != "MYSQL_RANDOM_ROOT_PASSWORD":
                assert "${" in value, name


def test_the_api_serves_what_the_media_worker_makes_and_both_may_write_there():
    volumes = {name: dict(map(split, SERVICES[name]["volumes"])) for name in ("api", "media")}
    root = SERVICES["media"]["environment"]["JULIU_MEDIA_ROOT"]
    assert volumes["api"][root] == volumes["media"][root]
    assert SERVICES["media"]["environment"]["JULIU_MEDIA_WORK"] in volumes["media"]
    for folder in volumes["media"]:
        assert re.search(rf"install -d -o juliu .*{folder}\b", DOCKERFILE)


def split(volume: str) -> tuple[str, str]:
    """(inside, name) of a named volume."""
    name, inside = volume.split(":")
    return inside, name


def test_only_the_api_is_published_and_on_loopback():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:8000:8000"]}


def test_the_image_holds_every_package_and_is_not_root():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    ignored = (ROOT / "infra" / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    for package in packages:
        assert f"COPY {package} {package}\n" in DOCKERFILE
        assert f"!{package}" in ignored
    assert "\nUSER juliu\n" in DOCKERFILE
    assert ignored[1] == "*"


def test_what_the_dockerfile_copies_exists():
    for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
