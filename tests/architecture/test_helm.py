"""The chart's CronJobs: commands that there are, the periods of the settings, and what keeps two runs apart.

Rendered by `helm` itself where it is installed (HELM names another), else by a few lines that know our template alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from infra.place import ROOT
from infra.settings import Settings
from juliu.commands import schedule
from tests.architecture.test_runbooks import wrong

CHART = ROOT / "infra" / "helm"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
TEMPLATE = (CHART / "templates" / "cronjobs.yaml").read_text(encoding="utf-8")
TASKS = {task.name: task for task in schedule.tasks(Settings())}
HELM = shutil.which(os.environ.get("HELM", "helm"))
VALUES["image"]["tag"], VALUES["clickhouse"]["url"] = "1.2", "http://clickhouse:8123"
REQUIRED = ["--set-string", "image.tag=1.2", "--set", "clickhouse.url=http://clickhouse:8123"]
KUBERNETES = ["--kube-version", "1.30.0"]


def value(path: str, job: Any) -> Any:
    """`$job.a` or `$.Values.a.b`."""
    found = {"$job": job, "$": {"Values": VALUES, "Release": {"Name": "r", "Service": "Helm"}}}
    for name in path.split("."):
        found = found[name]
    return found


def without_helm(name: str) -> Any:
    """The job as the template makes it, for templates as simple as ours."""
    job = VALUES["jobs"][name]
    text = re.sub(r"^ *\{\{- with .*?\{\{- end \}\}$", "", TEMPLATE, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^\{\{- .*\}\}$", "", text, flags=re.MULTILINE)

    def put_in(found: re.Match[str]) -> str:
        if found[1] == "$name":
            return name
        path = re.search(r"\$[\w.]*", found[1])
        assert path, found[0]
        put = value(path[0], job)
        return (
            yaml.dump(put, default_flow_style=True, width=10_000).strip()
            if "toJson" in found[1]
            else (f'"{put}"' if "quote" in found[1] else str(put))
        )

    return yaml.safe_load(re.sub(r"\{\{ (.*?) \}\}", put_in, text))


def with_helm() -> dict[str, Any]:
    assert HELM is not None
    done = subprocess.run(
        [HELM, "template", "r", str(CHART), *KUBERNETES, *REQUIRED], capture_output=True, text=True, check=True
    )
    return {job["metadata"]["name"].removeprefix("r-"): job for job in yaml.safe_load_all(done.stdout)}


JOBS = with_helm() if HELM else {name: without_helm(name) for name in VALUES["jobs"]}


def period_s(cron: str) -> int:
    """Of the few forms that we use: a minute of every hour, or every so many minutes."""
    minute, *others = cron.split()
    assert others == ["*"] * 4
    if minute.isdigit():
        return 3_600
    every = re.fullmatch(r"(?:\*|\d+-59)/(\d+)", minute)
    assert every, cron
    return 60 * int(every[1])


def test_there_is_a_job_for_every_task_and_no_other():
    assert set(JOBS) == set(TASKS)


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_job_types_the_command_of_the_schedule_on_its_period(name):
    (container,) = JOBS[name]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert tuple(container["args"]) == schedule.COMMANDS[name]
    assert wrong(f"juliu {' '.join(container['args'])}") is None
    assert period_s(JOBS[name]["spec"]["schedule"]) == TASKS[name].interval_s
    assert JOBS[name]["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == TASKS[name].longest_s


@pytest.mark.parametrize("name", sorted(JOBS))
def test_two_runs_of_a_job_are_not_at_work_at_once_and_none_for_ever(name):
    spec = JOBS[name]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert 0 < spec["startingDeadlineSeconds"] <= TASKS[name].interval_s
    job = spec["jobTemplate"]["spec"]
    (rule,) = job["podFailurePolicy"]["rules"]
    assert {3, 5} <= set(rule["onExitCodes"]["values"])  # refused, busy: not again
    assert 4 not in rule["onExitCodes"]["values"]  # trouble: once more
    assert rule["onExitCodes"]["containerName"] == job["template"]["spec"]["containers"][0]["name"]


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_job_has_bounds_no_rights_and_its_secrets_from_a_secret(name):
    pod = JOBS[name]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert container["resources"]["limits"]["memory"]
    environment = {entry["name"]: entry for entry in container["env"]}
    ours = {name for name in environment if name.startswith("JULIU_")}
    assert ours <= {f"JULIU_{field.upper()}" for field in Settings.model_fields}
    secret = {name for name, entry in environment.items() if "secretKeyRef" in entry.get("valueFrom", {})}
    assert secret == {"JULIU_REDIS_URL", "JULIU_CLICKHOUSE_PASSWORD"}


@pytest.mark.skipif(HELM is None, reason="helm is not installed")
def test_helm_finds_nothing_wrong_and_what_is_required_is_asked_for():
    assert HELM is not None
    lint = subprocess.run([HELM, "lint", str(CHART), *REQUIRED], capture_output=True, text=True, check=False)
    assert lint.returncode == 0, lint.stdout
    for number in (0, 2):
        told = [word for at, word in enumerate(REQUIRED) if at not in (number, number + 1)]
        done = subprocess.run([HELM, "template", "r", str(CHART), *KUBERNETES, *told], capture_output=True, check=False)
        assert done.returncode != 0
    assert {name: without_helm(name)["spec"] for name in JOBS} == {name: job["spec"] for name, job in JOBS.items()}
