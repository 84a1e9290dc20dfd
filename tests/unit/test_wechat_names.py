"""Names of episodes: what people and files say, and what WeChat takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.media.wechat_name import MAX_TITLE, BadName, Named, parse, trouble, written

WRITTEN = """
我的演艺 - 第3集
我的演艺 - 第3集.mp4
我的演艺-第 3 集.MP4
我的演艺 － 第03集
我的演艺 – 第3集
我的演艺—第３集.mov
"""
NO_EPISODE = """
我的演艺
第3集
- 第3集
我的演艺 - 第集
我的演艺 - 第0集
我的演艺 - 第10000集
我的演艺 - 第三集
"""


@pytest.mark.parametrize("name", WRITTEN.strip().splitlines())
def test_what_people_write_is_understood(name):
    assert parse(name) == Named("我的演艺", 3)


@pytest.mark.parametrize("name", ["", *NO_EPISODE.strip().splitlines()])
def test_what_says_no_episode_is_refused(name):
    with pytest.raises(BadName):
        parse(name)


def test_a_title_may_have_dashes_and_numbers():
    assert parse("A-1 - 第2集 - 第12集") == Named("A-1 - 第2集", 12)


@pytest.mark.parametrize(
    "title", ["", "！重生", "重生！", " 重生", "《重生》", "名" * (MAX_TITLE + 1), "重\n生", "重\u200b生", "重\u202e生"]
)
def test_what_wechat_would_refuse_is_told(title):
    assert trouble(title)
    with pytest.raises(BadName):
        written(title, 1)


@pytest.mark.parametrize("number", [0, -1, 10_000])
def test_an_episode_number_has_bounds(number):
    with pytest.raises(BadName):
        written("重生", number)


@given(st.text(max_size=80), st.integers(min_value=1, max_value=9_999))
def test_what_is_written_is_read(title, number):
    if not trouble(title):
        named = parse(written(title, number))
        assert named.episode_no == number
        assert written(*named) == written(named.title, number)


@given(st.text(max_size=200))
def test_nothing_else_is_raised(name):
    try:
        named = parse(name)
    except BadName:
        return
    assert trouble(named.title) == ""
