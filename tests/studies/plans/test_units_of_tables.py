"""Units of what stands in one table, and figures that one label shows."""

from typing import Any

import pytest

from simcost.compare.means import mean_by_key
from simcost.compare.plan_levels import _shares
from simcost.present.format import share
from simcost.studies.plans import side_tables
from simcost.studies.plans.job_charts import _parts
from simcost.studies.plans.money_tables import energy_notes, unit_notes
from simcost.studies.plans.pool_view import table
from simcost.studies.plans.retry_tables import prefix_caches
from simcost.studies.plans.service_view import cost_by_service, unallocated
from simcost.units import Formatted


def test_gpu_hours_of_a_run_are_not_taken_for_those_of_a_month() -> None:
    pool = {
        "name": "own",
        "requests": 1,
        "accelerator_hours": 4.0,
        "utilisation": 0.5,
        "cost_usd": {"per_month": 986.63},
    }
    [row] = table({"plans": [{"name": "a", "pools": [pool]}]})
    assert list(row)[3:] == ["GPU-hours of the run", "Utilisation", "$/month"]
    assert isinstance(row["GPU-hours of the run"], Formatted), "a number, which sorts by value"


def test_what_is_of_the_run_is_not_taken_for_that_of_a_month() -> None:
    """It stands below tables of a month."""
    cache = {"query_tokens": 10, "hit_tokens": 5, "hit_rate": 0.5, "saved_prefill_s": 60.0, "saved_usd": 4.78}
    hours = {"computing": 1.0, "idle": 1.0}
    sides = {"prefill_replica_hours": hours, "decode_replica_hours": hours}
    document = {"plans": [{"name": "a", "prefix_cache": cache, "disaggregation": sides}]}
    assert prefix_caches(document)[0]["Worth in the run"] == "$4.78"
    assert [row["Replica-hours of the run"] for row in side_tables.table(document)] == ["2", "2"]


def test_unit_costs_of_requests_and_jobs_are_told_to_have_each_other_in_them() -> None:
    """$/1M output tokens of two services beside training were nine times those of the services."""
    both = {"unit_costs": {"usd_per_request": 0.02, "usd_per_completed_job": 400.0}}
    requests = {"unit_costs": {"usd_per_request": 0.02, "usd_per_completed_job": None}}
    jobs = {"unit_costs": {"usd_per_request": None, "usd_per_completed_job": 400.0}}
    [said] = unit_notes({"plans": [requests, both]})
    assert "the whole bill of a plan" in said
    assert not unit_notes({"plans": [requests, jobs]})


def _with_services() -> dict[str, Any]:
    bill = {"services": {"chat": 10.0}, "jobs": 20.0, "idle": 3.0, "unused_commitments": 4.0}
    return {"plans": [{"name": "a", "services": [], "allocation_by_service_usd_per_month": bill}]}


def test_money_of_jobs_and_idle_nodes_is_of_a_month() -> None:
    [said] = unallocated(_with_services())
    assert said.startswith(
        "a, a month: jobs cost $20.00, no service or job held $3.00 of idle nodes and $4.00 of unused"
    )


def test_idle_nodes_and_unused_commitments_have_a_colour_each() -> None:
    scale = cost_by_service(_with_services()).to_dict()
    text = str(scale)
    assert "#C9C9C9" in text
    assert "#B8860B" in text


@pytest.mark.parametrize("down", [30.0, 90.0])
def test_hours_and_share_of_a_bar_are_of_the_same_hours(down: float) -> None:
    """Runs of unlike lengths: hours were means over them, shares means of their shares, which no division gives."""
    runs = [{"useful": 60.0, "idle_free": 40.0, "down": 0.0}, {"useful": 60.0, "idle_free": 40.0, "down": down}]
    hours = mean_by_key(runs)
    plan = {"name": "a", "gpu_hours": hours, "gpu_share": _shares(hours)}
    reach = sum(hours.values())
    for row in _parts(plan, reach):
        if "(" in row["label"]:
            assert row["label"].endswith(f"({share(row['value'] / reach)})")


def test_plans_whose_energy_is_not_known_are_named_beside_others() -> None:
    known = {"assumptions": ["l4: 72 W"], "unknown": []}
    plans = [{"name": "rented", "energy": known}, {"name": "workers", "energy": None}]
    assert energy_notes({"plans": plans}) == [
        "l4: 72 W",
        "Energy or CO2e unknown: that of workers, some of whose nodes the catalog has no machine of",
    ]
    assert energy_notes({"plans": plans[1:]}) == []
