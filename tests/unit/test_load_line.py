"""Reading an HTTP answer as it arrives."""

from __future__ import annotations

import pytest

from juliu.load.line import ANSWER_BYTES, Answer, BadAnswer, parse, request

WHOLE = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n" + b'{"accepted": 9}'


def test_an_answer_is_read_when_it_is_whole():
    for cut in range(len(WHOLE)):
        assert parse(bytearray(WHOLE[:cut])) is None
    assert parse(bytearray(WHOLE)) == Answer(202, None, b'{"accepted": 9}')


def test_the_server_says_when_to_come_back():
    busy = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n"
    assert parse(bytearray(busy)) == Answer(503, 2, b"")


@pytest.mark.parametrize(
    "bad",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n",
        b"x" * (ANSWER_BYTES + 1),
    ],
)
def test_what_cannot_be_read_is_refused(bad):
    with pytest.raises(BadAnswer):
        parse(bytearray(bad))


def test_a_request_states_its_length_and_viewer():
    whole = request("POST", "/v1/events", "127.0.0.1:80", "t0ken", b"{}")
    assert whole.startswith(b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAuthorization: Bearer t0ken\r\n")
    assert whole.endswith(b"Content-Length: 2\r\n\r\n{}")
