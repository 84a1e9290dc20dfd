"""`juliu media drama` and `juliu media poster` as they are typed, on a real MySQL, Redis and storage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.media import names
from domain.media.steps import Step
from domain.media.wechat_drama import Actor, Dossier
from infra.catalogue.media import publish_media
from infra.settings import Settings
from tests.media_typed import DRAMA, Rig, installed, told, typed
from tests.wechat_builders import a_dossier

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]


@pytest.fixture
def rig(fresh: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with installed(fresh, tmp_path, monkeypatch) as one:
        yield one


def test_a_drama_is_published_only_with_its_number_ticked(rig, tmp_path):
    papers = tmp_path / "papers"
    papers.mkdir()
    for name in ("cover.jpg", "licence.png", "proof.jpg", "face.jpg"):
        (papers / name).write_bytes(name.encode())
    (papers / "big.jpg").write_bytes(bytes((10 << 20) + 1))
    faces = tuple(Actor(name=f"演员{n}", role=f"角色{n}", photo="face.jpg") for n in (1, 2))
    full = a_dossier(
        DRAMA, cover="cover.jpg", certificate="licence.png", production_proofs=("proof.jpg",), actors=faces
    )  # fmt: skip

    def put(**changes: Any) -> Any:
        (papers / "drama.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(full, **changes)))
        return typed("drama", "put", str(papers / "drama.json"), "--json")

    number = full.record_number
    assert typed("drama", "publish", str(DRAMA)).exit_code == 1
    for bad in ("nowhere.jpg", "big.jpg", "licence.pdf", "../store"):
        assert put(cover=bad).exit_code == 2, bad
    lacking = put(record_number="")
    assert (lacking.exit_code, len(json.loads(lacking.stdout)["missing"])) == (1, 1)
    refused = typed("drama", "publish", str(DRAMA))
    assert (refused.exit_code, "备案号" in refused.stderr, "tick" in refused.stderr) == (1, True, True)

    assert put().exit_code == 0
    shown = told("drama", "show", str(DRAMA))
    kept = [shown["dossier"][name] for name in ("cover", "certificate")]
    assert [(rig.store / key).read_bytes() for key in kept] == [b"cover.jpg", b"licence.png"]
    assert typed("drama", "publish", str(DRAMA)).exit_code == 1, "nobody has ticked it"
    assert typed("drama", "tick", str(DRAMA), "another", "--who", "li").exit_code == 1
    assert typed("drama", "tick", str(DRAMA), number, "--who", "li").exit_code == 0
    job = told("drama", "publish", str(DRAMA))["job_id"]
    assert told("show", str(job))["kind"] == "drama"
    assert told("drama", "publish", str(DRAMA))["job_id"] == job, "once, however often it is asked for"

    with rig.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE episodes SET release_ms = 4000000000000 WHERE episode_no = 3")
    assert told("drama", "show", str(DRAMA))["releases"] == [0, 0, *[4_000_000_000_000] * 4]
    table = typed("drama", "show", str(DRAMA)).output
    assert (table.count("at once"), table.count("2096-10-02 15:06:40")) == (2, 4)

    again = msgspec.structs.replace(msgspec.convert(shown["dossier"], Dossier), record_number="V7654321")
    (papers / "drama.json").write_bytes(msgspec.json.encode(again))
    assert typed("drama", "put", str(papers / "drama.json")).exit_code == 0, "keys of storage stay what they are"
    assert told("drama", "show", str(DRAMA))["ticked_ms"] == 0, "another number has to be seen, too"
    assert typed("drama", "replace", str(DRAMA), "1").exit_code == 1

    assert typed("drama", "number", str(DRAMA), "备 案").exit_code == 1
    assert "V9, not ticked" in typed("drama", "number", str(DRAMA), "V9").output
    (line,) = told("drama", "list", "--audit", "none")["dramas"]
    assert (line["drama_id"], line["record_number"], line["ticked_by"], len(line["missing"])) == (DRAMA, "V9", "", 1)
    assert told("drama", "list", "--after", str(DRAMA))["dramas"] == []
    assert "lacks 1" in typed("drama", "list").output
    assert typed("drama", "list", "--audit", "strange").exit_code == 2
    assert [(one.what, one.surface, one.who) for one in rig.ordered()] == [
        ("put", "cli", "cli"), ("put", "cli", "cli"), ("tick", "cli", "li"), ("publish", "cli", "cli"),
        ("put", "cli", "cli"), ("put", "cli", "cli"),
    ]  # fmt: skip


def test_a_poster_is_chosen_by_its_number(rig):
    (job,) = rig.submit(1)
    content = 64 * "a"
    facts = {Step.PROBE: {"content_hash": content}, Step.CHECK: {"posters": [[0, 1_000, 9.5, []], [1, 2_000, 3.0, []]]}}
    assert typed("poster", str(DRAMA), "1").exit_code == 1, "nothing is made yet"
    while (leased := rig.jobs.lease("test", 60_000, list(Step))) is not None:
        rig.jobs.finish(leased, facts.get(leased.step, {}), 1)
    publish_media(rig.engine, DRAMA, 1, names.master(DRAMA, 1, content[:12]), 60_000)
    assert told("poster", str(DRAMA), "1") == {
        "hash12": content[:12], "chosen": 0, "by_people": False,
        "candidates": [
            {"number": 0, "at_ms": 1_000, "sharpness": 9.5}, {"number": 1, "at_ms": 2_000, "sharpness": 3.0},
        ],
    }  # fmt: skip
    assert told("poster", str(DRAMA), "1", "1")["chosen"] == 1
    assert "shows 1: people chose it" in typed("poster", str(DRAMA), "1").output
    assert typed("poster", str(DRAMA), "1", "2").exit_code == typed("poster", "999", "1").exit_code == 1
    order = rig.ordered()[-1]
    assert (order.what, order.who, order.detail) == ("poster", "cli", f"{content[:12]}/1")
    assert rig.jobs.job(job).job.content_hash == content
