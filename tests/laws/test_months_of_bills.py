"""Runs of several months are billed month by month: tiers and sustained use begin anew, as on bills of providers."""

from dataclasses import replace
from math import fsum
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bought_nodes import N1
from support.ledgers import ledger, outcomes

from simcost.billing import OnDemand, bill
from simcost.billing.metering import UsageIntervals, metered, usages_of
from simcost.billing.settlement import settle
from simcost.billing.storage_transfer import month_usd
from simcost.catalog import load_catalog
from simcost.ledger.months import month_edges_h
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage
from simcost.scenario.runs.candidates import _flat_usage

CATALOG, HOUR, MONTH_H = load_catalog(), 3600.0, 730
BUY = OnDemand(offer="aws/g6.xlarge", region="us-east-1")


def grown(months: int, hours: float) -> UsageIntervals:
    """A machine more each month, all of them up to the end."""
    starts = np.arange(months) * MONTH_H * HOUR
    ends = np.full(months, hours * HOUR)
    return UsageIntervals(start_s=starts, end_s=ends, line=np.zeros(months, np.int64), units=np.ones(months))


@pytest.mark.parametrize("months", [1, 3, 12])
def test_machines_that_run_whole_months_have_the_whole_discount(months: int) -> None:
    """Spread over the run, a machine that was there in its last month alone had none."""
    account = metered([N1], grown(months, months * MONTH_H), horizon_s=months * MONTH_H * HOUR, start_s=None)
    used_h = fsum(range(1, months + 1)) * MONTH_H
    assert settle(account, [], CATALOG).effective_usd == pytest.approx(0.7 * used_h, rel=1e-12)


@given(st.lists(st.floats(0.0, 60_000.0), min_size=2, max_size=12))
def test_tiers_of_traffic_begin_anew_each_month(sent_gb: list[float]) -> None:
    span_s, whole = len(sent_gb) * MONTH_H * HOUR, fsum(sent_gb)
    shares = tuple(gb / whole for gb in sent_gb) if whole else ()
    usage = LedgerUsage(
        horizon_s=span_s,
        slots_per_node=1,
        nodes=pa.table([["p"], [0], [0], [0.0], [span_s]], schema=NODES),
        slot_seconds={"idle": span_s},
        gb_out=whole,
        out_shares=shares,
    )
    tiers = CATALOG.tier_prices("aws", "egress", "us-east-1")
    expected = fsum(month_usd(gb, tiers) for gb in sent_gb)
    assert bill(usage, BUY, CATALOG).by_category_usd()["transfer"] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_disks_are_kept_in_the_months_in_which_their_nodes_are_there() -> None:
    """RunPod: $0.07 up to 1,000 GB-months of a month, $0.05 beyond."""
    three_s, tiers = 3 * MONTH_H * HOUR, CATALOG.tier_prices("runpod", "storage", "any")
    ends = [three_s, three_s / 3, three_s / 3]
    table = pa.table([["p"] * 3, [0, 1, 2], [0] * 3, [0.0] * 3, ends], schema=NODES)
    usage = LedgerUsage(
        horizon_s=three_s, slots_per_node=1, nodes=table, slot_seconds={"idle": sum(ends)}, disk_gb_per_node=900.0
    )
    offer = next(one for one in CATALOG.facts.offers if one.provider == "runpod")
    found = bill(usage, OnDemand(offer=f"runpod/{offer.sku}", region=offer.region), CATALOG)
    stored = [charge for charge in found.charges if charge.sku == "storage"]
    assert [round(one.consumed_quantity, 6) for one in stored] == [2700.0, 900.0, 900.0]
    assert [one.charge_period_start_s / HOUR for one in stored] == [0.0, 730.0, 1460.0]
    expected = fsum(month_usd(gb, tiers) for gb in (2700.0, 900.0, 900.0))
    assert found.by_category_usd()["storage"] == pytest.approx(expected, rel=1e-12)
    short = replace(usage, horizon_s=three_s / 3, nodes=table.slice(1), slot_seconds={"idle": sum(ends[1:])})
    assert len([one for one in bill(short, BUY, CATALOG).charges if one.sku == "storage"]) == 1


def test_the_least_cost_of_nodes_is_no_more_than_in_one_month_of_three() -> None:
    """Disks of ten pods at all times cost more than those of thirty in one month, more of them in the cheap tier."""
    three_s = 3 * MONTH_H * HOUR
    pool = SimpleNamespace(
        kinds=[SimpleNamespace(slots=1)],
        accelerators_per_replica=1,
        startup=SimpleNamespace(disk=100.0),
        response_bytes_per_token=0.0,
    )
    flat: Any = _flat_usage(10.0, three_s, cast("Any", SimpleNamespace(pool=pool)), 0.0)
    table = pa.table([["p"] * 30, [*range(30)], [0] * 30, [0.0] * 30, [three_s / 3] * 30], schema=NODES)
    burst = replace(flat, nodes=table, disk_gb_per_node=100.0)
    offer = next(one for one in CATALOG.facts.offers if one.provider == "runpod")
    buy = OnDemand(offer=f"runpod/{offer.sku}", region=offer.region)
    least, whole = (bill(usage, buy, CATALOG).total_usd for usage in (flat, burst))
    assert least <= whole


def test_traffic_leaves_in_the_month_in_which_its_requests_arrive() -> None:
    """Days of 10 tokens, then of 30 from day 35 on; in months of 30 1/3 days, the day on an edge is of both."""
    days = [{"output_tokens": 10 if day < 35 else 30} for day in range(91)]
    run = ledger(horizon_s=91 * 24 * HOUR, felt=outcomes(days, window_s=24 * HOUR), gb_out=7.0)
    edge_d = 728 / 24
    sent = [10 * edge_d, 10 * (35 - edge_d) + 30 * (2 * edge_d - 35), 30 * edge_d]
    assert run.out_shares() == pytest.approx([tokens / fsum(sent) for tokens in sent])
    [usage] = usages_of(run)
    assert usage.gb_out_by_month(month_edges_h(2184.0)).tolist() == pytest.approx([7 * s / fsum(sent) for s in sent])
    assert ledger(horizon_s=31 * 24 * HOUR, felt=outcomes(days[:31], window_s=24 * HOUR)).out_shares() == ()
