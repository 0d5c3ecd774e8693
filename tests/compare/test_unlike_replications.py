"""Replications of a plan that differ: in their lengths, as jobs alone may, and in what they bought."""

from dataclasses import replace
from math import fsum

import pytest
from support.answers import DAY, PROVENANCE, of, result

from simcost.billing.bill import Place, UnitPrice, volume_charge
from simcost.billing.energy import EnergyReport
from simcost.compare import document
from simcost.compare.results import RunResult


def unlike(plan: str, usd: float) -> list[RunResult]:
    """Two runs, of a day and of a quarter of it; requests of the second alone are answered by an API."""
    first, second = result(plan, 0, usd), result(plan, 1, usd / 2)
    price = UnitPrice(list_usd=2e-6, paid_usd=2e-6, as_of="2026-07-20", quality="A", source="api list")
    place = Place(provider="api", region="any", start_s=0.0, end_s=DAY / 4)
    tokens = volume_charge(place, "tokens", "model-x", 1e6, "1000000 Tokens", price)
    bill = replace(second.bill, horizon_s=DAY / 4, charges=(*second.bill.charges, tokens))
    return [first, replace(second, bill=bill)]


def test_parts_of_a_month_add_up_to_it() -> None:
    told = document(of(unlike("a", 100.0), unlike("b", 60.0)), PROVENANCE, [])
    for plan in told["plans"]:
        month = plan["cost_usd"]["per_month"]
        assert fsum(plan["allocation_usd_per_month"].values()) == pytest.approx(month)
        assert fsum(charge["usd_per_month"] for charge in plan["charges"]) == pytest.approx(month)
        assert fsum(plan["cost_usd"]["by_category"].values()) == pytest.approx(plan["cost_usd"]["total"])
    difference = told["differences"][0]["per_month_usd"]["mean"]
    assert fsum(told["decomposition"]["per_month_usd"].values()) == pytest.approx(difference)


def test_prices_of_what_a_later_replication_alone_bought() -> None:
    told = document(of(unlike("a", 100.0), unlike("b", 60.0)), PROVENANCE, [])
    assert "model-x" in {price["sku"] for price in told["plans"][0]["prices"]}
    assert "model-x" in {price["sku"] for price in told["provenance"]["prices"]}
    assert sum(price["sku"] == "big" for price in told["plans"][0]["prices"]) == 1


def test_accelerators_work_as_much_as_in_the_mean_of_all_replications() -> None:
    def energy(share: float) -> EnergyReport:
        return EnergyReport(
            accelerators_kwh=share,
            hosts_kwh=0.0,
            kwh=share,
            gco2e=None,
            embodied_gco2e=None,
            pue=1.0,
            g_per_kwh=None,
            utilisation=share,
            unknown=(),
            assumptions=("a fact",),
        )

    runs = [replace(result("a", r, 100.0), energy=energy(share)) for r, share in enumerate((0.2, 0.6))]
    [plan] = document(of(runs), PROVENANCE, [])["plans"]
    assert plan["energy"]["working_share"] == pytest.approx(0.4)
    assert plan["energy"]["assumptions"] == ["a fact"]  # none of them is of a single replication
