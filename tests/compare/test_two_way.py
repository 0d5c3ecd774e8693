"""Two-way grids: as if every combination had been asked for, where regions of answers are convex."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from simcost.compare.two_way import Cell, answers_of_grid

COSTS = st.lists(st.tuples(*[st.integers(-5, 5)] * 3), min_size=1, max_size=4)


@given(width=st.integers(1, 12), height=st.integers(1, 12), costs=COSTS)
def test_the_cheapest_of_linear_costs_is_found_wherever_a_corner_sees_it(
    width: int, height: int, costs: list[tuple[int, int, int]]
) -> None:
    def cheapest(cell: Cell) -> str:
        return str(
            min(range(len(costs)), key=lambda i: (costs[i][0] + costs[i][1] * cell[0] + costs[i][2] * cell[1], i))
        )

    asked: list[Cell] = []

    def ask(cells: Sequence[Cell]) -> Mapping[Cell, str]:
        asked.extend(cells)
        return {cell: cheapest(cell) for cell in cells}

    found = answers_of_grid(width, height, ask)
    assert sorted(found) == [(x, y) for x in range(width) for y in range(height)]
    assert {cell for cell, one in found.items() if one.asked} == set(asked)
    assert len(asked) == len(set(asked)), "no cell twice"
    if len(costs) <= 2:
        assert {cell: one.answer for cell, one in found.items()} == {cell: cheapest(cell) for cell in found}


def test_a_single_answer_takes_the_corners_of_four_parts() -> None:
    found = answers_of_grid(9, 9, lambda cells: dict.fromkeys(cells, "a"))
    assert sum(one.asked for one in found.values()) == 9
    assert {one.answer for one in found.values()} == {"a"}


def test_no_answer_is_an_answer() -> None:
    found = answers_of_grid(3, 2, lambda cells: {cell: None if cell[0] else "a" for cell in cells})
    assert [found[x, 0].answer for x in range(3)] == ["a", None, None]
