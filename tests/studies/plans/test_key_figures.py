"""The three figures that a reader sees first are those of the table below them."""

from typing import Any

import pytest

from simcost.studies.plans.key_figures import key_figures, outcome


def _document(**more: Any) -> dict[str, Any]:
    over = {"share": 0.25, "replica_hours": 10.0, "per_month": {"replica_hours": 10.0, "usd": 8606.0}}
    plan = {
        "name": "one fleet",
        "cost_usd": {"per_month": 241_237.0},
        "intervals": {"per_month_usd": None},
        "slo": {"attainment": 0.99, "target": 0.95, "met": True, "targets": {}},
        "utilisation": 0.272,
        "replica_hours": {"ready": 10.0},
        "requests": {"arrived": 10},
        "over_provisioned": over,
        **more,
    }
    return {"plans": [plan], "best": "one fleet", "differences": []}


@pytest.mark.parametrize("more", [{"jobs": {}}, {"over_provisioned": None}])
def test_what_is_idle_of_a_fleet_with_jobs_is_told_by_its_utilisation(more: dict[str, Any]) -> None:
    """Over-provisioned said $8,606 of a fleet of $241,237 that was idle most of the time: it knows replicas alone."""
    last = key_figures(_document(**more))[-1]
    assert (last.label, last.value) == ("Utilisation", "27.2 %")


def test_the_outcome_says_why_no_plan_is_taken() -> None:
    """Plans that meet the SLO with a model that is not good enough read `Misses the SLO`."""
    plan: dict[str, Any] = {"name": "a", "slo": {"met": True}, "requests": {"arrived": 5}}
    document: dict[str, Any] = {"plans": [plan], "best": None, "closest": "a"}
    assert outcome(document) == "Not good enough"
    plan["slo"]["met"] = False
    assert outcome(document) == "Misses the SLO"
    plan["requests"]["arrived"] = 0
    assert outcome(document) == "No request came"
    assert outcome(document | {"best": "a"}) == "Meets the SLO"
