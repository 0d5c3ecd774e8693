"""Free volumes of traffic: purchases that differ have their own, which a result tells where it matters."""

from dataclasses import replace

import pyarrow as pa
import pytest

from simcost.billing import Buy, OnDemand
from simcost.billing.owned import Owned
from simcost.catalog import load_catalog
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage
from simcost.scenario.runs.bills import PurchasedNodes, costs_by_owner, costs_of
from simcost.units import HOURS_PER_MONTH

CATALOG = load_catalog()
SMALL, LARGE = (OnDemand(offer=f"aws/g6.{size}", region="us-east-1") for size in ("xlarge", "2xlarge"))
OWN = Owned(capex=9000.0, accelerators=1, life_years=4, power=0.1, pue=1.0, electricity=0.0)
MONTH_S = HOURS_PER_MONTH * 3600.0


def sends(buy: Buy, gb: float) -> PurchasedNodes:
    """A node for a month that sends so many GB."""
    nodes = pa.table([["p"], [0], [0], [0.0], [MONTH_S]], schema=NODES)
    usage = LedgerUsage(horizon_s=MONTH_S, slots_per_node=1, nodes=nodes, slot_seconds={"idle": MONTH_S}, gb_out=gb)
    return PurchasedNodes(usage=usage, buy=buy)


@pytest.mark.parametrize(
    ("bought", "told"),
    [
        ([sends(SMALL, 80.0), sends(LARGE, 80.0)], 1),  # 160 GB on one bill, of which 100 are free
        ([sends(SMALL, 40.0), sends(LARGE, 40.0)], 0),  # free either way
        ([sends(SMALL, 80.0), sends(SMALL, 80.0)], 0),  # one account
        ([sends(SMALL, 80.0), sends(replace(LARGE, egress=0.05), 80.0)], 0),  # at a price of one's own
        ([sends(SMALL, 80.0), sends(OWN, 80.0)], 0),
    ],
)
def test_free_volumes_of_several_accounts_are_told(bought: list[PurchasedNodes], told: int) -> None:
    owners = {str(i): [one] for i, one in enumerate(bought)}
    for costs in (costs_of(bought, CATALOG), costs_by_owner(bought, owners, CATALOG)[0]):
        said = [note for note in costs.notes if note.startswith("aws/egress: purchases that differ each have free")]
        assert len(said) == told
