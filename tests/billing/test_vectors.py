"""Worked examples of providers and specifications, to the cent."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcost.billing.commitment import (
    AzureReservation,
    CapacityBlock,
    CapacityReservation,
    FlexibleCud,
    ReservedInstances,
    SavingsPlan,
)
from simcost.billing.commitment.terms import Terms, years_h
from simcost.billing.metering import Line, Metered, UsageIntervals, billed_seconds, metered
from simcost.billing.settlement import Settlement, settle, sustained_use
from simcost.billing.storage_transfer import gb_months, month_usd
from simcost.catalog import load_catalog
from simcost.catalog.facts import BillingRule, TierPrice

VECTORS = Path(__file__).resolve().parents[3] / "shared/vectors/billing.json"
CASES = json.loads(VECTORS.read_text())["cases"] if VECTORS.exists() else []
pytestmark = pytest.mark.skipif(not CASES, reason="no folder `shared` beside the checkout")


def of(kind: str) -> Any:
    return pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in CASES if c["kind"] == kind])


def near(case: dict[str, Any], wanted: float) -> Any:
    return pytest.approx(wanted, rel=case["tolerance"], abs=case["tolerance"])


def line(sku: str, usd: float = 1.0, **more: Any) -> Line:
    return Line(
        provider=more.pop("provider", "aws"),
        sku=sku,
        region="r",
        list_usd=usd,
        contracted_usd=usd,
        as_of="",
        quality="given",
        **more,
    )


def account(lines: list[Line], hours: list[float], horizon_s: float = 3600.0) -> Metered:
    """An account in which so many units of each line run through the whole time."""
    count = len(lines)
    runs = UsageIntervals(
        start_s=np.zeros(count),
        end_s=np.full(count, horizon_s),
        line=np.arange(count),
        units=np.array(hours, float),
    )
    return metered(lines, runs, horizon_s=horizon_s, start_s=0.0)


@of("on_demand")
def test_on_demand(case: dict[str, Any]) -> None:
    given = case["input"]
    rule = BillingRule(
        provider="p",
        granularity_s=given["increment_s"],
        minimum_s=given["minimum_s"],
        source="",
        as_of="",
        quality="A",
    )
    billed = billed_seconds(given["intervals_s"], np.zeros(len(given["intervals_s"]), bool), rule).sum()
    assert billed == near(case, case["expected"]["billed_s"])
    assert billed / 3600 * given["rate_usd_h"] == near(case, case["expected"]["cost_usd"])


@of("capacity_reservation")
def test_capacity_reservations(case: dict[str, Any]) -> None:
    [segment] = case["input"]["segments"]
    used = account([line("m5.large")], [segment["used"]], segment["duration_s"])
    held = CapacityReservation(sku="m5.large", region="r", count=segment["reserved"])
    found = settle(used, [held], load_catalog())
    idle = [ln.reserved_idle for ln in found.account.lines]
    hours = found.account.hours.sum(axis=0)
    assert hours[idle].sum() == near(case, case["expected"]["unused_reservation_h"])
    assert hours[np.logical_not(idle)].sum() == near(case, case["expected"]["instance_h"])
    assert found.effective_usd == near(case, case["expected"]["cost_usd"] * case["input"]["rate_usd_h"])


@of("reserved_instance_hour")
def test_reserved_instances(case: dict[str, Any]) -> None:
    given = case["input"]
    used = given["usage"]
    lines = [line(f"{u['family']}.{u['size']}", u["on_demand_usd_h"], account=u["account"], zone=u["az"]) for u in used]
    hours = [u["instances"] * u["seconds_each"] / 3600 for u in used]
    owned = [
        ReservedInstances(
            sku=f"{r['family']}.{r['size']}",
            region="r",
            count=r["count"],
            account=r["account"],
            zone=r["az"],
            price=0.5,
        )
        for r in given["reservations"]
    ]
    found = settle(account(lines, hours), owned, load_catalog())
    rest = dict(zip((u["id"] for u in used), found.rest_h[0], strict=True))
    assert rest == {name: near(case, value) for name, value in case["expected"]["on_demand_h"].items()}
    covered = {u["id"]: h - rest[u["id"]] for u, h in zip(used, hours, strict=True)}
    assert covered == {name: near(case, value) for name, value in case["expected"]["covered_h"].items()}
    assert found.rest_usd.sum() == near(case, case["expected"]["on_demand_cost_usd"])
    units = sum(b.unused_usd[0] / b.bound.usd_per_unit_h for b in found.bought)
    assert units == near(case, case["expected"]["unused_normalized_h"])


@of("reserved_instance_price")
def test_price_of_a_reserved_instance(case: dict[str, Any]) -> None:
    given = case["input"]
    terms = Terms(
        upfront_usd=given["upfront_usd"],
        recurring_usd_per_h=given["recurring_usd_h"],
        term_h=years_h(given["years"]),
    )
    assert terms.value_usd == near(case, case["expected"]["list_value_usd"])
    assert terms.effective_usd_per_h == near(case, case["expected"]["effective_usd_h"])


@of("savings_plan_hour")
def test_savings_plans(case: dict[str, Any]) -> None:
    given = case["input"]
    lines = [line(u["id"], u["on_demand_usd"]) for u in given["usage"]]
    plans = [savings_plan(p, given["usage"]) for p in given["plans"]]
    found = settle(account(lines, [u["qty"] for u in given["usage"]]), plans, load_catalog())
    expected = case["expected"]
    assert found.effective_usd == near(case, expected["total_usd"])
    assert found.rest_usd.sum() == near(case, expected["on_demand_usd"])
    unused = {one.bound.name: one.unused_usd.sum() for one in found.bought}
    assert unused == {name: near(case, usd) for name, usd in expected["unused_usd"].items()}
    assert covered_quantities(found) == {
        sku: {kind: near(case, q) for kind, q in kinds.items()} for sku, kinds in expected["covered_qty"].items()
    }


def savings_plan(plan: dict[str, Any], usage: list[dict[str, Any]]) -> SavingsPlan:
    kind = plan["kind"]
    rates = {u["id"]: u["rates"][kind] for u in usage if kind in u["rates"]} or {"none": 1.0}
    common: dict[str, Any] = {"name": kind, "commitment": plan["commitment_usd_h"], "rates": rates}
    if kind == "ec2_instance":
        return SavingsPlan(covers="instance", family="c5", region="r", **common)
    return SavingsPlan(covers=kind, **common)


def covered_quantities(found: Settlement) -> dict[str, dict[str, float]]:
    covered: dict[str, dict[str, float]] = {}
    for one in found.bought:
        for i, hours in one.covered_h.items():
            covered.setdefault(found.account.lines[i].sku, {})[one.bound.name] = float(hours.sum())
    return covered


@of("commitment_cashflow")
def test_cash_and_amortised(case: dict[str, Any]) -> None:
    given, expected = case["input"], case["expected"]
    upfront = {0.0: "none", 0.5: "partial", 1.0: "all"}[given["upfront_share"]]
    term_s = given["term_h"] * 3600.0
    plan = SavingsPlan(commitment=given["commitment_usd_h"], upfront=upfront, discount=0.5)
    found = settle(account([line("m5.large", 2.0)], [1.0], term_s), [plan], load_catalog())
    [one] = found.bought
    assert one.one_time_usd.sum() == near(case, expected["one_time_billed_usd"])
    assert np.unique(one.recurring_usd) == near(case, expected["recurring_billed_usd_h"])
    assert np.unique(one.covered_usd[0]) == near(case, expected["usage_effective_usd_h"])
    assert found.billed_usd == near(case, expected["total_billed_usd"])


@of("gcp_sustained_use")
def test_sustained_use(case: dict[str, Any]) -> None:
    [run_h] = case["input"]["usage_h_per_vm"]
    month_h = case["input"]["month_h"]
    hours = np.clip(run_h - np.arange(month_h, dtype=float), 0, 1)
    paid = sustained_use(hours, np.zeros(month_h), np.full(month_h, float(month_h)), 30)
    assert paid.sum() / run_h == pytest.approx(case["expected"]["average_multiplier"], rel=1e-3)


@of("gcp_spend_cud_hour")
def test_flexible_commitments(case: dict[str, Any]) -> None:
    given, expected = case["input"], case["expected"]
    basis = given["commit_basis"].replace("_", "-")
    plan = FlexibleCud(commitment=given["commitment_usd_h"], commit_basis=basis, discount=given["discount"])
    used = account([line("n2-standard-8", 1.0, provider="gcp")], [given["on_demand_equivalent_usd_h"]])
    found = settle(used, [plan], load_catalog(), sustained=False)
    assert plan.hourly_usd == near(case, expected["fee_usd_h"])
    assert found.rest_usd.sum() == near(case, expected["on_demand_remainder_usd_h"])
    assert found.effective_usd == near(case, expected["total_usd_h"])


@of("tiered_month")
def test_tiers_of_a_month(case: dict[str, Any]) -> None:
    given, start, tiers = case["input"], 0.0, []
    for tier in given["tiers"]:
        tiers.append(
            TierPrice(
                provider="p",
                item="egress",
                unit="GB",
                from_gb=start,
                to_gb=tier["up_to"],
                price_usd=tier["usd_per_gb"],
                source="",
                as_of="",
                quality="A",
            )
        )
        start = tier["up_to"]
    usd = month_usd(given["quantity_gb"], tiers)
    assert usd == near(case, case["expected"]["cost_usd"])
    assert usd / given["quantity_gb"] == near(case, case["expected"]["blended_usd_per_gb"])


@of("storage_month")
def test_storage_of_a_month(case: dict[str, Any]) -> None:
    given = case["input"]
    stored = gb_months(given["gb"] * given["hours_present"], given["month_h"])
    assert stored == near(case, case["expected"]["gb_month"])
    assert stored * given["usd_per_gb_month"] == near(case, case["expected"]["cost_usd"])


@of("capacity_block")
def test_capacity_blocks(case: dict[str, Any]) -> None:
    given = case["input"]
    block = CapacityBlock(sku="p5.48xlarge", region="r", count=1, days=given["days"], price=given["rate_usd_h"])
    found = settle(account([line("p5.48xlarge", 60.0)], [1.0], 86400.0 * given["days"]), [block], load_catalog())
    [one] = found.bought
    assert one.one_time_usd.sum() == near(case, case["expected"]["fee_upfront_usd"])
    assert one.covered_h[0].sum() == near(case, case["expected"]["usable_h"])


@of("azure_reservation_hour")
def test_azure_reservations(case: dict[str, Any]) -> None:
    given = case["input"]
    lines = [line("Standard_D4", provider="azure", tags=(("vm", vm["id"]),)) for vm in given["vms"]]
    hours = [vm["seconds"] / 3600 for vm in given["vms"]]
    held = AzureReservation(sku="Standard_D4", region="r", count=given["reserved_qty"], price=0.5)
    found = settle(account(lines, hours), [held], load_catalog())
    [one] = found.bought
    assert sum(h.sum() for h in one.covered_h.values()) * 3600 == near(case, case["expected"]["covered_s"])
    assert found.rest_h.sum() * 3600 == near(case, case["expected"]["payg_s"])
    assert one.unused_usd.sum() / 0.5 * 3600 == near(case, case["expected"]["unused_s"])
