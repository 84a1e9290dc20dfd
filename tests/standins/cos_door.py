"""What speaks HTTP for the COS stand-in: signatures, routes, faults; the work is done by Objects and Ci."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import IO, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from uuid import uuid4

import xmltodict

from tests.standins import cos_signature
from tests.standins.cos_objects import BLOCK, Blob, Objects, Refusal

LARGEST_XML = 2 << 20
XML = "application/xml"


class Gone(Exception):
    """The connection ends here, without an answer."""


class Door(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tencent-cos", ""
    timeout = 30
    answered = ""

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def _serve(self) -> None:
        self.stand: Any = self.server.stand_in  # type: ignore[attr-defined]
        self.objects: Objects = self.stand.objects
        parts = urlsplit(self.path)
        self.key = unquote(parts.path)[1:]
        self.params = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.fault = self.stand.faults.draw(self.command, self.path)
        self.read, self.left, self.noted = 0, int(self.headers.get("Content-Length") or 0), -1
        try:
            self._answered()
        except Gone:
            self._note("gone")
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _note(self, status: str) -> None:
        """Before the answer is sent: whoever has it finds the request noted."""
        line = f"{self.command} {_shown(self.key, self.params)} {status}"
        with self.objects.lock:
            if self.noted >= 0:
                self.stand.requests[self.noted] = line
            else:
                self.noted = len(self.stand.requests)
                self.stand.requests.append(line)

    def _answered(self) -> int:
        try:
            self._admit()
            answer = self._route()
            self._drain()
        except Refusal as refusal:
            self._drain()
            return self._say(refusal.status, self._error(refusal), {"Content-Type": XML})
        if self.fault == "lose":
            raise Gone
        return answer()

    def _admit(self) -> None:
        if self.fault == "refuse":
            raise Refusal(503, "ServiceUnavailable", "Please reduce your request rate.")
        if self.fault == "cut" and not self.left:
            raise Gone
        host = self.headers.get("Host", "").partition(":")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = cos_signature.Request(self.command, f"/{self.key}", self.params, headers)
        try:
            cos_signature.check(request, self.stand.keys, self.stand.clock())
        except cos_signature.Wrong as wrong:
            raise Refusal(403, wrong.code, wrong.message) from wrong
        bucket, service, region, *_ = [*host.split("."), "", "", ""]
        if (bucket, region) != (self.stand.bucket.name, self.stand.bucket.region) or service not in ("cos", "ci"):
            raise Refusal(404, "NoSuchBucket", host)
        self.is_ci = service == "ci"

    # -- routes: each does its work and returns how to answer ----------------------------------------------------------

    def _route(self) -> Callable[[], int]:
        if self.is_ci:
            return self._xml(self.stand.ci.asked(self.command, self.key, self.params, self._body(LARGEST_XML)))
        if not self.key:
            return self._bucket()
        routes = {
            ("POST", "uploads"): self._begin,
            ("PUT", "partNumber"): self._part,
            ("GET", "uploadId"): self._parts,
            ("POST", "uploadId"): self._complete,
            ("DELETE", "uploadId"): self._abort,
            ("GET", "ci-process"): self._processed,
        }
        for (method, name), route in routes.items():
            if method == self.command and name in self.params:
                return route()
        return {"PUT": self._put, "GET": self._get, "HEAD": self._get, "DELETE": self._delete}[self.command]()

    def _bucket(self) -> Callable[[], int]:
        if "delete" in self.params:
            return self._delete_many()
        if "lifecycle" in self.params:
            return self._lifecycle()
        if "uploads" in self.params:
            return self._xml({"ListMultipartUploadsResult": {"IsTruncated": "false", "Upload": self._uploads()}})
        prefix, most = self.params.get("prefix", ""), int(self.params.get("max-keys", 1_000))
        keys, more = self.objects.listed(prefix, self.params.get("marker", ""), most)
        listed: dict[str, Any] = {"Name": self.stand.bucket.name, "IsTruncated": str(more).lower()}
        listed["Contents"] = [self._row(key, self.objects.get(key)) for key in keys]
        return self._xml({"ListBucketResult": listed | ({"NextMarker": self._encoded(keys[-1])} if more else {})})

    def _put(self) -> Callable[[], int]:
        blob = self._taken()
        self.objects.put(self.key, blob)
        return lambda: self._say(200, b"", self._told(blob))

    def _get(self) -> Callable[[], int]:
        blob, file = self.objects.open(self.key)
        if self.headers.get("If-Match", blob.etag).strip('"') != blob.etag:
            raise Refusal(412, "PreconditionFailed")
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if begin and begin >= blob.size:
            raise Refusal(416, "InvalidRange")
        return lambda: self._send_file(blob, file, begin)

    def _delete(self) -> Callable[[], int]:
        self.objects.delete(self.key)
        return lambda: self._say(204, b"", {})

    def _delete_many(self) -> Callable[[], int]:
        body = self._body(LARGEST_XML)
        if self.headers.get("Content-MD5") != base64.b64encode(hashlib.md5(body).digest()).decode():
            raise Refusal(400, "InvalidDigest")
        rows = xmltodict.parse(body, force_list=["Object"])["Delete"]["Object"]
        if len(rows) > 1_000:
            raise Refusal(400, "MalformedXML", "at most 1000 keys")
        for row in rows:
            self.objects.delete(row["Key"])
        return self._xml({"DeleteResult": None})

    def _begin(self) -> Callable[[], int]:
        upload_id = self.objects.begin(self.key, self.headers.get("Content-Type", ""))
        return self._xml({"InitiateMultipartUploadResult": {"Key": self.key, "UploadId": upload_id}})

    def _part(self) -> Callable[[], int]:
        upload = self.objects.upload(self.key, self.params["uploadId"])
        blob = self._taken()
        with self.objects.lock:
            upload.parts[int(self.params["partNumber"])] = blob
        return lambda: self._say(200, b"", self._told(blob))

    def _parts(self) -> Callable[[], int]:
        upload = self.objects.upload(self.key, self.params["uploadId"])
        after, most = int(self.params.get("part-number-marker") or 0), int(self.params.get("max-parts", 1_000))
        numbers = sorted(number for number in upload.parts if number > after)
        page = [
            {"PartNumber": number, "Size": upload.parts[number].size, "ETag": f'"{upload.parts[number].md5}"'}
            for number in numbers[:most]
        ]
        more = {"NextPartNumberMarker": numbers[most - 1]} if len(numbers) > most else {}
        return self._xml({"ListPartsResult": {"IsTruncated": str(bool(more)).lower(), "Part": page, **more}})

    def _complete(self) -> Callable[[], int]:
        rows = xmltodict.parse(self._body(LARGEST_XML), force_list=["Part"])["CompleteMultipartUpload"]["Part"]
        named = [(int(row["PartNumber"]), row["ETag"]) for row in rows]
        blob = self.objects.complete(self.key, self.params["uploadId"], named)
        return self._xml({"CompleteMultipartUploadResult": {"Key": self.key, "ETag": f'"{blob.etag}"'}})

    def _abort(self) -> Callable[[], int]:
        self.objects.upload(self.key, self.params["uploadId"])
        self.objects.uploads.pop(self.params["uploadId"])
        return lambda: self._say(204, b"", {})

    def _lifecycle(self) -> Callable[[], int]:
        if self.command == "PUT":
            self.objects.lifecycle = self._body(LARGEST_XML)
            return lambda: self._say(200, b"", {})
        if not self.objects.lifecycle:
            raise Refusal(404, "NoSuchLifecycleConfiguration")
        return lambda: self._say(200, self.objects.lifecycle, {"Content-Type": XML})

    def _processed(self) -> Callable[[], int]:
        body, content_type = self.stand.ci.processed(self.objects.get(self.key), self.params)
        return lambda: self._say(200, body, {"Content-Type": content_type})

    # -- bodies and answers ----------------------------------------------------------------------------------------

    def _taken(self) -> Blob:
        if "Content-Length" not in self.headers:
            raise Refusal(411, "MissingContentLength")
        md5 = base64.b64decode(self.headers.get("Content-MD5", "")).hex()
        return self.objects.take(self._block, self.left, self.headers.get("Content-Type", ""), md5)

    def _block(self, most: int) -> bytes:
        block = self.rfile.read(min(most, BLOCK // 4, self.left))
        self.read, self.left = self.read + len(block), self.left - len(block)
        if self.fault == "cut" and self.read >= self.left:
            raise Gone
        return block

    def _body(self, most: int) -> bytes:
        if self.left > most:
            raise Refusal(400, "EntityTooLarge")
        body = b""
        while self.left and (block := self._block(self.left)):
            body += block
        return body

    def _drain(self) -> None:
        """Read what nobody wanted, so that the connection can go on."""
        while self.left and self._block(self.left):
            pass

    def _send_file(self, blob: Blob, file: IO[bytes], begin: int) -> int:
        told = {**self._told(blob), "Content-Type": blob.content_type or "application/octet-stream"}
        told |= {"Last-Modified": email.utils.formatdate(blob.at_s, usegmt=True), "Accept-Ranges": "bytes"}
        if begin:
            told["Content-Range"] = f"bytes {begin}-{blob.size - 1}/{blob.size}"
        self._head(206 if begin else 200, blob.size - begin, told)
        left = 0 if self.command == "HEAD" else blob.size - begin
        stop = left // 2 if self.fault == "truncate" else 0
        with file:
            file.seek(begin)
            while left > stop:
                self.wfile.write(block := file.read(min(BLOCK // 4, left - stop)))
                left -= len(block)
        if stop:
            self.wfile.flush()
            raise Gone
        return 206 if begin else 200

    def _say(self, status: int, body: bytes, headers: dict[str, str]) -> int:
        self._head(status, len(body), headers)
        if self.command != "HEAD":
            self.wfile.write(body)
        return status

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self._note(str(status))
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(length))
        for name, value in {**headers, "x-cos-request-id": uuid4().hex}.items():
            self.send_header(name, value)
        self.end_headers()

    def _told(self, blob: Blob) -> dict[str, str]:
        return {"ETag": f'"{blob.etag}"', "x-cos-hash-crc64ecma": str(blob.crc64)}

    def _xml(self, answer: dict[str, Any]) -> Callable[[], int]:
        return lambda: self._say(200, xmltodict.unparse(answer).encode(), {"Content-Type": XML})

    def _error(self, refusal: Refusal) -> bytes:
        words = {"Code": refusal.code, "Message": refusal.message, "Resource": self.path, "RequestId": uuid4().hex}
        return xmltodict.unparse({"Error": {**words, "TraceId": uuid4().hex}}).encode()

    def _row(self, key: str, blob: Blob) -> dict[str, Any]:
        return {"Key": self._encoded(key), "Size": blob.size, "LastModified": _iso(blob.at_s)}

    def _uploads(self) -> list[dict[str, Any]]:
        prefix = self.params.get("prefix", "")
        return [
            {"Key": self._encoded(upload.key), "UploadId": upload_id, "Initiated": _iso(upload.at_s)}
            for upload_id, upload in list(self.objects.uploads.items())
            if upload.key.startswith(prefix)
        ]

    def _encoded(self, key: str) -> str:
        return quote(key) if self.params.get("encoding-type") == "url" else key


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(key: str, params: dict[str, str]) -> str:
    """The address without its signature and ids, for tests to read."""
    told = [f"{name}={params[name]}" for name in params if name in ("partNumber", "marker", "ci-process", "nextToken")]
    bare = [name for name in params if name in ("uploads", "delete", "lifecycle", "uploadId", "cancel")]
    return f"/{key}" + ("?" if told or bare else "") + "&".join(told + bare)
