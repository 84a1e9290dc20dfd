"""The engine cos without a CDN: players fetch from the bucket itself, at addresses that end with the grant."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from domain.media import names
from ingest_api.hls.segments import AtBucket, AtCdn, Nowhere, away_of
from juliu.cli import app_for
from tests.hls_rig import DRAMA, HASH, NOW_MS, SETTINGS, HlsRig, at, with_bucket, with_cdn
from tests.standins import cos_signature

HOST = "media-1250000000.cos.ap-shanghai.myqcloud.com"
KEYS = {"AKIDexample": "the-secret-key"}


def opens(address: str, path: str, now_s: int) -> bool:
    """Whether COS would send that file at that time."""
    parts = urlsplit(address)
    assert (parts.scheme, parts.hostname, parts.path) == ("https", HOST, path)
    request = cos_signature.Request("GET", parts.path, dict(parse_qsl(parts.query, True)), {"host": HOST})
    try:
        cos_signature.check(request, KEYS, now_s)
    except cos_signature.Wrong as wrong:
        assert "expired" in str(wrong)  # noqa: PT017 - anything else is a mistake of ours
        return False
    return True


async def test_segments_are_in_the_bucket_for_as_long_as_the_grant(tmp_path: Path):
    rig, ends_ms = HlsRig(tmp_path, with_bucket()), NOW_MS + 600_000
    text = (await rig.get(at("720p/index.m3u8", expires_ms=ends_ms))).text
    addresses = [line for line in text.splitlines() if line.startswith("https://")]
    assert len(addresses) == 2
    assert 'URI="key"' in text
    for number, address in enumerate(addresses):
        path = "/" + names.segment(DRAMA, 1, HASH, "720p", number)
        assert opens(address, path, NOW_MS // 1000)
        assert opens(address, path, ends_ms // 1000 - 1)
        assert not opens(address, path, ends_ms // 1000 + 1)


async def test_a_grant_that_is_nearly_over_gives_no_longer_address(tmp_path: Path):
    rig, ends_ms = HlsRig(tmp_path, with_bucket()), NOW_MS + 5_000
    text = (await rig.get(at("720p/index.m3u8", expires_ms=ends_ms))).text
    (first, _) = [line for line in text.splitlines() if line.startswith("https://")]
    path = "/" + names.segment(DRAMA, 1, HASH, "720p", 0)
    assert opens(first, path, NOW_MS // 1000)
    assert not opens(first, path, ends_ms // 1000 + 1)


async def test_a_picture_is_there_too(tmp_path: Path):
    rig = HlsRig(tmp_path, with_bucket())
    answer = await rig.get(f"/v1/posters/{DRAMA}/1/{HASH}/0-480.webp")
    assert answer.status_code == 307
    path = "/" + names.poster(DRAMA, 1, HASH, 0, width=480, kind="webp")
    assert opens(answer.headers["location"], path, NOW_MS // 1000 + 300)


async def test_no_secret_is_in_what_players_get(tmp_path: Path):
    text = (await HlsRig(tmp_path, with_bucket()).get(at("720p/index.m3u8"))).text
    assert "the-secret-key" not in text


def test_the_command_says_what_to_set_and_ends(monkeypatch: pytest.MonkeyPatch):
    strong = "a-secret-of-thirty-two-bytes-and-more"
    given = {"JULIU_MEDIA_ENGINE": "cos", "JULIU_JWT_SECRET": strong, "JULIU_TICKET_SECRET": strong}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    ended = CliRunner().invoke(app_for("api"), ["api"])
    assert ended.exit_code == 2
    assert "juliu api: set JULIU_MEDIA_CDN_URL, or JULIU_COS_BUCKET" in ended.output


@pytest.mark.parametrize("missing", ["cos_bucket", "cos_region", "cos_secret_id", "cos_secret_key"])
def test_where_nothing_would_play_the_api_does_not_start(missing: str):
    empty = SecretStr("") if "secret" in missing else ""
    with pytest.raises(Nowhere, match=f"JULIU_MEDIA_CDN_URL.*JULIU_{missing.upper()}") as caught:
        away_of(with_bucket(**{missing: empty}))
    assert "the-secret-key" not in str(caught.value)


def test_a_cdn_goes_before_the_bucket_and_the_folder_needs_neither():
    assert isinstance(away_of(with_bucket()), AtBucket)
    cdn = with_cdn(media_engine="cos")
    assert isinstance(away_of(cdn), AtCdn)
    assert away_of(SETTINGS) is None
