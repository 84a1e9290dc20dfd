"""How coins move: bonus first when they are spent, what is owed first when they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.wallet import MAX_COINS, NOTHING, Balance, Move, after, receive, spend

amounts = st.integers(0, 1_000)
balances = st.builds(Balance, amounts, amounts, amounts)
coming = st.sampled_from(["paid", "bonus"])


def net(balance):
    """What the viewer has, less what is owed."""
    return balance.spendable - balance.debt


@given(balances, amounts)
def test_spending_takes_exactly_the_price_bonus_first(balance, coins):
    if coins > balance.spendable:
        with pytest.raises(ValueError, match="coins"):
            spend(balance, coins)
        return
    left = after(balance, spend(balance, coins))
    assert net(left) == net(balance) - coins
    assert min(left) >= 0
    assert left.paid == balance.paid or left.bonus == 0
    assert left.debt == balance.debt


@given(balances, st.integers(1, 2_000), coming)
def test_what_comes_pays_what_is_owed_first(balance, coins, pot):
    now = after(balance, receive(balance, coins, pot))
    assert net(now) == net(balance) + coins
    assert min(now) >= 0
    assert now.debt == 0 or now[:2] == balance[:2]
    other = "bonus" if pot == "paid" else "paid"
    assert getattr(now, other) == getattr(balance, other)


@given(balances, amounts, coming)
def test_no_move_is_of_nothing(balance, coins, pot):
    moves = spend(balance, min(coins, balance.spendable)) + receive(balance, coins + 1, pot)
    assert all(move.amount for move in moves)


def test_each_move_names_the_other_side():
    assert spend(Balance(10, 5, 0), 8) == [Move("bonus", -5, "sales"), Move("paid", -3, "sales")]
    assert receive(Balance(0, 0, 3), 10, "paid") == [Move("debt", -3, "refunds"), Move("paid", 7, "issued")]
    assert receive(NOTHING, 10, "bonus") == [Move("bonus", 10, "promotion")]


@pytest.mark.parametrize(
    ("coins", "pot"), [(0, "paid"), (-1, "paid"), (MAX_COINS + 1, "paid"), (1, "debt"), (1, "gold")]
)
def test_coins_come_in_bounds_and_to_a_pot_of_coins(coins, pot):
    with pytest.raises(ValueError, match="coins"):
        receive(NOTHING, coins, pot)


def test_nothing_is_not_spent_backwards():
    with pytest.raises(ValueError, match="coins"):
        spend(Balance(10, 0, 0), -1)
