"""Signed addresses of Storage: COS' as Tencent's own SDK signs them, the folder's as only its secret can."""

from __future__ import annotations

import time
from urllib.parse import parse_qsl, urlsplit

import pytest
from qcloud_cos import CosConfig, CosS3Client

from domain.media import storage_address
from domain.media.cos_signature import Bucket, get_address, put_address
from domain.media.storage_address import Permission, genuine, sign
from tests.standins import cos_signature

BUCKET = Bucket("media-1250000000", "ap-shanghai", "AKIDexample", "the-secret-key")
KEY = "mezzanine/7/3/0123456789ab.mp4"
NOW_S = 1_790_000_000
KEYS = {BUCKET.secret_id: BUCKET.secret_key}
SECRETS = [b"a-secret-of-thirty-two-bytes-long", b"the-secret-before-that-one-of-old"]


def asked(address: str, method: str = "GET", **headers: str) -> cos_signature.Request:
    """The request of somebody who follows it."""
    parts = urlsplit(address)
    return cos_signature.Request(
        method, parts.path, dict(parse_qsl(parts.query, True)), {"host": parts.netloc, **headers}
    )


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_address_is_the_one_that_the_sdk_makes(monkeypatch, method):
    monkeypatch.setattr(time, "time", lambda: float(NOW_S))
    config = CosConfig(Region=BUCKET.region, SecretId=BUCKET.secret_id, SecretKey=BUCKET.secret_key, Scheme="https")
    headers = {"Content-Length": "1024"} if method == "PUT" else {}
    theirs = CosS3Client(config).get_presigned_url(BUCKET.name, KEY, method, Expired=600, Headers=headers)
    ours = get_address(BUCKET, KEY, NOW_S, 600) if method == "GET" else put_address(BUCKET, KEY, NOW_S, 600, 1024)
    assert urlsplit(ours)[:3] == urlsplit(theirs)[:3]
    assert dict(parse_qsl(urlsplit(ours).query, True)) == dict(parse_qsl(urlsplit(theirs).query, True))


def test_it_is_good_for_its_time_its_key_and_its_method():
    address = get_address(BUCKET, KEY, NOW_S, 600)
    cos_signature.check(asked(address), KEYS, NOW_S + 599)
    for request, at_s in (
        (asked(address), NOW_S + 601),
        (asked(address), NOW_S - 120),
        (asked(address, "PUT"), NOW_S),
        (asked(address.replace("/7/3/", "/7/4/")), NOW_S),
        (asked(address.replace("ap-shanghai", "ap-beijing")), NOW_S),
        (asked(address.replace(f"%3B{NOW_S + 600}", f"%3B{NOW_S + 6000}")), NOW_S),
    ):
        with pytest.raises(cos_signature.Wrong):
            cos_signature.check(request, KEYS, at_s)


def test_an_upload_is_signed_with_its_length():
    address = put_address(BUCKET, KEY, NOW_S, 600, 1024)
    cos_signature.check(asked(address, "PUT", **{"content-length": "1024"}), KEYS, NOW_S)
    with pytest.raises(cos_signature.Wrong, match="SignatureDoesNotMatch"):
        cos_signature.check(asked(address, "PUT", **{"content-length": "1025"}), KEYS, NOW_S)


def test_the_key_is_nowhere():
    assert "the-secret-key" not in get_address(BUCKET, KEY, NOW_S, 600)
    assert "the-secret-key" not in repr(BUCKET)


PERMISSION = Permission("put", KEY, NOW_S + 600, 1024)


def test_the_folders_address_says_what_is_permitted():
    address = storage_address.address(SECRETS[0], "http://127.0.0.1:8000", PERMISSION)
    parts, said = urlsplit(address), dict(parse_qsl(urlsplit(address).query))
    assert parts.path == f"{storage_address.PATH}/{KEY}"
    assert (said["method"], said["size"], said["expires"]) == ("put", "1024", str(NOW_S + 600))
    assert genuine(SECRETS, PERMISSION, said["signature"], NOW_S + 599)


@pytest.mark.parametrize(
    "other",
    [
        PERMISSION._replace(method="get"),
        PERMISSION._replace(key="mezzanine/7/4/0123456789ab.mp4"),
        PERMISSION._replace(size=1025),
        PERMISSION._replace(expires_s=NOW_S + 601),
    ],
)
def test_it_permits_nothing_else(other):
    signature = sign(SECRETS[0], PERMISSION)
    assert not genuine(SECRETS, other, signature, NOW_S)
    assert not genuine(SECRETS[1:], PERMISSION, signature, NOW_S)
    assert not genuine(SECRETS, PERMISSION, signature, NOW_S + 600)
    assert not genuine(SECRETS, PERMISSION, signature + "x", NOW_S)
    assert not genuine(SECRETS, PERMISSION, "剧\ud800", NOW_S)
    assert genuine(SECRETS, PERMISSION, sign(SECRETS[1], PERMISSION), NOW_S)
