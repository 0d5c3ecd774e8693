"""Energy of plans with owned nodes: those of the catalog and owned ones add up."""

from pathlib import Path

import pyarrow as pa
import pytest
from support.scenarios import write

from simcost.billing import Buy, OnDemand, Serverless
from simcost.billing.owned import Owned
from simcost.catalog import load_catalog
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage
from simcost.scenario.checks.load import find_faults
from simcost.scenario.runs.bills import PurchasedNodes, energy_of

CATALOG = load_catalog()
OWN = Owned(capex=300_000.0, accelerators=8, life_years=4, power=6.0, pue=1.3, electricity=0.1)
RENTED = OnDemand(offer="aws/p4d.24xlarge", region="us-east-1")


def nodes(buy: Buy, count: int = 1) -> PurchasedNodes:
    """Nodes that are there for an hour and idle."""
    table = pa.table([["p"] * count, [0] * count, list(range(count)), [0.0] * count, [3600.0] * count], schema=NODES)
    usage = LedgerUsage(horizon_s=3600.0, slots_per_node=8, nodes=table, slot_seconds={"idle": 8 * 3600.0 * count})
    return PurchasedNodes(usage=usage, buy=buy)


def test_owned_pools_that_are_bought_alike_are_counted_once() -> None:
    found = energy_of([nodes(OWN), nodes(OWN, 2)], CATALOG)
    assert found is not None
    assert found.kwh == pytest.approx(3 * 6.0 * 1.3)


def test_owned_and_rented_nodes_add_up() -> None:
    each = [energy_of([nodes(buy)], CATALOG) for buy in (OWN, RENTED)]
    both = energy_of([nodes(OWN), nodes(RENTED)], CATALOG)
    assert both is not None
    assert both.kwh == pytest.approx(sum(one.kwh or 0.0 for one in each if one is not None))
    assert both.gco2e is None
    assert any("g_per_kwh" in line for line in both.unknown)


def test_what_is_not_known_stays_unknown() -> None:
    assert energy_of([nodes(OWN)], CATALOG, whole=False) is None
    assert energy_of([nodes(OWN), nodes(Serverless(price=2.0))], CATALOG) is None


def test_the_power_of_owned_nodes_is_asked_for_before_anything_runs(tmp_path: Path) -> None:
    owned = "{kind: owned, capex: 9000, accelerators: 1, life_years: 4, pue: 1.4, electricity: 0.1}"
    fault = find_faults(write(tmp_path, ("{offer: aws/g6.xlarge}", owned)))[0]
    assert fault.path == "plans.0.buy.power"
    assert fault.message == "is required, and missing"
