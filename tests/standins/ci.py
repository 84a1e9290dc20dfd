"""A stand-in for Tencent CI: jobs that ffmpeg really does, lists that lag behind, callbacks that nobody should trust.

Knobs: `hold` (a job does not begin while it is set), `lag` (so many lists miss jobs submitted meanwhile), `lost` and
`doubled` (shares of callbacks).  A callback is not signed, and may tell of a job before the list does.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import xmltodict

from tests.standins.cos_objects import Blob, Objects, Refusal

SHANGHAI = timezone(timedelta(hours=8))
DONE = ("Success", "Failed", "Cancel")
NUMBER = "${Number}"
FFMPEG = ("ffmpeg", "-nostdin", "-loglevel", "error", "-y")


@dataclass
class Job:
    """One thing asked of CI."""

    job_id: str
    tag: str
    source: str
    operation: dict[str, Any]
    callback: str
    queue: str
    at_s: float
    state: str = "Submitted"
    code: str = "Success"
    message: str = ""
    listed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class Ci:
    """One bucket's queue."""

    def __init__(self, objects: Objects, bucket: str, region: str, workers: int, seed: int) -> None:
        self._objects, self._bucket, self._region = objects, bucket, region
        self.jobs: dict[str, Job] = {}
        self.lag, self.lost, self.doubled = 0, 0.0, 0.0
        self.hold = threading.Event()
        self._random = Random(seed)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="ci")
        self._closed = threading.Event()
        self._work = {"Transcode": self._transcode, "Snapshot": self._snapshot}

    def asked(self, method: str, path: str, params: dict[str, str], body: bytes) -> dict[str, Any]:
        """What /jobs answers.  Raises Refusal."""
        if (method, path) == ("POST", "jobs"):
            return self._submit(xmltodict.parse(body)["Request"])
        if (method, path) == ("GET", "jobs"):
            return self._list(params)
        found = [self.jobs[job_id] for job_id in path.removeprefix("jobs/").split(",") if job_id in self.jobs]
        if method == "PUT" and "cancel" in params:
            return self._cancel(found)
        if method != "GET":
            raise Refusal(405, "MethodNotAllowed")
        return {"Response": {"JobsDetail": [self._told(job) for job in found], "RequestId": uuid4().hex}}

    def processed(self, blob: Blob, params: dict[str, str]) -> tuple[bytes, str]:
        """What ci-process answers of an object.  Raises Refusal."""
        if params["ci-process"] == "videoinfo":
            return xmltodict.unparse({"Response": {"MediaInfo": media_info(blob.path)}}).encode(), "application/xml"
        if params["ci-process"] == "snapshot":
            ended = _ffmpeg("-ss", params["time"], "-i", str(blob.path), "-frames:v", "1", "-f", "mjpeg", "pipe:1")
            if not ended.stdout:
                raise Refusal(400, "InvalidArgument", "no frame there")
            return ended.stdout, "image/jpeg"
        raise Refusal(400, "InvalidArgument", "ci-process")

    def tell(self, job: Job) -> None:
        """The callback of a job, unsigned; some are lost, some come twice."""
        copies = 0 if self._random.random() < self.lost else 1 + (self._random.random() < self.doubled)
        answer = {"EventName": "TaskFinish", "JobsDetail": [self._told(job)]}
        body = json.dumps({"Response": answer}).encode()
        for _ in range(copies if job.callback else 0):
            request = urllib.request.Request(job.callback, body, {"Content-Type": "application/json"})
            try:
                urllib.request.urlopen(request, timeout=5).close()
            except (urllib.error.URLError, OSError):
                return

    def close(self) -> None:
        """Jobs that have not begun never will."""
        self._closed.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, asked: dict[str, Any]) -> dict[str, Any]:
        operation = asked["Operation"]
        if asked.get("Tag") not in self._work or "Object" not in operation.get("Output", {}):
            raise Refusal(400, "InvalidArgument", "Tag or Output")
        if asked["Tag"] == "Snapshot" and NUMBER not in operation["Output"]["Object"]:
            raise Refusal(400, "InvalidArgument", "several files and one name")
        job_id, queue = f"j{uuid4().hex}", asked.get("QueueId") or "pstandin"
        callback, source = asked.get("CallBack") or "", asked["Input"]["Object"]
        job = Job(job_id, asked["Tag"], source, operation, callback, queue, time.time())
        job.listed = not self.lag
        self.jobs[job_id] = job
        self._pool.submit(self._run, job)
        return {"Response": {"JobsDetail": [self._told(job)], "RequestId": uuid4().hex}}

    def _list(self, params: dict[str, str]) -> dict[str, Any]:
        self.lag = max(0, self.lag - 1)
        for job in self.jobs.values():
            job.listed = job.listed or not self.lag
        since, until = (_time(params.get(f"{end}CreationTime"), at) for end, at in (("start", 0.0), ("end", 1e12)))
        tagged = [job for job in self.jobs.values() if job.listed and job.tag == params["tag"]]
        known = [job for job in tagged if since <= job.at_s <= until]
        known.sort(key=lambda job: job.at_s, reverse=params.get("orderByTime", "Desc") == "Desc")
        begin, size = int(params.get("nextToken") or 0), min(int(params.get("size", 10)), 100)
        told = [self._told(job) for job in known[begin : begin + size]]
        token = str(begin + size) if begin + size < len(known) else ""
        return {"Response": {"JobsDetail": told, "NextToken": token, "RequestId": uuid4().hex}}

    def _cancel(self, found: list[Job]) -> dict[str, Any]:
        for job in found:
            with job.lock:
                if job.state != "Submitted":
                    raise Refusal(400, "InvalidArgument", f"job is {job.state}")
                job.state = "Cancel"
        return {"Response": {"RequestId": uuid4().hex}}

    def _run(self, job: Job) -> None:
        while self.hold.is_set() and not self._closed.wait(0.02):
            pass
        with job.lock:
            if job.state != "Submitted" or self._closed.is_set():
                return
            job.state = "Running"
        try:
            self._work[job.tag](job)
            job.state = "Success"
        except (Refusal, KeyError, ValueError, OSError) as error:
            job.code, job.message, job.state = "InputFileError", str(error)[:200], "Failed"
        self.tell(job)

    def _transcode(self, job: Job) -> None:
        source, wanted = self._objects.get(job.source), job.operation["Transcode"]
        made = source.path.with_name(f"{uuid4().hex}.mp4")
        try:
            ended = _ffmpeg("-i", str(source.path), *_arguments(wanted), "-f", "mp4", str(made))
            if ended.returncode:
                raise ValueError(ended.stderr.decode(errors="replace"))
            with made.open("rb") as file:
                blob = self._objects.take(file.read, made.stat().st_size, "video/mp4")
        finally:
            made.unlink(missing_ok=True)
        self._objects.put(job.operation["Output"]["Object"], blob)

    def _snapshot(self, job: Job) -> None:
        """Numbers begin at 0 and have as many digits as they need."""
        source, wanted = self._objects.get(job.source), job.operation["Snapshot"]
        with TemporaryDirectory(dir=source.path.parent) as folder:
            ended = _ffmpeg("-ss", wanted["Start"], "-i", str(source.path), *_pictures(wanted), f"{folder}/%d.jpg")
            if ended.returncode:
                raise ValueError(ended.stderr.decode(errors="replace"))
            for path in Path(folder).iterdir():
                with path.open("rb") as file:
                    blob = self._objects.take(file.read, path.stat().st_size, "image/jpeg")
                name = job.operation["Output"]["Object"].replace(NUMBER, str(int(path.stem) - 1))
                self._objects.put(name, blob)

    def _told(self, job: Job) -> dict[str, Any]:
        output = {"Bucket": self._bucket, "Region": self._region, "Object": job.operation["Output"]["Object"]}
        operation = {"UserData": job.operation.get("UserData", ""), "Output": output}
        if job.state == "Success":
            operation["MediaResult"] = {"OutputFile": {"ObjectName": output["Object"]}}
        return {
            "Code": job.code,
            "Message": job.message,
            "JobId": job.job_id,
            "Tag": job.tag,
            "State": job.state,
            "CreationTime": datetime.fromtimestamp(job.at_s, SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S%z"),
            "QueueId": job.queue,
            "Input": {"BucketId": self._bucket, "Region": self._region, "Object": job.source},
            "Operation": operation,
        }


def _time(text: str | None, otherwise: float) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp() if text else otherwise


def media_info(path: Path) -> dict[str, Any]:
    """As CI tells it, from ffprobe.  Refusal for what is no video."""
    asked = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path)]
    ended = subprocess.run(asked, capture_output=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    told = json.loads(ended.stdout or "{}")
    if ended.returncode or not told.get("streams"):
        raise Refusal(400, "InvalidMediaFile", "not a media file")
    form, streams = told["format"], {}
    for stream in told["streams"]:
        kind = str(stream["codec_type"]).capitalize()
        streams.setdefault(kind, {name: str(stream.get(key, "")) for name, key in _STREAM.items() if key in stream})
    told_form = {"FormatName": form["format_name"], "Duration": form.get("duration", "0"), "Size": form["size"]}
    return {
        "Format": {**told_form, "Bitrate": form.get("bit_rate", "0"), "NumStream": form["nb_streams"]},
        "Stream": streams,
    }


_STREAM = {
    "Index": "index", "CodecName": "codec_name", "Profile": "profile", "Width": "width", "Height": "height",
    "Sar": "sample_aspect_ratio", "PixFormat": "pix_fmt", "AvgFps": "avg_frame_rate", "Fps": "r_frame_rate",
    "Duration": "duration", "Bitrate": "bit_rate", "FieldOrder": "field_order", "SampleRate": "sample_rate",
    "Channel": "channels",
}  # fmt: skip


def _arguments(wanted: dict[str, Any]) -> list[str]:
    """ffmpeg's, for an inline Transcode.  Without Audio there is none, as in CI."""
    video, audio = wanted["Video"], wanted.get("Audio")
    arguments = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-threads",
        "1",
        "-map_metadata",
        "-1",
    ]
    arguments += ["-vf", f"scale={video['Width']}:{video['Height']}", "-b:v", f"{video['Bitrate']}k"]
    if "Fps" in video:
        arguments += ["-r", video["Fps"]]
    if "Gop" in video:
        arguments += ["-g", video["Gop"], "-sc_threshold", "0"]
    if not audio:
        return [*arguments, "-an"]
    return [
        *arguments,
        "-c:a",
        "aac",
        "-b:a",
        f"{audio['Bitrate']}k",
        "-ar",
        audio["Samplerate"],
        "-ac",
        audio["Channels"],
    ]


def _pictures(wanted: dict[str, Any]) -> list[str]:
    """ffmpeg's, for a Snapshot in the mode Interval."""
    if wanted["Mode"] != "Interval" or not 0 < float(wanted["TimeInterval"]) <= 3_600:
        raise ValueError("Mode or TimeInterval")
    graph = f"fps=fps=1/{wanted['TimeInterval']}:start_time=0"
    if "Width" in wanted:
        if not 128 <= int(wanted["Width"]) <= 4_096:
            raise ValueError("Width")
        graph += f",scale={wanted['Width']}:-2"
    return ["-vf", graph, "-frames:v", wanted["Count"], "-q:v", "2"]


def _ffmpeg(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*FFMPEG, *arguments], capture_output=True, timeout=120, check=False, stdin=subprocess.DEVNULL
    )
