"""Everything that is wrong with files as episodes of a drama is found before anything starts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.media.episode_files import Known, Source, Trouble, is_video, missing, problems, same_title, words

DRAMA = Known(7, "重生之门", 80)
MOST = 1_000


def a_file(number: int, **fields: object) -> Source:
    said = {"name": f"重生之门 - 第{number}集.mp4", "size": 100, "title": "重生之门", "episode_no": number}
    return Source(**{**said, **fields})  # type: ignore[arg-type]


def wrong(*files: Source, drama: Known = DRAMA, partial: bool = False) -> list[tuple[Trouble, int]]:
    found = problems(drama, files, max_bytes=MOST, partial=partial)
    assert all(problem.text for problem in found)
    return [(problem.trouble, problem.episode_no) for problem in found]


def test_whole_dramas_are_fine():
    assert wrong(*(a_file(n) for n in range(1, 81))) == []


def test_a_gap_is_told_with_all_that_is_missing():
    (problem,) = problems(DRAMA, [a_file(n) for n in (2, 3, 6, 10)], max_bytes=MOST)
    assert (problem.trouble, problem.episode_no) == (Trouble.GAP, 1)
    assert "1, 4-5, 7-9" in problem.text


def test_what_the_drama_has_already_is_no_gap_and_neither_is_one_that_is_meant():
    had = DRAMA._replace(have=frozenset({1, 4, 5}))
    assert wrong(a_file(2), a_file(3), a_file(6), drama=had) == []
    assert wrong(a_file(10), partial=True) == []


def test_doubles_are_told_with_their_names_even_where_gaps_are_meant():
    files = [a_file(1), a_file(1, name="重生之门-第01集.mov"), a_file(2)]
    (problem,) = problems(DRAMA, files, max_bytes=MOST, partial=True)
    assert problem.trouble is Trouble.DOUBLE
    assert problem.names == ("重生之门 - 第1集.mp4", "重生之门-第01集.mov")


@pytest.mark.parametrize(
    ("fields", "trouble"),
    [
        ({"size": 0}, Trouble.EMPTY),
        ({"size": -1}, Trouble.NO_FILE),
        ({"size": MOST + 1}, Trouble.TOO_LARGE),
        ({"title": "别的剧"}, Trouble.OTHER_DRAMA),
        ({"episode_no": 81}, Trouble.NOT_IN_CATALOGUE),
        ({"episode_no": 0}, Trouble.NOT_IN_CATALOGUE),
    ],
)
def test_one_file_can_be_wrong_by_itself(fields, trouble):
    found = problems(DRAMA, [a_file(1, **fields)], max_bytes=MOST, partial=True)
    assert [problem.trouble for problem in found] == [trouble]


def test_a_manifest_that_says_no_title_is_of_its_drama():
    assert wrong(a_file(1, title="")) == []


def test_titles_are_one_whatever_their_width_and_case():
    assert same_title("Ａbc 重生", "aBC 重生")
    assert not same_title("重生之门", "重生之們")


def test_very_many_gaps_are_cut_off():
    ranges = missing(Known(7, "x", 10_000), range(2, 10_000, 2))
    assert len(ranges) > 4_000
    assert len(words(ranges)) < 200
    assert words(ranges).endswith("more")


@given(st.sets(st.integers(1, 60), min_size=1), st.sets(st.integers(1, 60)), st.integers(1, 60))
def test_missing_are_exactly_those_below_the_highest_that_nobody_has(here, have, episodes):
    found = {number for one in missing(Known(7, "x", episodes, frozenset(have)), here) for number in one}
    assert found == {n for n in range(1, min(max(here), episodes)) if n not in here and n not in have}


@pytest.mark.parametrize(("name", "so"), [("a.MP4", True), ("a.mkv", True), ("封面.jpg", False), ("README", False)])
def test_a_video_is_known_by_its_ending(name, so):
    assert is_video(name) is so
