"""Reasons why plans are left out: near-equal ones share a row, none is lost."""

from hypothesis import given
from hypothesis import strategies as st

from simcost.present.format import in_full
from simcost.present.reasons import reason_rows

LINK = (
    "the catalog has no link bandwidth of {}, needed for {} of them in a replica; use one, add link_bytes_per_s to "
    "accelerators.csv in your catalog folder, or give `step`"
)
EGRESS = "the catalog has no egress price of {}; give yours in the plan, e.g. `buy: {{egress: $0.10/GB}}`"


def test_near_equal_reasons_share_a_row_with_an_example() -> None:
    found = [
        (5182, "costs more than the best plan, in simulation or at its lower bound"),
        (48, EGRESS.format("crusoe")),
        (48, EGRESS.format("modal")),
        (48, LINK.format("inferentia2", 2)),
        (47, LINK.format("trainium1", 4)),
        (46, LINK.format("trainium1", 8)),
        *((1, EGRESS.format(name)) for name in ("a", "b", "c")),
    ]
    rows = reason_rows(found)
    assert [str(row["plans"]) for row in rows] == ["5,182", "141", "99"]
    assert in_full(rows[1]["reason"]) == f"{LINK.format('inferentia2', 2)} (and 2 more like it)"
    assert rows[1]["reason"].endswith("… (and 2 more like it)")
    assert len(rows[1]["reason"]) <= 84


def test_each_of_a_few_bounds_has_a_row() -> None:
    """`10 may take more than the quota of 0 x h100-sxm (and 2 more like it)` did not say of which quota how many."""
    found = [(4, f"may take more than the quota of {n} x {name}") for n, name in ((0, "h100-sxm"), (0, "l40s"))]
    assert [row["reason"] for row in reason_rows(found)] == [reason for _, reason in found]


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["a b c d", "a b c e", "a b", "x", "y"]))))
def test_all_plans_are_counted_once(found: list[tuple[int, str]]) -> None:
    assert sum(int(row["plans"]) for row in reason_rows(found)) == sum(plans for plans, _ in found)
