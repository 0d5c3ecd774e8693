"""Settlement against a plain retelling, and laws: order, cuts, linearity, more commitment never covers less."""

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from settled_plainly import RIGID, Plan, Reserved, Use, settle_hour

from simcost.billing.books import compute_charges, coverage
from simcost.billing.commitment import Commitment, ReservedInstances, SavingsPlan
from simcost.billing.metering import Line, Metered, UsageIntervals, metered
from simcost.billing.settlement import Settlement, settle
from simcost.catalog import load_catalog

CATALOG = load_catalog()
families, sizes = (
    st.sampled_from(["m5", "c5", "g5"]),
    st.sampled_from(["large", "xlarge", "2xlarge", "4xlarge"]),
)
accounts, zones = st.sampled_from(["", "a", "b"]), st.sampled_from(["x", "y"])
cents = st.integers(1, 2000).map(lambda n: n / 100)
uses = st.builds(
    Use,
    account=accounts,
    zone=zones,
    family=families,
    size=sizes,
    usd=cents,
    hours=st.integers(0, 40).map(lambda n: n / 4),
)
reserved = st.builds(
    Reserved,
    account=accounts,
    zone=st.one_of(st.none(), zones),
    family=families,
    size=sizes,
    count=st.integers(1, 5),
    usd=cents,
)
savings = st.builds(
    Plan,
    account=accounts,
    family=st.one_of(st.none(), families),
    usd_per_h=st.integers(1, 400).map(lambda n: n / 10),
    discount=st.integers(5, 80).map(lambda n: n / 100),
)


def same_use(use: Use) -> tuple[str, ...]:
    return use.account, use.zone, use.family, use.size


some_uses = st.lists(uses, min_size=1, max_size=7, unique_by=same_use)


def account_of(used: list[Use]) -> Metered:
    lines = [
        Line(
            provider="aws",
            sku=f"{u.family}.{u.size}",
            region="r",
            zone=u.zone,
            account=u.account,
            list_usd=u.usd,
            contracted_usd=u.usd,
            as_of="",
            quality="given",
        )
        for u in used
    ]
    hours = np.array([[u.hours for u in used]])
    none: Any = np.empty(0)
    runs = UsageIntervals(start_s=none, end_s=none, line=none.astype(np.int64), units=none)
    return Metered(start_s=0.0, length_h=np.ones(1), lines=tuple(lines), hours=hours, varying_usd=None, runs=runs)


def bought(held: list[Reserved], plans: list[Plan]) -> list[Commitment]:
    return [
        *(
            ReservedInstances(
                sku=f"{r.family}.{r.size}",
                region="r",
                zone=r.zone,
                account=r.account,
                count=r.count,
                price=r.usd,
            )
            for r in held
        ),
        *(
            SavingsPlan(
                covers="instance" if p.family else "compute",
                family=p.family,
                region="r" if p.family else None,
                account=p.account,
                commitment=p.usd_per_h,
                discount=p.discount,
            )
            for p in plans
        ),
    ]


def settled(used: list[Use], held: list[Reserved], plans: list[Plan]) -> Settlement:
    return settle(account_of(used), bought(held, plans), CATALOG)


@given(
    st.lists(uses, max_size=7, unique_by=same_use),
    st.lists(reserved, max_size=3),
    st.lists(savings, max_size=3),
)
def test_an_hour_is_settled_as_it_is_told(used: list[Use], held: list[Reserved], plans: list[Plan]) -> None:
    assert {"g5"} >= RIGID
    found = settled(used, held, plans)
    told = settle_hour(used, held, plans)
    assert found.effective_usd == pytest.approx(told["total"], abs=1e-6)
    assert found.rest_h[0].tolist() == pytest.approx(told["left"], abs=1e-8)
    assert [float(one.unused_usd.sum()) for one in found.bought[len(held) :]] == pytest.approx(told["unused"], abs=1e-6)


@given(
    st.lists(uses, min_size=1, max_size=7, unique_by=same_use),
    st.lists(reserved, max_size=3),
    st.lists(savings, max_size=3),
)
def test_charges_add_up_and_nothing_is_covered_twice(used: list[Use], held: list[Reserved], plans: list[Plan]) -> None:
    found = settled(used, held, plans)
    charges = list(compute_charges(found))
    assert sum(c.effective_cost_usd for c in charges) == pytest.approx(found.effective_usd, abs=1e-6)
    assert sum(c.billed_cost_usd for c in charges) == pytest.approx(found.billed_usd, abs=1e-6)
    covered = sum((one.covered_h.get(i, np.zeros(1)) for one in found.bought for i in range(len(used))), np.zeros(1))
    assert covered[0] + found.rest_h.sum() == pytest.approx(sum(u.hours for u in used), abs=1e-8)
    for one in found.bought:
        spent = sum(float(usd.sum()) for usd in one.covered_usd.values())
        assert spent + float(one.unused_usd.sum()) == pytest.approx(float(one.committed_usd.sum()), abs=1e-6)


@given(st.lists(uses, min_size=1, max_size=7, unique_by=same_use), savings, st.integers(2, 5))
def test_more_commitment_never_covers_less(used: list[Use], plan: Plan, factor: int) -> None:
    small, large = (settled(used, [], [replace(plan, usd_per_h=plan.usd_per_h * by)]) for by in (1.0, float(factor)))
    one, other = coverage(small, small.bought[0]), coverage(large, large.bought[0])
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert other >= one - 1e-9


@given(
    st.lists(uses, min_size=1, max_size=5, unique_by=same_use),
    st.lists(savings, max_size=2),
    st.integers(2, 7),
)
def test_money_is_linear_in_prices(used: list[Use], plans: list[Plan], factor: int) -> None:
    dearer = [replace(u, usd=u.usd * factor) for u in used]
    scaled = [replace(p, usd_per_h=p.usd_per_h * factor) for p in plans]
    once, again = settled(used, [], plans), settled(dearer, [], scaled)
    assert again.effective_usd == pytest.approx(factor * once.effective_usd, rel=1e-9)


spans = st.tuples(st.integers(0, 40_000), st.integers(1, 30_000), st.integers(0, 2), st.integers(1, 4))


def hours_of(rows: list[tuple[float, float, int, float]]) -> Any:
    start, length, line, units = (np.array(column) for column in zip(*rows, strict=True))
    lines = [
        Line(provider="aws", sku=f"s{i}", region="r", list_usd=1.0, contracted_usd=1.0, as_of="", quality="A")
        for i in range(3)
    ]
    runs = UsageIntervals(
        start_s=start.astype(float),
        end_s=(start + length).astype(float),
        line=line.astype(np.int64),
        units=units.astype(float),
    )
    return metered(lines, runs, horizon_s=90_000.0, start_s=0.0).hours


@given(st.lists(spans, min_size=1, max_size=12), st.randoms(), st.floats(0.01, 0.99))
def test_neither_order_nor_cuts_change_what_is_metered(rows: list[Any], random: Random, share: float) -> None:
    whole = hours_of(rows)
    assert whole.sum() == pytest.approx(sum(length * units for _, length, _, units in rows) / 3600)
    cut = [part for s, n, i, u in rows for part in ((s, n * share, i, u), (s + n * share, n - n * share, i, u))]
    random.shuffle(cut)
    assert hours_of(cut) == pytest.approx(whole, abs=1e-9)


@pytest.mark.parametrize("upfront", ["none", "partial", "all"])
def test_cash_and_amortised_cost_agree_over_the_term(upfront: Any) -> None:
    used = account_of([Use("", "x", "m5", "large", 2.0, 1.0)])
    year = replace(used, length_h=np.ones(8760), hours=np.repeat(used.hours, 8760, axis=0))
    plan = SavingsPlan(commitment=0.7, discount=0.5, upfront=upfront)
    found = settle(year, [plan], CATALOG)
    assert found.billed_usd == pytest.approx(found.effective_usd, rel=1e-12)
    assert found.effective_usd == pytest.approx(8760 * (0.7 + 0.3 * 2.0), rel=1e-12)
