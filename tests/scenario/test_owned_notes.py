"""The cost of owned nodes, part by part, among the assumptions of whatever pays them."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from support.scenarios import SMALL, write

from simcost.billing import bill
from simcost.billing.owned import Owned
from simcost.catalog import load_catalog
from simcost.compare.document import _notes_of_bills
from simcost.errors import InputError
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage
from simcost.scenario.checks.load import load
from simcost.scenario.inputs.purchasing import usage_of_run
from simcost.scenario.runs.bills import PurchasedNodes, costs_by_owner, costs_of
from simcost.scenario.runs.run import run
from simcost.studies.breakeven.command import asked
from simcost.studies.breakeven.fleets import Settings
from simcost.studies.breakeven.question import compare_with_apis

CATALOG = load_catalog()
MINE = Owned(
    capex=16_000.0,
    accelerators=1,
    life_years=4,
    residual=3_000.0,
    power=0.5,
    pue=1.4,
    electricity=0.12,
    maintenance=0.05,
    staff=6_000.0,
    nodes=3,
)
YEAR = "a year of one costs $4,786 (capital $3,250, energy $735.84, maintenance $800.00)"
"""13,000 / 4 years, 0.5 kW x 1.4 x 8,760 h x $0.12 and 5 % of 16,000."""


def usage(nodes: int) -> LedgerUsage:
    """Nodes that are idle for an hour."""
    table = pa.table([["p"] * nodes, [0] * nodes, [*range(nodes)], [0.0] * nodes, [3600.0] * nodes], schema=NODES)
    return LedgerUsage(horizon_s=3600.0, slots_per_node=1, nodes=table, slot_seconds={"idle": nodes * 3600.0})


def test_a_bill_names_the_cost_of_a_node_and_their_number() -> None:
    said = f"owned nodes: 3, bought for $16,000 each; {YEAR}, and staff $6,000 for all of them, used or not"
    assert bill(usage(2), MINE, CATALOG).notes == (said,)


def test_a_number_that_follows_the_run_is_told() -> None:
    """Each future would buy what it needs, which nobody knows in advance."""
    cost, number = bill(usage(2), replace(MINE, nodes=None, staff=0.0), CATALOG).notes
    assert cost == f"owned nodes: bought for $16,000 each; {YEAR}, used or not"
    assert number.startswith("owned nodes: 2 in at least one replication")
    assert "give `nodes`" in number


def test_staff_that_several_purchases_have_is_told() -> None:
    """Purchases that differ are accounts of their own, and each pays its people: 6,000 + 6,000."""
    alike = [PurchasedNodes(usage=usage(1), buy=MINE), PurchasedNodes(usage=usage(1), buy=MINE)]
    apart = [alike[0], PurchasedNodes(usage=usage(1), buy=replace(MINE, nodes=1))]
    told = "of 2 purchases that differ, and each pays its own staff, $12,000 a year in all"
    assert not any("purchases that differ" in note for note in costs_of(alike, CATALOG).notes)
    owners = {"a": apart[:1], "b": apart[1:]}
    for costs in (costs_of(apart, CATALOG), costs_by_owner(apart, owners, CATALOG)[0]):
        assert sum(told in note for note in costs.notes) == 1
        assert costs.total_usd == pytest.approx((4 * 4785.84 + 12_000) / 8760)
    free = [replace(one, buy=replace(one.buy, staff=0.0)) for one in apart if isinstance(one.buy, Owned)]
    assert not any("purchases that differ" in note for note in costs_of(free, CATALOG).notes)


def test_a_run_longer_than_the_life_of_the_nodes_is_told() -> None:
    """An hour of nodes that last for half of one."""
    short = replace(MINE, life_years=0.5 / 8760)
    assert not any("longer than their life" in note for note in bill(usage(1), MINE, CATALOG).notes)
    assert any("longer than their life" in note for note in bill(usage(1), short, CATALOG).notes)


def test_a_rent_without_the_power_that_is_rented_is_refused() -> None:
    """It was 0 $ without a word: 200 $/kW x 12 x 0 kW."""
    with pytest.raises(ValueError, match=r"colocation .* needs `contracted`"):
        replace(MINE, colocation=200.0)
    rented = replace(MINE, colocation=200.0, contracted=0.5)
    assert rented.cost(3).colocation == pytest.approx(3 * 200 * 12 * 0.5)
    for power, told in ((0.5, False), (0.6, True)):
        notes = bill(usage(1), replace(rented, power=power), CATALOG).notes
        assert any("0.5 kW are rented for a node that draws 0.6 kW" in note for note in notes) is told


@pytest.mark.slow
@pytest.mark.parametrize("staff", [0, 6000])
def test_a_comparison_with_an_api_says_what_own_nodes_cost_and_whose_staff_is_in_it(tmp_path: Path, staff: int) -> None:
    """Owned nodes have people with them, which a comparison said were left out."""
    facts = "capex: 9000, accelerators: 1, life_years: 4, power: 0.1, pue: 1, electricity: 0"
    own = f"{{kind: owned, {facts}, staff: {staff}}}"
    text = SMALL.partition("  - name: two")[0]
    file = write(tmp_path, ("{offer: aws/g6.xlarge}", own), ("horizon: 10min", "horizon: 2min"), text=text)
    found = compare_with_apis(
        load(file), [asked("groq/llama-3.1-8b-instant")], tmp_path / "runs", Settings(scales=(1.0,), seeds=1), print
    )
    assert any("one: owned nodes: bought for $9,000 each; a year of one costs $2,250" in a for a in found.assumptions)
    assert any("no price of `storage` and `egress` is given" in text for text in found.assumptions)
    [people] = [text for text in found.assumptions if "not the people who run them" in text]
    assert ("but for the staff of owned nodes" in people) == bool(staff)


@pytest.mark.slow
def test_owned_nodes_of_a_run_have_no_price_by_the_hour(tmp_path: Path) -> None:
    """Billed again they were of an offer, a disk and a line that no catalog has, three errors about none of them."""
    own = "{kind: owned, capex: 9000, accelerators: 1, life_years: 4, power: 0.1, pue: 1, electricity: 0}"
    text = SMALL.partition("  - name: two")[0]
    file = write(tmp_path, ("{offer: aws/g6.xlarge}", own), ("horizon: 10min", "horizon: 2min"), text=text)
    run(load(file), tmp_path / "out", seeds=1)
    with pytest.raises(InputError, match=r"plan 'one' has owned nodes, .* --run-plan NAME"):
        usage_of_run(tmp_path / "out", None)


@pytest.mark.slow
def test_serverless_workers_of_a_run_have_no_offer(tmp_path: Path) -> None:
    """Their bill asked for a price of `serverless/node`, and then for a billing rule of 'serverless'."""
    text = SMALL.partition("  - name: two")[0]
    edits = ("{offer: aws/g6.xlarge}", "{kind: serverless, price: $1/h}"), ("horizon: 10min", "horizon: 2min")
    run(load(write(tmp_path, *edits, text=text)), tmp_path / "out", seeds=1)
    with pytest.raises(InputError, match=r"plan 'one' has serverless workers, .* --run-plan NAME"):
        usage_of_run(tmp_path / "out", None)


def test_disks_and_a_line_without_a_price_are_told_where_a_run_uses_them() -> None:
    """They were 0 $ beside disks and transfer that a rented plan pays, without a word."""
    used = replace(usage(1), disk_gb_per_node=200.0, gb_out=3.0)
    [said] = [note for note in bill(used, MINE, CATALOG).notes if "no price of" in note]
    assert "no price of `storage` and `egress` is given" in said
    [said] = [note for note in bill(used, replace(MINE, egress=0.05), CATALOG).notes if "no price of" in note]
    assert "no price of `storage` is given" in said
    priced = replace(MINE, egress=0.05, storage=0.1)
    assert not any("no price of" in note for note in bill(used, priced, CATALOG).notes)
    assert not any("no price of" in note for note in bill(usage(1), MINE, CATALOG).notes)


def test_each_plan_of_several_is_named_beside_its_owned_nodes() -> None:
    """Which of several plans has the nodes of a sentence was not to be seen."""
    plans: list[Any] = [
        SimpleNamespace(name=name, results=[SimpleNamespace(bill=bill(usage(1), buy, CATALOG))])
        for name, buy in (("a", MINE), ("b", MINE), ("c", replace(MINE, nodes=1)))
    ]
    first, second = (bill(usage(1), buy, CATALOG).notes[0] for buy in (MINE, replace(MINE, nodes=1)))
    assert _notes_of_bills(plans) == [f"a, b: {first}.", f"c: {second}."]
    assert _notes_of_bills(plans[:2]) == [f"{first}."]
