"""How coins move: bonus first when they are spent, what is owed first when they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.wallet import MAX_COINS, NOTHING, Balance, Move, after, give_back, receive, spend

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


@given(balances, amounts, amounts)
def test_what_comes_back_pays_a_debt_first_and_then_goes_where_it_came_from(balance, paid, bonus):
    if not paid + bonus:
        return
    now = after(balance, give_back(balance, paid, bonus))
    assert net(now) == net(balance) + paid + bonus
    assert now.debt == max(0, balance.debt - paid - bonus)
    if not balance.debt:
        assert now == Balance(balance.paid + paid, balance.bonus + bonus, 0)


@given(balances, amounts)
def test_an_unlock_that_is_taken_back_leaves_everything_as_it_was(balance, coins):
    coins = min(coins, balance.spendable)
    if not coins or balance.debt:
        return
    moves = spend(balance, coins)
    cost = {pot: -sum(move.amount for move in moves if move.pot == pot) for pot in ("paid", "bonus")}
    left = after(balance, moves)
    back = give_back(left, cost["paid"], cost["bonus"])
    assert after(left, back) == balance
    assert sorted(back) == sorted(move._replace(amount=-move.amount) for move in moves)


@pytest.mark.parametrize(("paid", "bonus"), [(0, 0), (-1, 2), (2, -1)])
def test_nothing_does_not_come_back(paid, bonus):
    with pytest.raises(ValueError, match="coins"):
        give_back(NOTHING, paid, bonus)


def test_nothing_is_not_spent_backwards():
    with pytest.raises(ValueError, match="coins"):
        spend(Balance(10, 0, 0), -1)
