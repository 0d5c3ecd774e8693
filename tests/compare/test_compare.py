"""From many results to a decision: verdict, differences, drivers, document."""

import json
import re
from dataclasses import replace

import pyarrow as pa
import pytest
from support.answers import CHEAP, DEAR, MISSES, MONTHS, NOISE, PROVENANCE, of, report, result, runs
from support.ledgers import HOUR

from simcost.compare import compare, document
from simcost.compare.comparison import difference
from simcost.compare.drivers import drivers
from simcost.compare.verdict import against, verdict
from simcost.errors import InputError, RunError
from simcost.slo.tenants import TenantReport


def test_cheapest_plan_that_meets_the_slo_against_the_baseline() -> None:
    said = verdict(of(DEAR, CHEAP, MISSES))
    month = f"${60 * MONTHS:,.0f}"
    assert said.startswith(f"cheap is the cheapest plan that meets the SLO: {month} a month, ")
    assert " a month (40 %) less than dear (95 % interval $1,2" in said
    assert said.endswith("the next best.")


def test_the_baseline_itself_may_be_best() -> None:
    said = verdict(of(CHEAP, DEAR, MISSES))
    assert said.startswith("cheap, the baseline, is the cheapest plan that meets the SLO: ")
    assert "next is dear, " in said
    assert " a month (66.7 %) more than cheap" in said


@pytest.mark.parametrize("completed", [99, 94, 93, 40])
def test_a_plan_that_answers_fewer_requests_is_not_cheaper_for_the_same_work(completed: int) -> None:
    """As where clients wait for their answers: its costs of a month buy less."""
    fewer = [
        replace(run, served=replace(run.served, requests=run.served.requests | {"completed": completed}))
        for run in CHEAP
        if run.served is not None
    ]
    said = verdict(of(DEAR, fewer))
    told = f"cheap answers {100 - 100 * completed / 99:.3g} % fewer requests than dear: 1M output tokens cost $60.00"
    assert (told in said) is (completed < 94.05)
    assert said.endswith("with it, $100.00 with dear." if completed < 94.05 else "the next best.")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([0.0] * 5, "at the same cost as dear"),
        ([0.0002] * 5, "at the same cost as dear"),
        ([0.004, 0.0, -0.003, 0.002, 0.001], "at the same cost as dear"),
        ([0.05] * 5, "$1.52 a month (0.05 %) more than"),
        ([-0.2, 0.3, -0.1, 0.2, 0.1], "not significantly different from dear ("),
        ([1500.0] * 5, "(1,500 %) more than dear"),
    ],
)
def test_only_differences_that_matter_get_numbers(more: list[float], said: str) -> None:
    other = runs("other", [100.0 + n + m for n, m in zip(NOISE, more, strict=True)])
    assert said in against(difference(*of(DEAR, other).plans[::-1], 0.95))


def test_attainment_bounds_are_shares() -> None:
    plan = document(of(runs("p", [1.0, 2.0], [1.0, 0.98])), PROVENANCE, [])["plans"][0]
    bounds = plan["intervals"]["attainment"]
    assert (bounds["lo"] < 0.98, bounds["hi"]) == (True, 1.0)


def test_noise_is_called_noise() -> None:
    near = runs("near", [99.9 - n for n in NOISE])
    compared = of(DEAR, near)
    assert compared.best.name == "near"
    assert "not significantly different from dear" in verdict(compared)


def test_a_baseline_that_misses_is_said_to_miss() -> None:
    said = verdict(of(MISSES, CHEAP))
    assert "more than misses" in said
    assert "which misses the SLO; no other plan meets the SLO." in said


def test_no_plan_meets_the_slo() -> None:
    worse = runs("worse", [10.0] * 5, [0.5], 9.0)
    assert verdict(of(worse, MISSES)) == (
        "No plan meets the SLO; misses comes closest at $608.33 a month, but misses "
        "attainment 90 % (target 99 %) and TTFT p95 4.2 s (target 2 s)."
    )


def test_a_narrow_miss_is_shown_with_enough_digits() -> None:
    narrow = runs("narrow", [10.0] * 2, [0.98999])
    assert "attainment 98.999 % (target 99 %)" in verdict(of(narrow))


def test_single_plans() -> None:
    assert verdict(of(runs("one", [24.0]))) == (
        "one meets the SLO at $730.00 a month (one replication, so no interval)."
    )
    assert verdict(of(runs("one", [24.0] * 3))) == (
        "one meets the SLO at $730.00 a month (the same in all 3 replications)."
    )
    assert verdict(of(MISSES)).startswith("misses misses the SLO at $608.33 a month")


def test_met_on_average_only() -> None:
    shaky = runs("shaky", [10.0] * 3, [0.999, 0.999, 0.98])
    compared = of(shaky)
    assert compared.best.met_share == pytest.approx(2 / 3)
    assert "meets the SLO (on average; by itself in 2 of 3 runs)" in verdict(compared)


def test_a_plan_without_completed_requests_misses() -> None:
    dead = [result("dead", 0, 5.0, report(None, None))]
    compared = of(dead)
    assert not compared.plans[0].met
    assert "attainment (no request to measure)" in verdict(compared)
    json.dumps(document(compared, PROVENANCE, []), allow_nan=False)


def test_without_requests_no_plan_can_be_judged() -> None:
    """It read `No plan meets the SLO; dead comes closest`, where the review said that none can be judged."""
    dead = result("dead", 0, 5.0, report(None, None))
    assert dead.served is not None
    idle = replace(dead, served=replace(dead.served, requests=dict.fromkeys(dead.served.requests, 0)))
    assert verdict(of([idle])) == "No plan can be judged: no request came; dead costs $152.08 a month."


@pytest.mark.parametrize(("unfinished", "kinds"), [(5, []), (6, ["unfinished-requests"])])
def test_many_requests_that_had_not_ended_are_a_finding(unfinished: int, kinds: list[str]) -> None:
    """Latencies are of requests that completed: the slowest are not in them."""
    [run] = runs("slow", [10.0])
    requests = {**run.served.requests, "completed": 100 - unfinished, "in_system": unfinished}
    found = document(of([replace(run, served=replace(run.served, requests=requests))]), PROVENANCE, [])["findings"]
    assert [finding["kind"] for finding in found] == kinds
    assert all(finding["message"].startswith(f"slow: {unfinished} of 100 requests had not ended") for finding in found)


@pytest.mark.parametrize(("too_long", "kinds"), [(1, []), (2, ["too-long-requests"])])
def test_requests_too_long_to_meet_the_target_are_a_finding(too_long: int, kinds: list[str]) -> None:
    """Of a hundred, one of which may miss."""
    [run] = runs("short", [10.0])
    requests = {**run.served.requests, "completed": 99 - too_long, "rejected": too_long, "too_long": too_long}
    served = replace(run.served, requests=requests, slo=replace(run.served.slo, target=0.99))
    found = document(of([replace(run, served=served)]), PROVENANCE, [])["findings"]
    assert [finding["kind"] for finding in found] == kinds
    assert all("2 of 100 requests (2.0 %) are longer than the KV cache" in finding["message"] for finding in found)
    answered = replace(served, overflowed=too_long)
    assert not document(of([replace(run, served=answered)]), PROVENANCE, [])["findings"]


@pytest.mark.parametrize(("arrived", "kinds"), [((5, 1, 0, 0), ["quiet-end"]), ((5, 0, 0, 1), []), ((0, 0, 0, 0), [])])
def test_a_long_end_without_requests_is_a_finding(arrived: tuple[int, ...], kinds: list[str]) -> None:
    """Costs a month are of the whole run, also after a trace has ended."""
    [run] = runs("long", [10.0])
    hours = pa.table({"start_s": [6.0 * HOUR * i for i in range(4)], "arrived": arrived})
    slo = replace(run.served.slo, hours=hours)
    found = document(of([replace(run, served=replace(run.served, slo=slo))]), PROVENANCE, [])["findings"]
    assert [finding["kind"] for finding in found] == kinds
    assert all("no request arrives in the last 12 h of 24 h" in finding["message"] for finding in found)


@pytest.mark.parametrize(("judged", "kinds"), [(95, []), (94, ["undecided-tenant"])])
def test_a_tenant_that_may_still_miss_is_a_finding(judged: int, kinds: list[str]) -> None:
    """Batch work that waits at the end of the run, few of all requests and many of its tenant."""
    [run] = runs("night", [10.0])
    tenant = TenantReport(
        name="batch",
        requests={"arrived": 100, "completed": judged, "in_system": 100 - judged},
        rate_limited=0,
        prompt_tokens=0,
        output_tokens=0,
        judged=judged,
        attainment=1.0,
        error_share=0.0,
        goodput_per_s=1.0,
        metrics={},
        target=0.99,
        limits={},
        checks=(),
    )
    slo = replace(run.served.slo, tenants=(tenant,))
    found = document(of([replace(run, served=replace(run.served, slo=slo))]), PROVENANCE, [])["findings"]
    assert [finding["kind"] for finding in found] == kinds
    assert all("6 of 100 requests of batch had not ended" in finding["message"] for finding in found)


def test_of_many_tenants_that_may_still_miss_the_first_are_told() -> None:
    """There was a finding for each of thousands."""
    [run] = runs("night", [10.0])
    same = {"rate_limited": 0, "prompt_tokens": 0, "output_tokens": 0, "attainment": 1.0, "error_share": 0.0}
    same |= {"goodput_per_s": 1.0, "metrics": {}, "target": 0.99, "limits": {}, "checks": (), "judged": 3}
    counts = {"arrived": 4, "completed": 3, "in_system": 1}
    tenants = tuple(TenantReport(name=f"t{k}", requests=counts, **same) for k in range(40))
    slo = replace(run.served.slo, tenants=tenants)
    found = document(of([replace(run, served=replace(run.served, slo=slo))]), PROVENANCE, [])["findings"]
    assert [finding["kind"] for finding in found] == ["undecided-tenant"] * 3 + ["undecided-tenants"]
    assert found[-1]["tenants"] == [f"t{k}" for k in range(3, 40)]
    assert "37 further tenants" in found[-1]["message"]


def test_pairs_need_the_same_replications() -> None:
    with pytest.raises(RunError, match=r"'cheap' has the replications \[0, 1, 2\]"):
        of(DEAR, CHEAP[:3])


def test_results_are_paired_by_replication_not_by_place() -> None:
    assert of(DEAR, CHEAP[::-1]).differences == of(DEAR, CHEAP).differences


def test_unknown_baseline_and_level() -> None:
    with pytest.raises(InputError, match=r"'deer' is none of the plans; did you mean 'dear'\?"):
        of(DEAR, baseline="deer")
    with pytest.raises(InputError, match=r"level 95 is not between 0 and 1; write e\.g\. 0\.95"):
        compare({"dear": DEAR}, scenario="s", model="m", baseline="dear", level=95)


def test_drivers_add_up_to_the_difference() -> None:
    base = [result("base", 0, 240.0, hours=24.0, busy=0.3)]
    plan = [result("plan", 0, 120.0, hours=8.0, busy=0.9)]
    found = drivers(of(base, plan))
    assert sum(found.effects_usd.values()) == pytest.approx((120.0 - 240.0) * MONTHS)
    price, hours = (15.0 - 10.0) / 8, (64.0 - 192.0) * MONTHS
    assert found.effects_usd["price"] == pytest.approx(price * (64.0 + 192.0) / 2 * MONTHS)
    assert found.effects_usd["hours"] == pytest.approx(hours * (15.0 + 10.0) / 16)
    first, second, third = found.sentences()
    assert first.startswith("Accelerator-hours a month: 1,947 against 5,840 in base: -$")
    assert second.startswith("Price per accelerator-hour: $1.88 against $1.25 in base: +$")
    assert third == "Compute money of plan (of base) by state: computing 90 % (30 %), idle 10 % (70 %)."


def test_nodes_without_accelerators_have_no_price_of_an_accelerator_hour() -> None:
    """Hours of vCPUs were added to those of GPUs: "12,410 accelerator-hours against 2,920" of a cheaper plan."""
    base = [result("base", 0, 240.0)]
    plan = [replace(result("plan", 0, 120.0), on_processors=True)]
    compared = of(base, plan)
    found = drivers(compared)
    assert sum(found.effects_usd.values()) == pytest.approx((120.0 - 240.0) * MONTHS)
    assert found.sentences()[0] == "Compute: -$3,650 a month."
    costs = {one["name"]: one["unit_costs"] for one in document(compared, PROVENANCE, [])["plans"]}
    assert costs["plan"]["usd_per_useful_accelerator_hour"] is None
    assert costs["base"]["usd_per_useful_accelerator_hour"] > 0


def test_document_keys() -> None:
    made = document(of(DEAR, CHEAP, MISSES), PROVENANCE, ["result.json"])
    again = json.loads(json.dumps(made, allow_nan=False))
    cheap = again["plans"][1]
    assert cheap["cost_usd"]["total"] == pytest.approx(59.94 + 0.06)
    assert cheap["cost_usd"]["per_month"] == pytest.approx(cheap["cost_usd"]["total"] * MONTHS)
    assert sum(cheap["cost_usd"]["by_category"].values()) == pytest.approx(cheap["cost_usd"]["total"])
    assert sum(cheap["cost_usd"]["by_state"].values()) == pytest.approx(cheap["cost_usd"]["by_category"]["compute"])
    assert set(cheap["slo"]["metrics"]["ttft_s"]) >= {"p50", "p95", "p99"}
    counts = cheap["requests"]
    assert counts["arrived"] == sum(counts[name] for name in ("completed", "rejected", "timed_out", "in_system"))
    gap = again["differences"][0]["cost_usd"]
    assert gap["mean"] == pytest.approx(-40.0)
    assert gap["lo"] < gap["mean"] < gap["hi"]
    assert (again["best"], again["baseline"], gap["level"]) == ("cheap", "dear", 0.95)
    prices = again["provenance"].pop("prices")
    assert again["provenance"] == PROVENANCE
    assert {(row["sku"], row["as_of"]) for row in prices} == {
        (row["sku"], row["as_of"]) for plan in again["plans"] for row in plan["prices"]
    }
    assert all(any(row["as_of"] in line and row["sku"] in line for line in again["assumptions"]) for row in prices)


def test_one_replication_is_said_plainly() -> None:
    made = document(of(DEAR[:1], CHEAP[:1]), PROVENANCE, [])
    assert made["differences"][0]["cost_usd"] == pytest.approx(
        {"mean": -40.1, "lo": None, "hi": None, "level": 0.95, "margin": None}
    )
    assert made["plans"][0]["intervals"]["per_month_usd"] is None
    assert any("One replication" in line for line in made["assumptions"])


def test_many_plans_are_corrected_for_their_number_and_a_margin_calls_plans_equivalent() -> None:
    slight = runs("slight", [100.0 + n + d for n, d in zip(NOISE, (1.0, 2.0, 0.5, 1.5, 0.2), strict=True)])
    others = [
        runs(f"other {i}", [100.0 + n + d for n, d in zip(NOISE, (0.1, -0.1, 0.2, -0.2, 0.05), strict=True)])
        for i in range(9)
    ]
    assert document(of(DEAR, slight), PROVENANCE, [])["differences"][0]["noise_explains"] is False
    among = document(of(DEAR, slight, *others), PROVENANCE, [])["differences"][0]
    assert among["noise_explains"] is True
    assert among["adjusted"]["comparisons"] == 10
    assert among["adjusted"]["adjusted_p"] > 0.05 > among["adjusted"]["p"]
    first = verdict(of(slight, DEAR, *others))
    assert "not significantly different" in first
    lo, hi = re.findall(r"95 % interval (-?\$[\d.]+) to (-?\$[\d.]+), of 10 comparisons at once", first)[0]
    assert (lo[0], hi[0]) == ("-", "$")  # it holds 0
    named = {results[0].plan: results for results in (DEAR, slight)}
    close = compare(named, scenario="s", model="m", baseline="dear", margin=0.05)
    assert document(close, PROVENANCE, [])["differences"][0]["relation"] == "equivalent"
    assert "equivalent to dear (95 % interval" in verdict(close)
