"""WeChat's message push: the published vectors, what is refused, and what an event is taken for."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from domain.media.steps import JobState, Kind, Step
from domain.media.wechat_event import Audited, NoEvent, Uploaded, event_of, fields_of, source_context
from infra.media.wechat_hints import Hints
from infra.media.wechat_push import Forged, Push, push_of, signature
from infra.settings import Settings
from tests.memory_dramas import MemoryDramas

TOKEN, APPID, NOW_S = "AAAAA", "wxba5fad812f8e6fb9", 1_714_036_504
KEYS = ("a" * 43, "b" * 43)


def key_of(text: str) -> bytes:
    return base64.b64decode(text + "=")


def sealed(message: bytes, key: str = KEYS[0], appid: str = APPID) -> str:
    """As WeChat seals it."""
    raw = os.urandom(16) + len(message).to_bytes(4, "big") + message + appid.encode()
    pad = 32 - len(raw) % 32
    encryptor = Cipher(algorithms.AES(key_of(key)), modes.CBC(key_of(key)[:16])).encryptor()
    return base64.b64encode(encryptor.update(raw + bytes([pad]) * pad) + encryptor.finalize()).decode()


def query(encrypt: str, **changes: str) -> dict[str, str]:
    asked = {"timestamp": str(NOW_S), "nonce": "1514711492", "encrypt_type": "aes"}
    asked["msg_signature"] = signature(TOKEN, asked["timestamp"], asked["nonce"], encrypt)
    return asked | changes


def push(*keys: str) -> Push:
    return Push(APPID, TOKEN, tuple(map(key_of, keys or KEYS)))


@pytest.mark.parametrize(
    ("timestamp", "nonce", "signed"),
    [
        ("1714036504", "1514711492", "f464b24fc39322e44b38aa78f5edd27bd1441696"),
        ("1714037059", "486452656", "899cf89e464efb63f54ddac96b0a0a235f53aa78"),
    ],
)
def test_the_published_signatures(timestamp, nonce, signed):
    asked = {"signature": signed, "timestamp": timestamp, "nonce": nonce, "echostr": "4375120948345356249"}
    assert push().echoed(asked) == "4375120948345356249"
    with pytest.raises(Forged):
        push().echoed(asked | {"nonce": "1"})


@pytest.mark.parametrize("form", ["json", "xml"])
def test_what_was_sealed_is_opened(form):
    encrypt = sealed(b"hello")
    body = json.dumps({"ToUserName": "gh", "Encrypt": encrypt}).encode()
    if form == "xml":
        body = f"<xml><ToUserName>gh</ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>".encode()
    assert push().opened(body, query(encrypt), NOW_S) == b"hello"


def test_the_key_before_still_opens():
    encrypt = sealed(b"hello", KEYS[1])
    assert push().opened(json.dumps({"Encrypt": encrypt}).encode(), query(encrypt), NOW_S) == b"hello"


def refused(encrypt: str, asked: dict[str, str], now_s: float = NOW_S) -> None:
    with pytest.raises(Forged):
        push(KEYS[0]).opened(json.dumps({"Encrypt": encrypt}).encode(), asked, now_s)


def test_what_is_forged_old_or_for_somebody_else_is_refused():
    encrypt = sealed(b"hello")
    refused(encrypt, query(encrypt, msg_signature="0" * 40))
    refused(encrypt, query(encrypt, nonce="2"))
    refused(encrypt, query(encrypt), NOW_S + 601)
    refused(encrypt, query(encrypt, timestamp="now"))
    other = sealed(b"hello", appid="wxother")
    refused(other, query(other))
    wrong = sealed(b"hello", KEYS[1])
    refused(wrong, query(wrong))
    cut = base64.b64encode(base64.b64decode(encrypt)[:-16]).decode()
    refused(cut, query(cut))


def test_a_push_that_is_not_set_up_is_none(monkeypatch):
    assert push_of(Settings(wechat_push_token="x")) is None
    assert push_of(Settings(wechat_push_token="x", wechat_push_key=KEYS[0])) is not None
    with pytest.raises(ValueError, match="JULIU_WECHAT_PUSH_KEY"):
        push_of(Settings(wechat_push_token="x", wechat_push_key="short"))


UPLOADED = {"MsgType": "event", "Event": "secvod_upload_event", "upload_event": {"media_id": 5, "errcode": 0}}


def upload(**inner: Any) -> bytes:
    return json.dumps(UPLOADED | {"upload_event": inner}).encode()


def test_an_upload_names_the_job():
    assert event_of(upload(media_id=5, source_context=source_context(77, 2))) == Uploaded(77)


def test_the_case_of_keys_does_not_matter():
    body = {"event": "SECVOD_UPLOAD_EVENT", "UploadEvent": {"SourceContext": "77.0"}}
    assert event_of(json.dumps(body).encode()) == Uploaded(77)


@pytest.mark.parametrize(("kind", "replacement"), [(0, False), (1, False), (2, True), ("2", True)])
def test_an_audit_names_the_drama(kind, replacement):
    inner = {"drama_id": 20001, "audit_detail": {"status": 3, "audit_type": kind}}
    assert event_of(json.dumps({"Event": "secvod_audit_event", "audit_event": inner}).encode()) == Audited(
        20001, replacement
    )


def test_xml_as_the_page_shows_it():
    body = b"""<xml><MsgType>event</MsgType><Event>secvod_audit_event</Event><audit_event><drama_id>20001</drama_id>
    <audit_detail><status>3</status><audit_type>0</audit_type></audit_detail></audit_event></xml>"""
    assert event_of(body) == Audited(20001, replacement=False)


@pytest.mark.parametrize("context", ["", "77", "x.1", "-1.0", "9" * 40 + ".0"])
def test_an_upload_that_is_not_ours_is_none(context):
    assert event_of(upload(source_context=context)) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"<xml>", b"\xff", b"{" * 5000, b"<!DOCTYPE x><x/>", b"<a>" * 99])
def test_what_is_no_event_is_told(body):
    with pytest.raises(NoEvent):
        event_of(body)


def test_entities_are_not_made():
    bomb = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><l>&b;</l>'
    with pytest.raises(NoEvent):
        fields_of(bomb)


@given(st.binary(max_size=300))
def test_nothing_else_is_raised(body):
    try:
        event_of(body)
    except NoEvent:
        return


# -- what it wakes -----------------------------------------------------------------------------------------------------


def test_an_audit_wakes_the_steps_that_wait_for_it():
    from infra.media.job import Submission
    from tests.memory_jobs import MemoryJobs
    from tests.wechat_builders import LI, a_dossier

    clock = [1_000_000]
    jobs, dramas = MemoryJobs(lambda: clock[0]), MemoryDramas(lambda: clock[0], {11: 1})
    dramas.put(a_dossier(11), LI)
    dramas.submitted(11, 20001, 1, {})
    job_id = jobs.submit(Submission(Kind.DRAMA, 11, 0, "", "t"))
    for step in (Step.MATERIALS, Step.SUBMIT):
        jobs.finish(jobs.lease("w", 60_000, [step]), {}, 0)
    jobs.later(jobs.lease("w", 60_000, [Step.AUDIT]), 900)
    assert jobs.lease("w", 60_000, [Step.AUDIT]) is None
    assert Hints(jobs, dramas).take(Audited(999, replacement=False)) == 0
    assert Hints(jobs, dramas).take(Audited(20001, replacement=True)) == 0
    assert jobs.lease("w", 60_000, [Step.AUDIT]) is None
    assert Hints(jobs, dramas).take(Audited(20001, replacement=False)) == 1
    assert jobs.lease("w", 60_000, [Step.AUDIT]).job_id == job_id
    assert jobs.job(job_id).job.state is JobState.ACTIVE
