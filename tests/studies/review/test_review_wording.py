"""Wording of the review: the basis of each figure says what stands there."""

from types import SimpleNamespace
from typing import Any

import pytest

from simcost.compare import plan_levels
from simcost.present.parts import Part
from simcost.studies.review.money import _mean_list_price
from simcost.studies.review.money_view import allocation, list_price, use
from simcost.studies.review.page import _height_class
from simcost.studies.review.plan_terms import terms_of
from simcost.studies.review.result import ChargeOfMonth
from simcost.studies.review.view import _basis_of_peak, _checked, _figure_rows
from simcost.studies.review.wording import badge, decision, measure, recommendation, rejected, risks


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


def test_the_uses_of_the_money_add_up_to_the_total_of_each_plan() -> None:
    """A use that the first plan does not have, as of unused commitments, was in no column."""
    uses = [{"allocated": 10.0, "idle": 5.0}, {"allocated": 10.0, "idle": 5.0, "unused_commitment": 80.0}]
    plans = [
        {"name": f"plan {i}", "cost_usd": {"per_month": sum(found.values())}, "allocation_usd_per_month": found}
        for i, found in enumerate(uses)
    ]
    review: Any = SimpleNamespace(document={"plans": plans})
    for row in allocation(review).rows or []:
        total, *parts = [float(cell.removeprefix("$")) for name, cell in row.items() if name != "Plan"]
        assert sum(parts) == total


@pytest.mark.parametrize(
    ("runs", "basis"), [(1, "utilisation 50.0 %"), (3, "in the first of 3 replications; utilisation 50.0 % on average")]
)
def test_the_peak_of_one_replication_is_not_said_of_all(runs: int, basis: str) -> None:
    review: Any = SimpleNamespace(document={"replications": runs})
    assert _basis_of_peak(review, {"utilisation": 0.5}) == basis


def test_own_prices_are_no_prices_of_a_catalog() -> None:
    """They have no quality and no date: `owned/node (given, )`."""
    slo = {"met_share": 1.0, "error_budget_used": None, "hours_missed": None}
    prices = [
        {"provider": "owned", "sku": "node", "quality": "given", "as_of": ""},
        {"provider": "x", "sku": "y", "quality": "C", "as_of": "2026-01-02"},
    ]
    plan = {"name": "a", "slo": slo, "prices": prices}
    document = {"plans": [plan], "best": "a", "closest": "a", "replications": 2, "differences": []}
    assert list(risks(document)) == [
        "Prices of a quality below A: x/y (C, 2026-01-02).",
        "Prices that the scenario states, which no source confirms: owned/node.",
    ]


def test_a_forecast_meets_its_slo_in_futures_not_on_average() -> None:
    """`SLO met: 87.2 % of requests within all limits, target 95 %` was said of a plan that misses 2 futures of 8."""
    slo = {"met": True, "met_share": 0.75, "attainment": 0.872, "target": 0.95, "checks": []}
    slo |= {"error_budget_used": None, "hours_missed": None}
    plan: dict[str, Any] = {"name": "a", "slo": slo, "quality": None, "prices": [], "cost_usd": {"per_month": 955.5}}
    document = {"plans": [plan], "best": "a", "closest": "a", "replications": 8, "differences": [], "futures": {}}
    assert badge(document) == "SLO met in 6 of 8 futures"
    assert list(risks(document)) == ["a misses the SLO in 2 of 8 futures."]
    assert recommendation(document) == "Take a: it meets the SLO at $955.50 a month in the mean over the futures."
    assert decision(document).startswith("Approve a at $955.50 a month in the mean over the futures, for")
    costs = {"plan": "a", "breach_budget": 0.25}
    document["futures"] = {"plans": [costs], "budget_usd": 950.0}
    assert list(risks(document))[1:] == ["a costs more than the budget of $950.00 a month in 2 of 8 futures."]
    document["futures"] = {"plans": [costs | {"breach_budget": None}], "budget_usd": None}
    assert len(list(risks(document))) == 1


def test_the_target_of_jobs_stands_beside_those_of_services() -> None:
    """A plan missed the wait of its jobs, and the table of targets did not have it."""
    wait = {"name": "wait_s p95", "measured": 5971.6, "target": 5400.0, "met": False}
    ttft = {"name": "ttft_s p95", "measured": 0.1, "target": 1.0, "met": True}
    plan = {
        "name": "a",
        "slo": {"checks": [wait], "limits": {}},
        "services": [{"name": "chat", "slo": {"checks": [ttft], "limits": {}}}],
    }
    review: Any = SimpleNamespace(document={"plans": [plan]})
    rows = _checked(review, of_services=True).rows or []
    assert [(row["Plan"], row["Target"], row["SLO"]) for row in rows] == [
        ("chat: a", "ttft p95", "met"),
        ("a", "wait p95", "missed"),
    ]


def test_uses_of_money_have_the_words_of_the_other_tables() -> None:
    assert [use(name) for name in ("allocated", "idle_blocked", "unused_commitment")] == [
        "At work",
        "Idle (a job waits)",
        "Unused commitment",
    ]


def test_no_capacity_is_asked_for_where_no_request_came() -> None:
    plan: dict[str, Any] = {
        "name": "a",
        "requests": {"arrived": 0},
        "slo": {"met": False},
        "cost_usd": {"per_month": 603.5},
    }
    document = {"plans": [plan], "best": None, "closest": "a"}
    assert recommendation(document) == "No plan can be judged: no request came; a costs $603.50 a month."
    assert decision(document).startswith("A demand with requests")
    plan["requests"]["arrived"] = 1
    assert decision(document).startswith("More capacity")


def test_spot_nodes_of_a_cluster_are_among_its_terms() -> None:
    """16 GPUs on demand and 24 on spot read `40 GPUs, on demand`."""
    spot = {"nodes": 3, "offer": "aws/p4d.24xlarge", "price": 5.0}
    plan = {
        "name": "mixed",
        "buy": {"kind": "on-demand", "offer": "aws/p4d.24xlarge"},
        "training": {"kind": "spot", "gpus": 16, "spot": spot},
    }
    [terms] = terms_of(plan, {"name": "mixed", "gpus": 40, "prices": []})
    assert terms.terms == "on demand, and 3 spot aws/p4d.24xlarge at $5/h"
    assert terms.scaling == "jobs fifo skip"
    plan["training"] = {"kind": "spot", "gpus": 0, "spot": spot}
    [terms] = terms_of(plan, {"name": "mixed", "gpus": 24, "prices": []})
    assert terms.terms == "3 spot aws/p4d.24xlarge at $5/h", "no node of it is on demand"


def judged(name: str = "a", *, met: bool = True, value: float | None = 65.3) -> dict[str, Any]:
    """A plan whose model is not good enough."""
    slo = {"met": met, "attainment": 0.994, "target": 0.99, "missed": "attainment 98 % (target 99 %)"}
    quality = {"metric": "mmlu", "value": value, "met": False}
    cost = {"per_month": 1381.0}
    return {"name": name, "slo": slo, "quality": quality, "cost_usd": cost, "requests": {"arrived": 5}}


def test_a_model_that_is_not_good_enough_asks_for_no_capacity() -> None:
    """It read `a comes closest to the SLO`, `SLO met` and `More capacity, other hardware or another SLO`."""
    quality = {"metric": "mmlu", "at_least": 70.0}
    document: dict[str, Any] = {"plans": [judged(), judged("b")], "best": None, "closest": "a", "quality": quality}
    assert recommendation(document) == (
        "Take none of these plans: a meets the SLO at $1,381 a month, but its model is not good enough."
    )
    assert badge(document) == (
        "SLO met: 99.4 % of requests within all limits, target 99 %; quality too low: mmlu 65.3, at least 70 asked for"
    )
    assert decision(document).startswith("A better model, or another limit of quality;")
    document["plans"] = [judged(value=None)]
    assert recommendation(document).startswith("Do not take a: it meets the SLO at $1,381 a month, but")
    assert "quality too low: mmlu not known, at least 70" in badge(document)


def test_the_quality_of_services_counts() -> None:
    """Of several services the plan has no quality of its own: a plan that was rejected for it read `meets the SLO`."""
    plan = judged() | {"quality": None, "services": [judged("chat")]}
    best = judged("best") | {"quality": None}
    document = {"plans": [plan, best], "best": "best", "closest": "best"}
    why = "a: its model is not good enough (mmlu 65.3); $1,381 a month (0.0 % against best)."
    assert list(rejected(document)) == [why]
    plan["services"] = [judged("chat", value=None)]
    assert "not good enough (mmlu not known); " in next(rejected(document)), "as the verdict says it"


def test_of_one_plan_that_misses_nothing_is_said_of_others() -> None:
    document = {"plans": [judged(met=False)], "best": None, "closest": "a"}
    assert recommendation(document) == "Do not take a as it is: it misses the SLO, at $1,381 a month."


def test_services_that_use_up_their_error_budget_are_a_risk() -> None:
    """Of several services the plan has no error budget of its own, and nothing was said."""
    slo = {"met_share": 1.0, "error_budget_used": None, "hours_missed": 0.111}
    services = [{"name": name, "slo": {"error_budget_used": used}} for name, used in (("chat", 0.616), ("code", 0.4))]
    plan = {"name": "a", "slo": slo, "prices": [], "services": services}
    document = {"plans": [plan], "best": "a", "closest": "a", "replications": 2, "differences": []}
    assert list(risks(document)) == [
        "chat under a consumes 61.6 % of its error budget: little room for more demand.",
        "a misses the SLO in 0.111 hours of the run.",
    ]


def test_an_api_for_the_overflow_is_among_the_terms() -> None:
    """`API for the peak` read `on demand`, and no table of the decision named the API."""
    plan = {
        "name": "a",
        "buy": {"kind": "on-demand", "offer": "aws/g6e.xlarge"},
        "replica": {"accelerator": "l40s"},
        "overflow": {"api": "deepinfra/llama"},
    }
    [terms] = terms_of(plan, {"name": "a", "prices": []})
    assert terms.terms == "on demand, API deepinfra/llama for the overflow"


def test_a_list_price_of_tiers_is_their_mean() -> None:
    """Replications with other volumes have other mean prices of egress, and the table had a dash."""
    tiers = [(900.0, 0.09), (1100.0, 0.08)]
    rows = [
        {"list_unit_price_usd": price, "consumed_quantity": amount, "list_cost_usd": price * amount}
        for amount, price in tiers
    ]
    assert _mean_list_price(rows) == pytest.approx(0.0845)
    assert _mean_list_price(rows[:1]) == 0.09
    charge = ChargeOfMonth(
        plan="a", charge="aws/egress", quantity=2000, unit="GB", list_unit_price_usd=0.0845, is_mean_price=True, usd=169
    )
    assert list_price(charge) == "$0.0845/GB in the mean"


@pytest.mark.parametrize(("height", "kind"), [(408, ""), (728, "tall"), (1328, "page")])
def test_charts_of_many_plans_get_more_of_a_page(height: int, kind: str) -> None:
    """Those of 30 plans were shrunk to 77 mm, so that no name could be read."""
    drawn = f'<figure><svg class="marks" width="854" height="{height}" viewBox="0 0 854 {height}">'
    assert _height_class(Part(title="Latency", chart=None), drawn) == kind


def test_a_narrow_miss_is_seen_beside_its_target() -> None:
    """It read `asked for 99.0 %, measured 99.0 %, missed`."""
    near = {"name": "attainment", "measured": 0.98999, "target": 0.99, "met": False}
    late = {"name": "ttft_s p95", "measured": 1.0004, "target": 1.0, "met": False}
    assert [measure(near, key) for key in ("measured", "target")] == ["98.999 %", "99.0 %"]
    assert [measure(late, key) for key in ("measured", "target")] == ["1.0004 s", "1 s"]
    assert measure(near | {"met": True, "measured": 0.99001}, "measured") == "99.0 %"
