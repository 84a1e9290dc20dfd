"""What a line of a catalogue file may say: every field has a bound, and a refusal says which rule was broken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue_import import (
    MAX_DURATION_MS,
    MAX_EPISODES,
    MAX_LINE_BYTES,
    MIN_DURATION_MS,
    RowRefused,
    path_fault,
    printable,
    read,
)
from tests.catalogue import a_line, an_episode, raw


def reasons(line: Any) -> list[str]:
    with pytest.raises(RowRefused) as refused:
        read(line if isinstance(line, bytes) else raw(line))
    return refused.value.reasons


def test_a_line_is_read_as_it_stands():
    line = read(raw(a_line(7, how_many=3, title="  重生 ", tags=[" 甜宠"])))
    assert (line.drama_id, line.title, line.tags) == (7, "重生", ("甜宠",))
    assert [(e.episode_no, e.duration_ms, e.media_path) for e in line.episodes] == [
        (n, 60_000 + n, f"dramas/7/{n}/master.m3u8") for n in (1, 2, 3)
    ]
    drama = line.drama(index=4)
    assert (drama.index, list(drama.durations), drama.price_coins) == (4, [60_001, 60_002, 60_003], 80)
    assert read(raw(a_line(series=" 重生 第二季 "))).drama(index=4).series == "重生 第二季"


def test_only_id_title_and_episodes_are_needed():
    line = read(raw({"drama_id": 7, "title": "x", "episodes": [{"episode_no": 1, "duration_ms": 1_000}]}))
    assert (line.category, line.tags, line.price_coins, line.published, line.series) == ("", (), 0, True, "")
    assert line.episodes[0].media_path == ""


@pytest.mark.parametrize("missing", ["drama_id", "title", "episodes"])
def test_each_of_these_is_needed(missing: str):
    assert missing in reasons(a_line(**{missing: ...}))[0]


def test_episodes_may_come_in_any_order():
    shuffled = a_line(how_many=3)
    shuffled["episodes"].reverse()
    assert read(raw(shuffled)) == read(raw(a_line(how_many=3)))


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("drama_id", 0),
        ("drama_id", -1),
        ("drama_id", 2**53),
        ("drama_id", "7"),
        ("drama_id", 7.5),
        ("drama_id", True),
        ("drama_id", None),
        ("title", ""),
        ("title", "   "),
        ("title", "x" * 201),
        ("title", "a\x00b"),
        ("title", "a\nb"),
        ("title", "\u202egnp.exe"),
        ("title", 7),
        ("category", "x" * 65),
        ("category", "a\tb"),
        ("tags", ["x"] * 2),
        ("tags", [f"t{n}" for n in range(21)]),
        ("tags", ["x" * 33]),
        ("tags", [""]),
        ("tags", "甜宠"),
        ("cast", ["x" * 65]),
        ("cast", [f"a{n}" for n in range(51)]),
        ("cast", [" "]),
        ("region", "x" * 33),
        ("series", "x" * 65),
        ("series", "a\nb"),
        ("series", None),
        ("min_age", -1),
        ("min_age", 100),
        ("free_first", -1),
        ("free_first", MAX_EPISODES + 1),
        ("price_coins", -1),
        ("price_coins", 1_000_001),
        ("price_coins", 1.5),
        ("published", "yes"),
        ("published", 1),
        ("episodes", []),
        ("episodes", None),
        ("prise_coins", 80),
    ],
)
def test_a_field_that_breaks_its_rule_is_named(field: str, bad: Any):
    (reason,) = reasons(a_line(**{field: bad}))
    assert field in reason


@pytest.mark.parametrize(
    ("episodes", "word"),
    [
        ([an_episode(2)], "number 1 is missing"),
        ([an_episode(1), an_episode(3)], "number 2 is missing"),
        ([an_episode(1), an_episode(1)], "given twice"),
        ([an_episode(1), an_episode(1), an_episode(3)], "given twice"),
        ([an_episode(0)], "episode_no"),
        ([an_episode(MAX_EPISODES + 1)], "episode_no"),
        ([an_episode(1, duration_ms=MIN_DURATION_MS - 1)], "duration_ms"),
        ([an_episode(1, duration_ms=MAX_DURATION_MS + 1)], "duration_ms"),
        ([an_episode(1, duration_ms=2**63)], "duration_ms"),
        ([an_episode(1, media_path="x" * 301)], "media_path"),
        ([an_episode(1, media_path="/etc/passwd")], "media_path"),
        ([an_episode(1, more=1)], "more"),
    ],
)
def test_episodes_are_whole_and_in_bounds(episodes: list[Any], word: str):
    assert word in reasons(a_line(episodes=episodes))[0]


@pytest.mark.parametrize("duration_ms", [MIN_DURATION_MS, MAX_DURATION_MS])
def test_durations_at_the_bounds_are_right(duration_ms: int):
    assert read(raw(a_line(episodes=[an_episode(1, duration_ms=duration_ms)])))


@pytest.mark.parametrize(
    "path", ["", "a.m3u8", "dramas/7/1/master.m3u8", "短剧/第1集.m3u8", "a/..b", "a/b..c", "x@2=1+1"]
)
def test_paths_inside_the_store_are_right(path: str):
    assert path_fault(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "/a", "a/", "a//b", "..", "../a", "a/..", "a/../b", "./a", "a/.", ".../a", "a\\b", "C:\\a", "c:a", "http://x/a",
        "//host/a", "a b", " a", "a\n", "a\x00", "a?b", "a#b", "%2e%2e/a", "a*", "~/a", "．．/a", "\u202ea",
    ],
)  # fmt: skip
def test_paths_that_lead_elsewhere_are_not(path: str):
    assert path_fault(path)


@given(st.text(alphabet="./\\ab%:~?\n", max_size=12))
def test_no_path_that_is_right_leaves_its_folder(path: str):
    if path and path_fault(path) is None:
        assert not path.startswith("/")
        assert not {"", ".", ".."} & set(path.split("/"))
        assert not set(path) & set("\\%:~?\n")


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"{", b"null", b"[]", b"7", b'"x"', b"NaN", b'{"drama_id":NaN}', b"\xff\xfe", b'{"title":"\xff"}',
        b'{"title":"\\ud800"}', b"[" * 100_000, b'{"x":' * 100_000, b'{"drama_id":1,"x":' + b"[" * 100_000,
        b'{"drama_id":1e999}', b"{} {}", b"\x00", b'{"drama_id":7,"title":"x","episodes":[null]}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_drama_is_refused(bad: bytes):
    assert reasons(bad)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_be_refused(noise: bytes):
    assert reasons(noise)


def test_a_line_past_the_bound_is_not_even_decoded():
    assert "longer than" in reasons(b" " * (MAX_LINE_BYTES + 1))[0]


def test_a_reason_is_short_and_safe_to_show():
    (reason,) = reasons(a_line(**{"\x1b[2J\u202e" + "x" * 10_000: 1}))
    assert "unknown field" in reason
    assert len(reason) <= 200
    assert printable(reason)


def test_a_refusal_names_the_drama_where_it_can_and_all_its_faults():
    with pytest.raises(RowRefused) as refused:
        read(raw(a_line(7, title=" ", tags=["a", "a"], episodes=[an_episode(2, media_path="../x")])))
    assert refused.value.drama_id == 7
    assert len(refused.value.reasons) == 4
