"""Sustained use of Google Cloud against a plain retelling: a month is combined into as few machines as could run it."""

from dataclasses import replace
from math import fsum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bought_nodes import N1

from simcost.billing.books import compute_charges
from simcost.billing.commitment import ResourceCud
from simcost.billing.metering import Line, Metered, UsageIntervals
from simcost.billing.price_list import price_list
from simcost.billing.settlement import settle
from simcost.catalog import load_catalog
from simcost.studies.commitments.demand import CommitmentDemand, from_history
from simcost.studies.commitments.optimizer import Aim
from simcost.studies.commitments.study import CommitmentRequest, best_amounts

CATALOG = load_catalog()
HOURS = 48


def account(hours: np.ndarray, lines: tuple[Line, ...]) -> Metered:
    none = np.empty(0)
    runs = UsageIntervals(start_s=none, end_s=none, line=none.astype(np.int64), units=none)
    length = np.ones(len(hours))
    return Metered(start_s=None, length_h=length, lines=lines, hours=hours, varying_usd=None, runs=runs)


def told(machines: np.ndarray) -> float:
    """USD of a month with so many machines by the hour: the k-th of them pays by quarters of the month."""
    quarter, usd = len(machines) / 4, 0.0
    for k in range(int(machines.max(initial=0))):
        left = float((machines > k).sum())
        for price in (1.0, 0.8, 0.6, 0.4):
            usd += price * min(left, quarter)
            left -= min(left, quarter)
    return usd


demands = st.lists(st.integers(0, 4), min_size=HOURS, max_size=HOURS).map(lambda row: np.array(row, np.float64))


@given(demands, st.lists(st.integers(0, 3), min_size=HOURS, max_size=HOURS))
def test_use_is_one_whatever_its_tags_and_zones(machines: np.ndarray, owners: list[int]) -> None:
    lines = (N1, replace(N1, tags=(("team", "a"),)), replace(N1, zone="b"), replace(N1, tags=(("team", "b"),)))
    split = np.zeros((HOURS, 4))
    split[np.arange(HOURS), owners] = machines
    found = settle(account(split, lines), [], CATALOG)
    assert found.effective_usd == pytest.approx(told(machines))
    by_line = found.rest_usd.sum(axis=0)
    used = split.sum(axis=0)
    each = by_line[used > 0] / used[used > 0]
    assert each.tolist() == pytest.approx([each[0]] * len(each) if len(each) else []), "all pay the same for an hour"


def test_accounts_and_regions_have_a_month_of_their_own() -> None:
    half = np.array([[1.0, 0.0]] * (HOURS // 2) + [[0.0, 1.0]] * (HOURS // 2))
    for other in (replace(N1, account="b"), replace(N1, region="us-east1")):
        assert settle(account(half, (N1, other)), [], CATALOG).effective_usd == pytest.approx(0.9 * HOURS)


@given(demands, st.sampled_from([0.1, 0.2, 0.35, 0.55]))
def test_the_best_commitment_is_that_of_the_cheapest_bill(machines: np.ndarray, discount: float) -> None:
    demand = from_history(account(machines[:, None], (N1,)), sustained=True)
    assert isinstance(demand, CommitmentDemand)
    option = ResourceCud(name="cud", sku="n1-standard-8", count=5, discount=discount, renewed=True)
    asked = CommitmentRequest(demand=demand, offered=(option,), rates=CATALOG, aim=Aim())
    bills = [fsum([count * (1 - discount) * HOURS, told(np.maximum(machines - count, 0))]) for count in range(6)]
    [best] = best_amounts(asked, asked.options())
    assert bills[round(best)] == pytest.approx(min(bills))
    for count, usd in enumerate(bills):
        assert asked.monthly(np.array([float(count)])).mean() * HOURS / 730 == pytest.approx(usd)


def test_a_discount_below_that_of_sustained_use_is_not_bought() -> None:
    steady = account(np.ones((HOURS, 1)), (N1,))
    option = ResourceCud(name="cud", sku="n1-standard-8", count=5, discount=0.2, renewed=True)
    for sustained, count in ((True, 0), (False, 1)):
        demand = from_history(steady, sustained=sustained)
        asked = CommitmentRequest(demand=demand, offered=(option,), rates=CATALOG, aim=Aim())
        assert best_amounts(asked, asked.options()).tolist() == [count]


@given(demands, st.integers(1, 4))
def test_a_commitment_saves_the_difference_of_the_bills_without_and_with_it(machines: np.ndarray, count: int) -> None:
    used = account(machines[:, None], (N1,))
    cud = ResourceCud(name="cud", sku="n1-standard-8", count=count, discount=0.2, renewed=True)
    found = settle(used, [cud], CATALOG)
    [use] = found.bought
    saved = use.otherwise_usd - float(use.committed_usd.sum())
    assert saved == pytest.approx(settle(used, [], CATALOG).effective_usd - found.effective_usd)


@given(st.floats(0.01, 5.0), st.integers(1, 3))
def test_a_run_of_any_length_is_like_a_month(span_h: float, machines: int) -> None:
    count = int(np.ceil(span_h))
    length = np.ones(count)
    length[-1] = span_h - (count - 1)
    used = replace(account((machines * length)[:, None], (N1,)), length_h=length)
    assert settle(used, [], CATALOG).effective_usd == pytest.approx(0.7 * machines * span_h)


def test_the_price_of_usage_with_the_discount_is_that_of_the_list() -> None:
    """It was called the price of the list less the discount, another in each replication."""
    settled = settle(account(np.ones((HOURS, 1)), (N1,)), [], CATALOG)
    [charge] = compute_charges(settled)
    assert (charge.list_cost_usd, charge.contracted_cost_usd) == (HOURS, HOURS)
    assert charge.effective_cost_usd == pytest.approx(0.7 * HOURS)
    assert [row["usd"] for row in price_list([charge])] == [1.0]
    told = "gcp/n1-standard-8: Google Cloud's sustained-use discounts are taken off, month by month"
    assert list(settled.notes) == [told]
    assert settle(account(np.ones((HOURS, 1)), (N1,)), [], CATALOG, sustained=False).notes == ()
