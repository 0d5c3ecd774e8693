"""Wording of the review: the basis of each figure says what stands there."""

from types import SimpleNamespace
from typing import Any

import pytest

from simcost.compare import plan_levels
from simcost.studies.review.view import _figure_rows


@pytest.mark.parametrize(
    ("margin", "value", "basis"),
    [
        (290.6, "$3,150 ± $291", "mean, 95 % interval"),
        (0.3, "$3,150", "mean, almost the same in all replications"),
    ],
)
def test_an_interval_is_named_where_one_is_shown(margin: float, value: str, basis: str) -> None:
    plan: dict[str, Any] = {
        "name": "a",
        "cost_usd": {"per_month": 3150.0},
        "intervals": {"per_month_usd": {"level": 0.95, "margin": margin}},
        "slo": {"attainment": None},
        "unit_costs": {"usd_per_million_output_tokens": None, "usd_per_completed_job": None},
        "energy": None,
    }
    document = {"plans": [plan], "best": "a", "closest": "a", "deterministic": False, "differences": []}
    review: Any = SimpleNamespace(document=document, chosen="a", peak_replicas=None)
    assert next(_figure_rows(review)) == ("Cost per month", value, basis)


@pytest.mark.parametrize(("own", "told"), [(0.0, 0), (60.0, 1)])
def test_waits_of_jobs_are_told_where_they_differ(own: float, told: int) -> None:
    plans: list[Any] = [
        SimpleNamespace(name=name, wait_p95_s=SimpleNamespace(mean=wait), trained=[])
        for name, wait in (("a", own), ("b", 0.0))
    ]
    assert len(plan_levels.job_sentences(*plans)) == told
