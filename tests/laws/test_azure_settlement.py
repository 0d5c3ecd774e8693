"""Azure and Google Cloud commitments against a plain retelling, one unit of usage at a time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.billing.books import compute_charges
from simcost.billing.commitment import AzureReservation, AzureSavingsPlan, Commitment, FlexibleCud, ResourceCud
from simcost.billing.metering import Line, Metered, UsageIntervals
from simcost.billing.settlement import settle
from simcost.catalog import load_catalog

CATALOG = load_catalog()
RATIOS = {"Standard_D2": 1.0, "Standard_D4": 2.0, "Standard_D8": 4.0}


@dataclass
class Use:
    account: str
    sku: str
    list_usd: float
    negotiated: float
    hours: float
    left: float = 0.0

    @property
    def usd(self) -> float:
        return round(self.list_usd * (1 - self.negotiated), 9)


@dataclass
class Plan:
    account: str
    years: int
    discount: float
    usd_per_h: float
    left: float = 0.0

    def takes(self, use: Use) -> bool:
        """Its own account alone, or all."""
        return self.account in ("", use.account)

    def rate(self, use: Use) -> float:
        """A negotiated price below the rate is used."""
        return min(use.list_usd * (1 - self.discount), use.usd)


uses = st.builds(
    Use,
    account=st.sampled_from(["a", "b"]),
    sku=st.sampled_from([*RATIOS]),
    list_usd=st.integers(10, 400).map(lambda n: n / 100),
    negotiated=st.sampled_from([0.0, 0.1, 0.3]),
    hours=st.integers(0, 20).map(lambda n: n / 4),
)
plans = st.builds(
    Plan,
    account=st.sampled_from(["", "a", "b"]),
    years=st.sampled_from([1, 3]),
    discount=st.integers(5, 60).map(lambda n: n / 100),
    usd_per_h=st.integers(1, 60).map(lambda n: n / 10),
)


def account_of(used: list[Use], provider: str = "azure") -> Metered:
    lines = tuple(
        Line(
            provider=provider,
            sku=use.sku if provider == "azure" else use.sku.replace("Standard_D", "n2-standard-"),
            service="Virtual Machines" if provider == "azure" else "Compute Engine",
            region="r",
            account=use.account,
            list_usd=use.list_usd,
            contracted_usd=use.usd,
            as_of="",
            quality="given",
        )
        for use in used
    )
    none: Any = np.empty(0)
    runs = UsageIntervals(start_s=none, end_s=none, line=none.astype(np.int64), units=none)
    hours = np.array([[use.hours for use in used]])
    return Metered(start_s=0.0, length_h=np.ones(1), lines=lines, hours=hours, varying_usd=None, runs=runs)


def told(used: list[Use], reserved: int, held: list[Plan]) -> float:
    """USD of the hour: the reservation from the smallest size up, then plan after plan."""
    for use in used:
        use.left = use.hours
    units = float(reserved)
    for use in sorted(used, key=lambda use: RATIOS[use.sku]):
        hours = min(use.left, units / RATIOS[use.sku])
        use.left, units = use.left - hours, units - hours * RATIOS[use.sku]
    for plan in held:
        plan.left = plan.usd_per_h
    ranks = sorted({(-plan.years, plan.account == "") for plan in held})
    for rank in ranks:
        pairs = [
            (-round(1 - plan.rate(use) / use.usd, 12), plan.rate(use), i, j)
            for j, plan in enumerate(held)
            if (-plan.years, plan.account == "") == rank
            for i, use in enumerate(used)
            if plan.takes(use)
        ]
        for _, rate, i, j in sorted(pairs):
            hours = min(used[i].left, max(held[j].left, 0.0) / rate)
            used[i].left, held[j].left = used[i].left - hours, held[j].left - hours * rate
    return reserved * 0.5 + sum(plan.usd_per_h for plan in held) + sum(use.left * use.usd for use in used)


def same_use(use: Use) -> tuple[str, str]:
    return use.account, use.sku


@given(st.lists(uses, min_size=1, max_size=5, unique_by=same_use), st.integers(0, 8), st.lists(plans, max_size=3))
def test_an_hour_of_azure_is_settled_as_it_is_told(used: list[Use], reserved: int, held: list[Plan]) -> None:
    bought: list[Commitment] = [
        AzureSavingsPlan(
            commitment=plan.usd_per_h,
            discount=plan.discount,
            years=plan.years,
            account=plan.account,
            shared=False,
        )
        for plan in held
    ]
    if reserved:
        bought.append(AzureReservation(sku="Standard_D2", region="r", count=reserved, price=0.5, ratios=RATIOS))
    found = settle(account_of(used), bought, CATALOG)
    assert found.effective_usd == pytest.approx(told(used, reserved, held), abs=1e-6)
    assert found.rest_h[0].tolist() == pytest.approx([use.left for use in used], abs=1e-8)
    charges = list(compute_charges(found))
    assert sum(charge.effective_cost_usd for charge in charges) == pytest.approx(found.effective_usd, abs=1e-6)


def test_a_negotiated_price_below_the_rate_is_drawn_from_the_plan() -> None:
    use = Use(account="a", sku="Standard_D2", list_usd=1.0, negotiated=0.4, hours=1.0)
    plan = AzureSavingsPlan(commitment=1.0, discount=0.2)
    found = settle(account_of([use]), [plan], CATALOG)
    assert found.effective_usd == pytest.approx(1.0), "0.60 of it is used; it was 1.60 with all of it unused"
    assert float(found.bought[0].unused_usd.sum()) == pytest.approx(0.4)


@given(
    st.lists(uses, min_size=1, max_size=4, unique_by=lambda use: use.sku),
    st.integers(0, 4),
    st.integers(1, 60).map(lambda n: n / 10),
    st.sampled_from(["discounted", "on-demand"]),
)
def test_an_hour_of_google_cloud_is_settled_as_it_is_told(
    used: list[Use], count: int, commitment: float, basis: Any
) -> None:
    for use in used:
        use.account, use.negotiated, use.left = "", 0.0, use.hours
    bought: list[Commitment] = [FlexibleCud(commitment=commitment, commit_basis=basis, discount=0.46)]
    usd = fee = commitment if basis == "discounted" else 0.54 * commitment
    if count:
        bought.append(ResourceCud(sku="n2-standard-4", region="r", count=count, price=0.1))
        usd += 0.1 * count
        for use in used:
            use.left -= min(use.left, count) if use.sku == "Standard_D4" else 0.0
    for use in sorted(used, key=lambda use: use.list_usd):
        hours = min(use.left, fee / (0.54 * use.list_usd))
        use.left, fee = use.left - hours, fee - hours * 0.54 * use.list_usd
    found = settle(account_of(used, "gcp"), bought, CATALOG)
    assert found.effective_usd == pytest.approx(usd + sum(use.left * use.usd for use in used), abs=1e-6)
    assert found.rest_h[0].tolist() == pytest.approx([use.left for use in used], abs=1e-7)
