"""Plans of a sweep are judged as `simcost run` judges them: of a demand, by the share of futures that may miss."""

from types import SimpleNamespace
from typing import Any

import pytest

from simcost.studies.sweeps.study import ranked

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
