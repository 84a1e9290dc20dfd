"""What a CDN is told, as its API sees it: signed requests of few addresses, and what its errors mean for a step."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pydantic import SecretStr

from domain.media.tc3_signature import authorization
from domain.media.trouble import Failure, StepFailed
from infra.settings import Settings
from media_jobs.cdn import NoCdn, TencentCdn, cdn_of

ID, KEY, AT_S = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", 1_551_113_065
GOOD = {"Response": {"TaskId": "1533045796-i60rfmzm", "RequestId": "r"}}


def test_the_signature_is_that_of_tencents_example():
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    found = authorization(
        secret_id=ID, secret_key=KEY, service="cvm", host="cvm.tencentcloudapi.com", body=body, at_s=AT_S
    )
    assert found == (
        f"TC3-HMAC-SHA256 Credential={ID}/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host,"
        " Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    )


class Api:
    """A CDN's API on loopback: what came, and what is answered to everything."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], dict[str, object]]] = []
        self.status, self.answer = 200, json.dumps(GOOD)
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                expected = authorization(
                    secret_id=ID, secret_key=KEY, service="cdn", host=self.headers["Host"], body=body,
                    at_s=int(self.headers["X-TC-Timestamp"]),
                )  # fmt: skip
                assert self.headers["Authorization"] == expected
                api.came.append((dict(self.headers), json.loads(body)))
                self.send_response(api.status)
                self.end_headers()
                self.wfile.write(api.answer.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{self.server.server_port}"
        self.cdn = TencentCdn(url, "https://cdn.example.com", ID, KEY, lambda: float(AT_S))


@pytest.fixture
def api():
    one = Api()
    yield one
    one.server.shutdown()
    one.server.server_close()


def test_a_folder_is_purged(api):
    api.cdn.purge(["hls/7/1/0123456789ab/"])
    ((headers, body),) = api.came
    assert body == {"Paths": ["https://cdn.example.com/hls/7/1/0123456789ab/"], "FlushType": "flush"}
    assert (headers["X-TC-Action"], headers["X-TC-Version"]) == ("PurgePathCache", "2018-06-06")


def test_addresses_are_fetched_ahead_twenty_at_a_time(api):
    api.cdn.prefetch([f"{n}.ts" for n in range(41)])
    assert [len(body["Urls"]) for _, body in api.came] == [20, 20, 1]
    assert api.came[0][1]["Urls"][0] == "https://cdn.example.com/0.ts"
    assert api.came[0][0]["X-TC-Action"] == "PushUrlsCache"


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("LimitExceeded.CdnPurgePathExceedDayLimit", Failure.AGAIN, "cdn_quota"),
        ("AuthFailure.SignatureFailure", Failure.GIVE_UP, "cdn_refuses"),
        ("UnauthorizedOperation.CdnCamUnauthorized", Failure.GIVE_UP, "cdn_refuses"),
        ("InternalError.CdnSystemError", Failure.AGAIN, "cdn_away"),
    ],
)
def test_an_error_says_who_acts(api, code, kind, reason):
    api.answer = json.dumps({"Response": {"Error": {"Code": code, "Message": "m"}, "RequestId": "r-1"}})
    with pytest.raises(StepFailed) as told:
        api.cdn.purge(["hls/"])
    assert (told.value.kind, told.value.reason) == (kind, reason)
    assert "r-1" in told.value.text


@pytest.mark.parametrize("answer", ["", "<html>", "[]", '{"Response": {}}', '{"Response": null}', "null"])
def test_what_is_no_answer_is_asked_again(api, answer):
    api.status, api.answer = 502, answer
    with pytest.raises(StepFailed) as told:
        api.cdn.prefetch(["a"])
    assert (told.value.kind, told.value.reason) == (Failure.AGAIN, "cdn_away")


def test_a_cdn_that_is_away_is_asked_again():
    with pytest.raises(StepFailed) as told:
        TencentCdn("http://127.0.0.1:9", "https://cdn.example.com", ID, KEY).purge(["a/"])
    assert (told.value.kind, told.value.reason) == (Failure.AGAIN, "cdn_away")


def test_the_settings_say_whether_there_is_one():
    url, api = {"media_cdn_url": "https://cdn.example.com"}, {"media_cdn_api": "https://cdn.tencentcloudapi.com"}
    keys = {"cos_secret_id": SecretStr(ID), "cos_secret_key": SecretStr(KEY)}
    ours = Settings()
    assert isinstance(cdn_of(ours), NoCdn)
    assert isinstance(cdn_of(ours.model_copy(update=url)), NoCdn)
    assert isinstance(cdn_of(ours.model_copy(update=url | api | keys)), TencentCdn)
    with pytest.raises(ValueError, match="JULIU_COS_SECRET_ID"):
        cdn_of(ours.model_copy(update=url | api))
