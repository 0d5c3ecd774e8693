"""Plans of a sweep are judged as `simcost run` judges them: of a demand, by the share of futures that may miss."""

from types import SimpleNamespace
from typing import Any

import pytest

from simcost.studies.sweeps.study import ranked, same_cost

ROWS: list[dict[str, Any]] = [
    {"plan": "failed", "met_share": None, "cost_usd_per_month": None},
    {"plan": "half", "met_share": 0.5, "cost_usd_per_month": 1.0},
    {"plan": "most", "met_share": 0.9, "cost_usd_per_month": 2.0},
    {"plan": "all", "met_share": 1.0, "cost_usd_per_month": 3.0},
]


@pytest.mark.parametrize(
    ("risk", "best_first"),
    [
        (None, ["all", "half", "most", "failed"]),
        (0.1, ["most", "all", "half", "failed"]),
        (0.5, ["half", "most", "all", "failed"]),
    ],
)
def test_plans_that_miss_no_more_futures_than_the_risk_come_first(risk: float | None, best_first: list[str]) -> None:
    demand: Any = None if risk is None else SimpleNamespace(risk=risk)
    assert [row["plan"] for row in ranked(ROWS, demand)] == best_first
    swept = [row | {"demand.risk": risk} for row in ROWS]
    if risk is not None:
        assert [row["plan"] for row in ranked(swept, SimpleNamespace(risk=0.0))] == best_first  # type: ignore[arg-type]


def test_of_plans_that_cost_the_same_the_one_that_serves_best_is_the_first() -> None:
    """The cheapest by a thousandth of a dollar was the best, whatever it served, and no word was said of the others."""
    costs = {"bf16": (1394.7, 0.994), "fp8": (1394.8, 0.997), "fp4": (1394.9, 0.98), "dear": (1395.1, 1.0)}
    rows: list[dict[str, Any]] = [
        {"plan": name, "met_share": float(attainment > 0.99), "attainment": attainment, "cost_usd_per_month": usd}
        for name, (usd, attainment) in costs.items()
    ]
    found = ranked(rows, None)
    assert [row["plan"] for row in found] == ["fp8", "bf16", "dear", "fp4"]
    assert [row["plan"] for row in same_cost(found, None, ())] == ["fp8", "bf16"]
