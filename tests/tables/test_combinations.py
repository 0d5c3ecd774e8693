"""Combinations of codes: rows have the same number exactly where all of their codes are the same."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simcost.tables.combinations import combinations

CODES = st.integers(1, 4).flatmap(
    lambda columns: st.lists(st.tuples(*[st.integers(0, 3)] * columns), min_size=1, max_size=40)
)


@given(rows=CODES, size=st.sampled_from([4, 10, 2**40]))
def test_rows_have_one_number_where_all_codes_are_the_same(rows: list[tuple[int, ...]], size: int) -> None:
    codes = [np.array(column, np.int64) for column in zip(*rows, strict=True)]
    which, first = combinations(codes, [size] * len(codes))
    numbers = dict(zip(rows, which.tolist(), strict=True))
    assert [numbers[row] for row in rows] == which.tolist()
    assert sorted(numbers.values()) == list(range(len(set(rows))))
    assert all(numbers[rows[row]] == number for number, row in enumerate(first))
