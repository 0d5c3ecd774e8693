"""Laws of money: bills add up to the ledger, are linear in prices, and do not care about order."""

from dataclasses import replace
from random import Random

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.ledgers import HOUR, Book, Node, Replica, ledger, rule, tiers

from simcost.billing import OnDemand, bill, bill_together
from simcost.billing.commitment import TakeOrPay
from simcost.billing.metering import billed_seconds, slot_seconds, usages_of
from simcost.billing.storage_transfer import month_usd
from simcost.catalog.facts import BillingRule
from simcost.ledger.requests import Ledger

HORIZON_S = 24 * HOUR
BUY = OnDemand(offer="acme/big")
seconds = st.floats(0.0, HORIZON_S, allow_subnormal=False)
rules = st.builds(rule, st.sampled_from([1.0, 60.0, 3600.0]), st.sampled_from([0.0, 60.0, 3600.0]))
shares = st.floats(0.0, 1.0)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Nodes with 1-4 slots, some of them with a replica that starts, serves and drains."""
    slots = draw(st.integers(1, 4))
    nodes: list[Node] = []
    replicas: list[Replica] = []
    for node in range(draw(st.integers(0, 5))):
        start, end = sorted((draw(seconds), draw(st.one_of(seconds, st.just(HORIZON_S)))))
        nodes.append((start, end))
        for _ in range(draw(st.integers(0, slots))):
            begin, ready, drain, stop = sorted(start + draw(shares) * (end - start) for _ in range(4))
            replicas += [
                (node, "starting", begin, ready, 0.0),
                (node, "ready", ready, drain, draw(shares) * (drain - ready)),
                (node, "draining", drain, stop, 0.0),
            ]
    made = ledger(nodes, replicas, slots=slots, disk_gb=draw(st.floats(0, 500)), gb_out=draw(st.floats(0, 1e4)))
    work_s = draw(shares) * made.outcomes.work_s
    return replace(made, outcomes=replace(made.outcomes, work_s=work_s))


def book(price: float, billing: BillingRule, factor: float = 1.0) -> Book:
    storage = tiers("storage", (0, 1000, 0.07 * factor), (1000, None, 0.05 * factor))
    egress = tiers("egress", (0, 100, 0.0), (100, 10240, 0.09 * factor), (10240, None, 0.08 * factor))
    return Book(price * factor, billing, storage=storage, egress=egress)


@given(ledgers(), rules, st.floats(0.01, 1000.0))
@example(ledger([(0.0, 1.192092896e-7)]), rule(), 31.0)  # less than a microsecond is paid and used
def test_the_bill_adds_up_to_the_ledger(used: Ledger, billing: BillingRule, price: float) -> None:
    result = bill(used, BUY, book(price, billing))
    compute = result.by_category_usd()["compute"]
    metered_to_h = 24 * 1e-12  # each clock-hour
    by_state = sum(result.compute_by_state_usd.values())
    assert by_state == pytest.approx(compute, rel=1e-9, abs=metered_to_h * price)
    run = compute - result.compute_by_state_usd["rounding"]
    assert run == pytest.approx(used.node_hours() * price, rel=1e-9, abs=1e-6)
    assert min(result.compute_by_state_usd.values()) >= -1e-6
    states = {"computing", "idle", "starting", "draining", "unallocated", "rounding"}
    assert result.compute_by_state_usd.keys() == states
    assert slot_seconds(used)["computing"] == pytest.approx(used.outcomes.work_s, rel=1e-9, abs=1e-6)
    slot_hours = used.node_hours() * used.slots[0]
    assert sum(slot_seconds(used).values()) / HOUR == pytest.approx(slot_hours, rel=1e-9, abs=1e-9)


@given(ledgers(), rules, st.randoms())
def test_kinds_of_nodes_at_one_price_are_paid_as_one(used: Ledger, billing: BillingRule, random: Random) -> None:
    """However the nodes are told apart: disks in tiers and what is committed count over all of an account."""
    kinds = pa.array([random.randrange(2) for _ in range(len(used.nodes))], pa.int64())
    apart = replace(used, nodes=used.nodes.set_column(2, "kind", kinds), slots=2 * used.slots)
    held = TakeOrPay(provider="acme", sku="big", region="any", count=2, price=1.5, length=HORIZON_S)
    buy, prices = replace(BUY, commitments=(held,)), book(2.0, billing)
    once = bill(used, buy, prices)
    again = bill_together([(usage, BUY) for usage in usages_of(apart)], [held], prices)
    assert again.total_usd == pytest.approx(once.total_usd, rel=1e-9)
    assert again.compute_by_state_usd == pytest.approx(once.compute_by_state_usd, rel=1e-9, abs=1e-9)


@given(ledgers(), rules, st.floats(0.01, 100.0), st.floats(0.1, 10.0))
def test_repricing_is_linear(used: Ledger, billing: BillingRule, price: float, factor: float) -> None:
    once, scaled = bill(used, BUY, book(price, billing)), bill(used, BUY, book(price, billing, factor))
    assert scaled.total_usd == pytest.approx(factor * once.total_usd, rel=1e-9)


@given(ledgers(), rules, st.randoms())
def test_the_order_of_rows_does_not_matter(used: Ledger, billing: BillingRule, random: Random) -> None:
    def shuffled(table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        random.shuffle(rows)
        return pa.Table.from_pylist(rows, schema=table.schema)

    other = replace(used, nodes=shuffled(used.nodes), replicas=shuffled(used.replicas))
    once, again = bill(used, BUY, book(2.0, billing)), bill(other, BUY, book(2.0, billing))
    assert again.total_usd == pytest.approx(once.total_usd, rel=1e-12)
    assert again.compute_by_state_usd == pytest.approx(once.compute_by_state_usd, rel=1e-9, abs=1e-9)


@given(st.floats(0.0, 1e6), shares, rules)
def test_splitting_an_interval_never_lowers_the_bill(run_s: float, share: float, billing: BillingRule) -> None:
    whole = billed_seconds([run_s], [False], billing).sum()
    parts = billed_seconds([run_s * share, run_s - run_s * share], [False, False], billing).sum()
    assert parts >= whole - 1e-5
    assert whole >= run_s


@given(st.floats(0.0, 1e5), st.floats(0.0, 1e5))
def test_tiers_that_fall_are_never_dearer_together(first_gb: float, second_gb: float) -> None:
    steps = tiers("egress", (0, 1000, 0.10), (1000, 50000, 0.08), (50000, None, 0.06))
    apart = month_usd(first_gb, steps) + month_usd(second_gb, steps)
    assert month_usd(first_gb + second_gb, steps) <= apart + 1e-9
