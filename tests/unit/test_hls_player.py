"""The player of the media demo is the file that was chosen, or there is none."""

from __future__ import annotations

import zipfile

import pytest

from infra.local import hls_player
from infra.local.errors import StackError


def test_what_set_up_fetched_is_the_player():
    assert b"hls.js" in hls_player.script().lower()


def test_another_program_in_its_place_is_refused(tmp_path):
    jar = tmp_path / "hls.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr(hls_player.MEMBER, "alert(1)")
    with pytest.raises(StackError, match="another program"):
        hls_player.read(jar)


def test_a_jar_that_is_cut_or_holds_something_else_says_what_to_do(tmp_path):
    jar = tmp_path / "hls.jar"
    jar.write_bytes(b"PK cut")
    with pytest.raises(StackError, match="make setup"):
        hls_player.read(jar)
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("dist/other.js", "")
    with pytest.raises(StackError, match="make setup"):
        hls_player.read(jar)
