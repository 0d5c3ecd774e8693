"""The front of a search: objectives that count, plans near it, the knee, and what is not known."""

from dataclasses import replace
from math import inf
from typing import Any

import pytest
from support.answers import MONTHS, NOISE, report, result, runs

from simcost.billing.energy import EnergyReport
from simcost.compare.confidence import interval
from simcost.compare.results import RunResult, summarise
from simcost.perf.quality import ModelQuality
from simcost.slo import Slo
from simcost.studies.optimizing import charts
from simcost.studies.optimizing.charts import front as drawn
from simcost.studies.optimizing.charts import listed, place
from simcost.studies.optimizing.front_plans import FrontPlan, Level, common_quality, front_plan
from simcost.studies.optimizing.frontier import Frontier
from simcost.studies.optimizing.levels import unit
from simcost.studies.optimizing.view import frontier, objectives

GOOD = ModelQuality(model="m", metric="mmlu", value=65.0, source="a table")
UNKNOWN = ModelQuality(model="m", metric="mmlu", value=None, source="the catalog has no mmlu of m")


def energy(grams: float | None, *unknown: str) -> EnergyReport:
    return EnergyReport(
        accelerators_kwh=1.0,
        hosts_kwh=1.0,
        kwh=2.0,
        gco2e=grams,
        embodied_gco2e=None,
        pue=1.0,
        g_per_kwh=None,
        utilisation=0.5,
        unknown=unknown,
        assumptions=(),
    )


def plan(results: list[RunResult], *, grams: float | None = 1e3, quality: ModelQuality | None = GOOD) -> FrontPlan:
    """A plan with the carbon of each run."""
    report_ = energy(grams, *(["no grid of acme"] if grams is None else []))
    named = results[0].plan
    summary = summarise(named, [replace(one, energy=report_) for one in results], 0.95)
    return front_plan(summary, quality, 0.95, met=summary.met)


def noisy(name: str, usd: float, attainment: float = 0.995, ttft_p95_s: float = 1.5, **more: Any) -> FrontPlan:
    return plan(runs(name, [usd + n for n in NOISE], [attainment], ttft_p95_s), **more)


def names(document: dict[str, Any], *, near: bool = False) -> list[str]:
    return [one["name"] for one in document["frontier"] if one["near"] == near]


def test_the_carbon_of_what_an_api_answers_is_not_known() -> None:
    """It counted as none: a plan that sends most requests to an API beat one that answers them in carbon."""
    results = runs("api", [90.0 + n for n in NOISE], [0.995], 1.5)
    sent = [replace(one, served=one.served and replace(one.served, overflowed=7)) for one in results]
    found = Frontier([noisy("own", 60.0), plan(sent, grams=1.0)], 0.95).document()
    assert found["objectives_unknown"] == [
        {
            "objective": "carbon",
            "plans": 1,
            "reason": "the energy of what an API answers is not known",
            "names": ["api"],
        }
    ]
    assert "api" not in names(found)


def test_a_point_has_every_objective_with_its_interval() -> None:
    found = Frontier([noisy("a", 60.0, grams=2e3)], 0.95).document()
    assert found["objectives"] == ["cost", "attainment", "latency", "carbon", "risk", "quality"]
    assert found["objectives_unknown"] == []
    [point] = found["frontier"]
    assert point["usd_per_month"] == pytest.approx((60.0 + sum(NOISE) / 5) * MONTHS)
    assert point["intervals"]["usd_per_month"]["lo"] < point["usd_per_month"]
    assert point["intervals"]["attainment"]["lo"] == point["attainment"] == 0.995
    assert point["kg_co2e_per_month"] == pytest.approx(2.0 * MONTHS)
    assert point["ttft_p95_s"] == 1.5
    assert "tpot_p95_s" not in point, "the SLO says nothing of it"
    assert (point["risk"], point["quality"], point["quality_metric"], point["unknown"]) == (0.0, 65.0, "mmlu", [])


def test_the_time_per_token_counts_where_the_slo_limits_it() -> None:
    slo = Slo(ttft=2.0, tpot=0.1)
    found = Frontier([plan([result("a", i, 10.0, report(0.99, 0.05, slo)) for i in range(2)])], 0.95).document()
    assert found["frontier"][0]["tpot_p95_s"] == 0.05


@pytest.mark.parametrize(
    ("better", "objective"),
    [
        (noisy("better", 90.0, 0.999), "attainment"),
        (noisy("better", 90.0, ttft_p95_s=1.0), "latency"),
        (noisy("better", 90.0, grams=5e2), "carbon"),
        (noisy("better", 90.0, quality=replace(GOOD, value=70.0)), "quality"),
    ],
)
def test_a_plan_stays_where_it_is_better_in_one_objective(better: FrontPlan, objective: str) -> None:
    plans = [noisy("cheap", 60.0), better]
    assert names(Frontier(plans, 0.95).document()) == ["cheap", "better"]
    assert names(Frontier(plans, 0.95, [objective]).document()) == ["cheap", "better"]
    assert names(Frontier(plans, 0.95, ["risk"]).document()) == ["cheap"]


def test_risk_is_the_share_of_replications_that_miss() -> None:
    often = plan(runs("often", [60.0 + n for n in NOISE], [0.98, 0.98, 0.999]))
    found = Frontier([often, noisy("never", 90.0, 0.992)], 0.95, ["risk"]).document()
    assert found["objectives"] == ["cost", "risk"]
    assert [one["risk"] for one in found["frontier"]] == [0.4, 0.0]
    assert found["knee"] is None


def test_a_plan_with_an_unknown_value_is_compared_in_the_others_and_named_never_zero() -> None:
    known, unknown = noisy("known", 60.0), noisy("b", 90.0, grams=None, quality=UNKNOWN)
    found = Frontier([known, unknown], 0.95).document()
    assert found["objectives"] == ["cost", "attainment", "latency", "carbon", "risk", "quality"]
    assert found["objectives_unknown"] == [
        {"objective": "carbon", "plans": 1, "reason": "no grid of acme", "names": ["b"]},
        {"objective": "quality", "plans": 1, "reason": "the catalog has no mmlu of m", "names": ["b"]},
    ]
    assert names(found) == ["known"], "it is more expensive, and no better in what is known of it"
    assert "Carbon is unknown for 1 of the plans, which is compared in the other objectives: no grid of acme." in (
        objectives(found)
    )
    cheap = noisy("cheap", 30.0, grams=None, quality=UNKNOWN)
    found = Frontier([known, cheap], 0.95).document()
    assert names(found) == ["cheap", "known"], "the other may have more carbon, which is not known"
    assert found["frontier"][0]["unknown"] == ["no grid of acme", "the catalog has no mmlu of m"]
    assert (found["frontier"][0]["kg_co2e_per_month"], found["frontier"][0]["quality"]) == (None, None)


def test_what_is_unknown_of_all_plans_is_no_objective() -> None:
    found = Frontier([noisy("a", 60.0, grams=None), noisy("b", 90.0, grams=None)], 0.95).document()
    assert "carbon" not in found["objectives"]
    assert [one["plans"] for one in found["objectives_unknown"]] == [2]
    assert "Not an objective: carbon, unknown for 2 of the plans: no grid of acme." in objectives(found)


def test_a_plan_that_completes_nothing_has_the_longest_latency() -> None:
    slow, none = noisy("slow", 90.0), plan([result("none", i, 60.0, report(0.0, None)) for i in range(5)])
    assert names(Frontier([slow, none], 0.95, ["latency"]).document()) == ["none", "slow"]
    assert names(Frontier([none, noisy("cheap", 30.0)], 0.95, ["latency"]).document()) == ["cheap"]


def test_plans_that_chance_alone_keeps_off_the_front_are_near_it() -> None:
    costs = [61.0, 52.0, 70.0, 66.0, 55.0]
    found = Frontier([noisy("a", 60.0), plan(runs("noisy", costs)), noisy("dear", 90.0)], 0.95).document()
    assert names(found) == ["a"]
    assert names(found, near=True) == ["noisy"]


def test_attainments_within_a_tenth_of_the_error_budget_count_as_equal_for_plans_near_the_front() -> None:
    plans = [noisy("a", 60.0, 0.9950), noisy("within", 90.0, 0.9955), noisy("more", 95.0, 0.9965)]
    found = Frontier(plans, 0.95).document()
    assert names(found) == ["a", "within", "more"], "means decide on the front, as for equal plans"
    assert names(found, near=True) == []


def test_the_knee_is_named_in_document_text_and_chart() -> None:
    plans = [noisy("a", 20.0, 0.9), noisy("b", 30.0, 0.99), noisy("c", 90.0, 0.999), noisy("beaten", 95.0, 0.8)]
    found = Frontier(plans, 0.95).document()
    assert found["knee"] == "b"
    assert [place(found, one) for one in found["frontier"]] == ["on", "knee", "on"]
    assert objectives(found)[-1] == "Knee of cost and attainment: b."
    assert [row["front"] for row in frontier(found)] == ["on", "knee", "on"]
    assert "kg CO2e" not in frontier(found)[0], "all are alike in it"
    layers = drawn(found).to_dict()["layer"]
    assert layers[-1]["mark"]["text"] == "knee"


def jobs(name: str, usd: float, waits_s: list[float], kept: list[float], *, deadlines: bool = True) -> FrontPlan:
    """A plan of jobs alone, with a target of their waiting and one of their deadlines."""
    levels = [("wait_s p95", waits_s, 60.0), *([("deadlines", kept, 0.9)] if deadlines else [])]
    made = noisy(name, usd)
    found = [
        Level(
            name=of,
            values=values,
            target=target,
            interval=None if inf in values else interval(values, 0.95),
        )
        for of, values, target in levels
    ]
    return replace(made, attainment=None, latency_s={}, jobs=found, quality=None)


def test_jobs_alone_are_held_against_their_targets() -> None:
    fast, slow = jobs("fast", 90.0, [10.0] * 5, [1.0] * 5), jobs("slow", 60.0, [50.0] * 5, [0.9] * 5)
    worse = jobs("worse", 95.0, [10.0] * 5, [0.95] * 5)
    found = Frontier([fast, slow, worse], 0.95).document()
    assert names(found) == ["slow", "fast"]
    assert (found["measure"], found["objectives"]) == ("deadlines", ["cost", "jobs", "carbon", "risk"])
    assert found["frontier"][0]["jobs"] == {"wait_s p95": 50.0, "deadlines": 0.9}
    assert [(row["P95 wait"], row["deadlines kept"]) for row in frontier(found)] == [
        ("50 s", "90.0 %"),
        ("10 s", "100.0 %"),
    ]
    assert drawn(found).to_dict()["title"]["text"] == "Cost a month against deadlines kept"


def test_jobs_that_never_start_wait_the_longest_and_are_no_point_of_the_chart() -> None:
    plans = [
        jobs("never", 30.0, [inf, 5.0, 5.0, 5.0, 5.0], [], deadlines=False),
        jobs("late", 60.0, [50.0, 51.0, 49.0, 50.0, 50.0], [], deadlines=False),
        jobs("knee", 62.0, [20.0, 21.0, 19.0, 20.0, 20.0], [], deadlines=False),
        jobs("soon", 90.0, [10.0] * 5, [], deadlines=False),
        jobs("never, for more", 31.0, [inf] * 5, [], deadlines=False),
    ]
    found = Frontier(plans, 0.95).document()
    assert names(found) == ["never", "late", "knee", "soon"]
    assert found["frontier"][0]["jobs"] == {"wait_s p95": None}
    assert (found["measure"], found["knee"]) == ("wait_s p95", "knee")
    assert drawn(found).to_dict()["layer"][2]["encoding"]["y"]["title"] == "P95 wait (s)"
    assert unit("wait_s p95", 7200.0) == ("h", 1 / 3600)
    assert unit("wait_s p95", 7100.0) == ("min", 1 / 60)
    chart = drawn(found).to_json()
    assert "late" in chart
    assert "never" not in chart


def test_no_plans_have_no_front() -> None:
    nothing = {"frontier": [], "objectives": [], "objectives_unknown": [], "measure": None, "knee": None}
    assert Frontier([], 0.95).document() == nothing


def test_quality_of_several_services() -> None:
    low = replace(GOOD, value=50.0)
    assert common_quality({"a": GOOD, "b": low}) == low
    assert common_quality({"a": GOOD, "b": UNKNOWN}) == UNKNOWN
    assert common_quality({"a": GOOD, "b": replace(GOOD, metric="gsm8k")}) is None
    assert common_quality({}) is None
    [point] = Frontier([noisy("a", 60.0, quality=None)], 0.95).document()["frontier"]
    assert "no quality by one benchmark" in point["unknown"][0]


@pytest.mark.parametrize(
    ("words", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_lists_in_sentences(words: list[str], said: str) -> None:
    assert listed(words) == said


def test_a_plan_that_meets_on_average_alone_is_neither_met_nor_missed() -> None:
    levels = [
        charts.service_level(point)
        for point in (
            {"met": True},
            {"met": True, "confirmed": False},
            {"met": False, "on_average": True},
            {"met": False},
        )
    ]
    assert levels == [charts.MET, charts.UNCONFIRMED, charts.ON_AVERAGE, charts.MISSED]
