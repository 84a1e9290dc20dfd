"""What a hostile reader found in media jobs: answers that break off, papers and sources that change under a job."""

from __future__ import annotations

import io
import itertools
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
from pydantic import SecretStr
from requests.adapters import BaseAdapter
from rich.console import Console
from urllib3 import HTTPResponse

from domain.media.episode_files import Known, Source
from domain.media.steps import Kind, Step
from domain.media.trouble import Failure, StepFailed
from infra.media.folder import RESERVE, Folder
from ingest_api.hls.files import Playlists, Served
from ingest_api.play.errors import NoVideo
from juliu.commands.media import _Bars
from juliu.media.sources import Found
from juliu.media.submitting import Item
from media_jobs.cos.jobs import Ci
from media_jobs.cos.processing import CosProcessing
from media_jobs.engine import Task
from media_jobs.local.storage import LocalStorage
from media_jobs.on_this_machine import OnThisMachine
from media_jobs.watch import Unwatched
from media_jobs.wechat.answers import Unclear
from media_jobs.wechat.wire import Wire
from tests.media_scene import PROBE, REPORT
from tests.memory_keys import MemoryPlaylists
from tests.memory_storage import MemoryStorage
from tests.wechat_builders import LI, a_dossier
from tests.wechat_rig import DRAMA, Rig


class Answers(BaseAdapter):
    """A server that says this, whatever it is asked; `length` is what its header claims."""

    def __init__(self, body: bytes, length: int, **headers: str) -> None:
        super().__init__()
        self._body, self._headers = body, {"content-length": str(length), **headers}

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        answer = requests.Response()
        answer.status_code, answer.request = 200, request
        answer.raw = HTTPResponse(io.BytesIO(self._body), self._headers, 200, preload_content=False)
        return answer

    def close(self) -> None:
        """Nothing is open."""


class Counters:
    """As much of Redis as a call needs that has its token."""

    def __init__(self) -> None:
        self._made = itertools.count(1)

    def pipeline(self, transaction: bool) -> Counters:
        return self

    def set(self, *_: Any, **__: Any) -> None: ...

    def incr(self, _: str) -> None: ...

    def execute(self) -> list[Any]:
        return [True, next(self._made)]

    def get(self, _: str) -> bytes:
        return b"a token"


@pytest.mark.parametrize(
    ("body", "more", "headers"),
    [
        (b'{"errc', 50, {}), (b"no gzip", 0, {"content-encoding": "gzip"}), (b"[" * 100_000, 0, {}),
        (b'{"errcode": "odd"}', 0, {}), (b'{"errcode": [1]}', 0, {}), (b'{"errcode": null}', 0, {}),
    ],
    ids=["cut", "not packed", "deep", "word", "list", "null"],
)  # fmt: skip
def test_an_answer_that_is_none_may_have_been_done(body: bytes, more: int, headers: dict[str, str]):
    wire = Wire("http://wechat.example", "wx1", SecretStr("s"), Counters(), lambda: 1)  # type: ignore[arg-type]
    wire._session.mount("http://", Answers(body, len(body) + more, **headers))
    with pytest.raises(Unclear):
        wire.call("listmedia", {})


def test_a_number_that_was_changed_after_the_look_is_not_handed_in_unseen(tmp_path: Path):
    rig = Rig(tmp_path)
    rig.hand_in()
    rig.uploaded()
    job = rig.job(Kind.DRAMA)
    facts: dict[Step, dict[str, Any]] = {}
    rig.until_done(job, Step.MATERIALS, facts)
    rig.dramas.put(a_dossier(DRAMA, record_number="V7654321"), LI)  # nobody has seen this one in the opening
    with pytest.raises(StepFailed) as told:
        rig.until_done(job, Step.SUBMIT, facts)
    assert (told.value.kind, told.value.reason) == (Failure.MEND, "record_not_ticked")
    assert rig.account.calls["auditdrama"] == 0


def test_a_source_that_was_changed_after_the_probe_is_not_made_into_an_episode(tmp_path: Path):
    storage, key = MemoryStorage(), "incoming/7/1/a.mp4"
    storage.put_bytes(key, b"another file", "video/mp4")
    task = Task(1, "ladder", 1, key, 7, 1, "0" * 12, tmp_path, content_hash="0" * 64)
    with pytest.raises(StepFailed) as told:
        OnThisMachine(storage).source(task, Unwatched())
    assert (told.value.kind, told.value.reason) == (Failure.MEND, "source_changed")
    assert not list(tmp_path.iterdir())


def test_a_playlist_that_goes_while_it_is_read_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    key = "hls/7/1/0123456789ab/master.m3u8"
    (tmp_path / key).parent.mkdir(parents=True)
    (tmp_path / key).write_text("#EXTM3U")
    served = Served(str(tmp_path))
    found = served.find(key)
    (tmp_path / key).unlink()
    monkeypatch.setattr(served, "find", lambda _: found)
    with pytest.raises(NoVideo):
        Playlists(served, MemoryPlaylists()).read(key)


def test_a_files_name_is_no_markup_of_the_bars(tmp_path: Path):
    name = "a[/b]\x1b[2J.mp4"
    item = Item(Found(Source(name, 1, "", 1), tmp_path / name), Known(7, "剧名", 1, frozenset()))
    out = io.StringIO()
    with _Bars(1, quiet=True) as bars:
        bars.told(item, "reading", 10)
        Console(file=out, width=200).print(bars._progress.get_renderable())
    assert "a[/b]\\x1b[2J.mp4" in out.getvalue()


def test_what_would_fill_the_disk_is_not_begun(tmp_path: Path):
    folder, free = Folder(tmp_path), shutil.disk_usage(tmp_path).free
    with pytest.raises(OSError, match="No space"), folder.writing("incoming/7/1/a.mp4", free - RESERVE // 2):
        raise AssertionError("it was begun")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    with folder.writing("incoming/7/1/a.mp4", 1) as file:
        file.write(b"x")


def test_a_full_disk_of_the_storage_is_tried_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("infra.media.folder.RESERVE", 1 << 60)
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(StepFailed) as told:
        LocalStorage(tmp_path, "http://api", b"s", lambda: 0).put("hls/7/a.ts", tmp_path / "a", "", Unwatched())
    assert (told.value.kind, told.value.reason) == (Failure.AGAIN, "storage_full")


def test_what_ci_made_of_a_source_that_was_changed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    storage, key = MemoryStorage(), "incoming/7/1/a.mp4"
    storage.put_bytes(key, b"another file", "video/mp4")
    monkeypatch.setattr("media_jobs.cos.jobs.Jobs.done", lambda *_: {})
    task = Task(1, "mezzanine", 1, key, 7, 1, "0" * 12, tmp_path, content_hash="0" * 64)
    ci = cast("Ci", SimpleNamespace(cos=None))
    with pytest.raises(StepFailed) as told:
        CosProcessing(ci, storage).mezzanine(task, PROBE, REPORT, Unwatched())
    assert told.value.reason == "source_changed"
