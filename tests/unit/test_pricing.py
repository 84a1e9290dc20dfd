"""What episodes and dramas cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pricing import terms

MOST = (2_000, 1_000_000, 2_000)  # of an import
numbers = st.tuples(st.integers(0, 30), st.integers(0, 500), st.integers(1, 40))
owned = st.sets(st.integers(1, 40))


def alone(its, episodes):
    """The sum of what these cost one by one."""
    return sum(its.episode_coins(number) for number in episodes)


def test_the_first_ones_are_free_and_each_later_one_costs_the_same():
    its = terms(3, 60, 5)
    assert [its.episode_coins(number) for number in range(1, 6)] == [0, 0, 0, 60, 60]
    assert [its.is_free(number) for number in range(1, 6)] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("price", "bought", "coins"),
    [
        (60, (), 918),
        (60, (4,), 864),
        (60, (0,), 0),
        (60, range(4, 21), 0),
        (1, (), 16),
        (1, range(4, 20), 1),
        (0, (), 0),
    ],
)
def test_the_rest_of_a_drama_is_a_tenth_off_rounded_up(price, bought, coins):
    assert terms(3, price, 20).drama_coins(bought) == coins


@given(numbers, owned)
def test_a_drama_costs_nine_tenths_of_what_is_left_of_it(given_numbers, bought):
    its = terms(*given_numbers)
    left = alone(its, set(range(1, its.episodes + 1)) - bought)
    assert left * 9 <= its.drama_coins(bought) * 10 < left * 9 + 10


@given(numbers, owned, st.integers(1, 40))
def test_owning_more_never_costs_more(given_numbers, bought, another):
    its = terms(*given_numbers)
    assert its.drama_coins(bought | {another}) <= its.drama_coins(bought)


@given(numbers, st.integers(1, 40))
def test_free_is_what_costs_nothing(given_numbers, number):
    its = terms(*given_numbers)
    if number <= its.episodes:
        assert its.is_free(number) == (its.episode_coins(number) == 0)


@given(numbers, numbers)
def test_terms_of_one_version_have_the_same_prices(one, other):
    a, b = terms(*one), terms(*other)
    assert (a.version == b.version) == (one == other) or prices(a) == prices(b)


def prices(its):
    return [its.episode_coins(number) for number in range(1, its.episodes + 1)], its.drama_coins(())


def test_a_version_is_a_word_of_the_events():
    assert len(terms(*MOST).version) <= 64
    assert terms(3, 60, 20).version == terms(3, 60, 20).version
    assert (
        len({terms(3, 60, 20).version, terms(4, 60, 20).version, terms(3, 61, 20).version, terms(3, 60, 21).version})
        == 4
    )
