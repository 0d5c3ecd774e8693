"""Amounts of commitments that cost least: as all amounts tried, for usage that commitments cover in any order."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from simcost.billing.commitment.amounts import least_cost

RATES = st.lists(st.integers(1, 12), min_size=1, max_size=3)
USAGE = st.lists(st.integers(0, 7), min_size=1, max_size=6)


@given(rates=RATES, usage=USAGE, most=st.lists(st.integers(0, 5), min_size=3, max_size=3))
def test_the_amounts_cost_as_little_as_the_best_of_all(rates: list[int], usage: list[int], most: list[int]) -> None:
    def cost(amounts: tuple[int, ...]) -> float:
        paid = len(usage) * sum(rate * count for rate, count in zip(rates, amounts, strict=True))
        return paid + sum(10 * max(hour - sum(amounts), 0) for hour in usage)

    limits = most[: len(rates)]
    every = product(*(range(limit + 1) for limit in limits))
    assert cost(least_cost(limits, cost)) == min(map(cost, every))


def test_nothing_to_buy_is_nothing() -> None:
    assert least_cost([], lambda _: 1.0) == ()
