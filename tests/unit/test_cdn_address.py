"""Addresses that a CDN lets through: Tencent's own examples, and what a CDN must refuse."""

from __future__ import annotations

import pytest

from domain.media.cdn_address import Signing, genuine, signed

KEY, BACKUP = "dimtm5evg50ijsx2hvuwyfoiu65", "DvYmqE81E1F9R791H6lmht"
AT_S = 1582791032  # 2020-02-27 16:10:32 in Shanghai
EDGE_S = 0x6694D30A  # 2024-07-15 15:43:06 in Shanghai
PATH = "/hls/7/3/0123456789ab/720p/00000.ts"


@pytest.mark.parametrize(
    ("signing", "key", "path", "at_s", "nonce", "address"),
    [
        ("A", KEY, "/test.jpg", AT_S, "im1acp76sx9sdqe601v",
         "/test.jpg?sign=1582791032-im1acp76sx9sdqe601v-0-3fbb88382c9356b6faaf9d68c7b2ae3a"),
        ("B", BACKUP, "/foo.jpg", EDGE_S - 600, "", "/202407151533/d1f0b51c6894231fc12e054fcc7f0b3e/foo.jpg"),
        ("C", KEY, "/test.jpg", AT_S, "", "/ea68b93ac23ebbc6eebf7f163c6e9c4c/1582791032/test.jpg"),
        ("C-edgeone", BACKUP, "/foo.jpg", EDGE_S, "", "/6688749e8906a726c12fe1be3aacd016/6694d30a/foo.jpg"),
        ("D", KEY, "/test.jpg", AT_S, "", "/test.jpg?sign=900a5049aa8ac1ab144527d9c2be4cea&t=1582791032"),
    ],
)  # fmt: skip
def test_the_examples_of_its_maker(signing: str, key: str, path: str, at_s: int, nonce: str, address: str):
    assert signed(Signing(signing), key, path, at_s, nonce) == address


@pytest.mark.parametrize("signing", Signing)
def test_a_cdn_takes_both_keys_for_a_life_and_nothing_else(signing: Signing):
    start = AT_S - AT_S % 60  # type B knows minutes alone
    for key in (KEY, BACKUP):
        address = signed(signing, key, PATH, start)
        assert genuine(signing, [KEY, BACKUP], address, start + 900, 900) == PATH
        assert genuine(signing, [KEY, BACKUP], address, start + 901, 900) is None
        assert genuine(signing, ["another0"], address, start, 900) is None


@pytest.mark.parametrize("signing", Signing)
def test_no_character_of_an_address_can_be_another(signing: Signing):
    address = signed(signing, KEY, PATH, AT_S)
    for at in range(len(address)):
        changed = address[:at] + ("1" if address[at] != "1" else "2") + address[at + 1 :]
        assert genuine(signing, [KEY], changed, AT_S, 900) is None, changed


@pytest.mark.parametrize("path", ["", "a.ts", "/a.ts?x=1", "/剧.ts", "/a b.ts", "/a//b.ts", "/a.ts#x", "/a%2e.ts"])
def test_other_than_plain_paths_are_not_signed(path: str):
    with pytest.raises(ValueError, match="plain paths"):
        signed(Signing.D, KEY, path, AT_S)


@pytest.mark.parametrize("key", ["", "short", "x" * 41, "with-hyphen"])
def test_a_key_that_no_cdn_has_signs_nothing(key: str):
    with pytest.raises(ValueError, match="letters and digits"):
        signed(Signing.D, key, PATH, AT_S)


def test_a_nonce_is_a_word():
    with pytest.raises(ValueError, match="nonce"):
        signed(Signing.A, KEY, PATH, AT_S, "a-b")


def test_a_minute_that_no_calendar_has_is_over():
    address = signed(Signing.B, KEY, PATH, AT_S).replace("202002271610", "202013991610")
    assert genuine(Signing.B, [KEY], address, AT_S, 900) is None
