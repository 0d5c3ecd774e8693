"""Columns of the table of whole plans: a wait where there are jobs."""

from typing import Any

import pytest

from simcost.studies.optimizing.view import whole_plans


@pytest.mark.parametrize("wait_s", [None, {"p95": 60.0}])
def test_plans_without_jobs_have_no_wait(wait_s: dict[str, float] | None) -> None:
    plan: dict[str, Any] = {
        "name": "one",
        "cost_usd": {"per_month": 1.0},
        "intervals": {"per_month_usd": None},
        "slo": {"attainment": 1.0},
        "lower_bounds": {},
        "utilisation": 0.5,
        "wait_s": wait_s,
    }
    [row] = whole_plans({"best": plan, "runner_up": None})
    assert ("wait p95" in row) is (wait_s is not None)
