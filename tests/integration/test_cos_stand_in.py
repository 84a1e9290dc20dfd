"""The stand-in plays COS and CI as Tencent's documentation and SDK have them; it refuses what they refuse."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from qcloud_cos import CosConfig, CosS3Client, CosServiceError

from media_jobs.cos.client import CONNECTIONS, _session
from tests.redis_server import until
from tests.standins.ci import Job
from tests.standins.cos import NAME, CosStandIn
from tests.storages import a_file

KEY = "incoming/7/1/clip.mp4"


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[CosStandIn]:
    with CosStandIn(tmp_path / "cos") as running:
        yield running


@pytest.fixture
def sdk(stand_in: CosStandIn) -> CosS3Client:
    """Tencent's client as production has it, but for the wire."""
    return sdk_of(stand_in)


def sdk_of(stand_in: CosStandIn, **other: str) -> CosS3Client:
    bucket = stand_in.bucket
    keys = {"SecretId": bucket.secret_id, "SecretKey": bucket.secret_key, "Region": bucket.region, **other}
    return CosS3Client(CosConfig(**keys), retry=0, session=_session(stand_in.place))


def code_of(attempt) -> str:
    with pytest.raises(CosServiceError) as caught:
        attempt()
    return str(caught.value.get_error_code())


def test_what_is_not_signed_is_refused(stand_in):
    host = f"https://{stand_in.bucket.host}"
    stand_in.objects.put(KEY, stand_in.objects.take(lambda _: b"x", 1, ""))
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        assert stand_in.browse(method, f"{host}/{KEY}")[0] == 403
    assert stand_in.browse("GET", f"{host}/")[0] == 403
    assert stand_in.browse("POST", host.replace(".cos.", ".ci.") + "/jobs", b"<Request/>")[0] == 403
    assert list(stand_in.objects.blobs) == [KEY]


def test_what_is_signed_wrongly_is_refused_with_the_codes_of_cos(stand_in):
    assert code_of(lambda: sdk_of(stand_in, SecretKey="another").list_objects(NAME)) == "SignatureDoesNotMatch"
    assert code_of(lambda: sdk_of(stand_in, SecretId="AKIDnobody").list_objects(NAME)) == "InvalidAccessKeyId"
    stand_in.clock = lambda: time.time() + 86_400
    assert code_of(lambda: sdk_of(stand_in).list_objects(NAME)) == "AccessDenied"


def test_headers_are_written_as_the_sdk_reads_them(stand_in, sdk):
    put = sdk.put_object(NAME, b"hello", KEY)
    assert put["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert {"Content-Length", "ETag", "Last-Modified", "x-cos-hash-crc64ecma"} <= set(sdk.head_object(NAME, KEY))
    assert code_of(lambda: sdk.head_object(NAME, "none")) == "NoSuchResource"
    assert code_of(lambda: sdk.get_object(NAME, "none")) == "NoSuchKey"


def test_the_sdks_own_upload_goes_on_where_it_was_cut_and_its_etag_is_no_md5(stand_in, sdk, tmp_path):
    path = a_file(tmp_path, (2 << 20) + 5)
    begun = sdk.create_multipart_upload(NAME, KEY)["UploadId"]
    sdk.upload_part(NAME, KEY, path.read_bytes()[: 1 << 20], 1, begun)
    stand_in.requests.clear()
    sdk.upload_file(NAME, KEY, str(path), PartSize=1)
    sent = [re.search(r"partNumber=(\d)", request)[1] for request in stand_in.asked("^PUT")]
    assert sorted(sent) == ["2", "3"]
    assert sdk.head_object(NAME, KEY)["ETag"].endswith('-3"')
    assert sdk.get_object(NAME, KEY)["Body"].get_raw_stream().read() == path.read_bytes()


def test_parts_are_refused_as_cos_refuses_them(sdk):
    upload = sdk.create_multipart_upload(NAME, KEY)["UploadId"]
    etags = [sdk.upload_part(NAME, KEY, b"small", number, upload)["ETag"] for number in (1, 2)]
    rows = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]

    def complete(parts):
        return code_of(lambda: sdk.complete_multipart_upload(NAME, KEY, upload, {"Part": parts}))

    assert complete(rows) == "EntityTooSmall"
    assert complete(rows[::-1]) == "InvalidPartOrder"
    assert complete([{"PartNumber": 1, "ETag": '"of-another"'}]) == "InvalidPart"
    assert code_of(lambda: sdk.upload_part(NAME, KEY, b"x", 1, "no-such")) == "NoSuchUpload"
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert code_of(lambda: sdk.put_object(NAME, b"these", KEY, ContentMD5=wrong)) == "BadDigest"


def test_a_page_has_a_thousand_keys(stand_in, sdk):
    blob = stand_in.objects.take(lambda _: b"x", 1, "")
    stand_in.objects.blobs = {f"a/剧 {number:04d}": blob for number in range(1_001)}
    page = sdk.list_objects(NAME, Prefix="a/", MaxKeys=5_000)
    assert (len(page["Contents"]), page["IsTruncated"], page["NextMarker"]) == (1_000, "true", "a/剧 0999")
    last = sdk.list_objects(NAME, Prefix="a/", Marker=page["NextMarker"])
    assert [row["Key"] for row in last["Contents"]] == ["a/剧 1000"]
    assert last["IsTruncated"] == "false"


@pytest.fixture
def heard() -> Iterator[tuple[str, list[dict]]]:
    """An address for callbacks, and what came there."""
    bodies: list[dict] = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            assert "Authorization" not in self.headers
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Ear)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/secret", bodies
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("lost", "doubled", "copies"), [(0.0, 0.0, 1), (1.0, 0.0, 0), (0.0, 1.0, 2)])
def test_callbacks_are_unsigned_lost_and_repeated(stand_in, heard, lost, doubled, copies):
    url, bodies = heard
    stand_in.ci.lost, stand_in.ci.doubled = lost, doubled
    operation = {"UserData": "of ours", "Output": {"Object": "work/x.mp4"}}
    stand_in.ci.tell(Job("j1", "Transcode", KEY, operation, url, "q", time.time(), "Success"))
    assert [body["Response"]["JobsDetail"][0]["JobId"] for body in bodies] == ["j1"] * copies


def test_a_job_that_cannot_be_done_tells_so_itself_and_by_callback(stand_in, sdk, heard):
    url, bodies = heard
    operation = {"Transcode": {"Video": {"Width": "2", "Height": "2", "Bitrate": "9"}}, "Output": {"Object": "work/x"}}
    asked = {"Tag": "Transcode", "Input": {"Object": "none.mp4"}, "Operation": operation, "CallBack": url}
    made = sdk.ci_create_media_jobs(NAME, asked, ContentType="application/xml")
    job_id = made["JobsDetail"][0]["JobId"]
    until(lambda: bodies, 10, "it is told")
    told = sdk.ci_get_media_jobs(NAME, job_id)["JobsDetail"][0]
    assert (told["State"], told["Code"]) == ("Failed", "InputFileError")
    assert bodies[0]["Response"]["JobsDetail"][0]["State"] == "Failed"
    assert code_of(lambda: sdk.ci_create_media_jobs(NAME, {**asked, "Tag": "Segment"})) == "InvalidArgument"


def test_the_seam_keeps_hosts_and_has_a_bound():
    adapter = _session("127.0.0.1:9").get_adapter("https://anything")
    assert adapter._pool_maxsize == CONNECTIONS


def test_a_stand_in_that_is_gone_refuses_connections(tmp_path):
    with CosStandIn(tmp_path / "cos") as stand_in:
        place = stand_in.place
    host, port = place.split(":")
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(host, int(port), timeout=5).connect()
